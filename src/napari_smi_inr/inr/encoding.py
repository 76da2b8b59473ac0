"""Positions in millimetres to random Fourier features."""

from __future__ import annotations

import torch
from torch import nn


class FourierEncoding(nn.Module):
    """Sines and cosines of random plane waves (Tancik et al. 2020; arXiv 2506.15762, eq. 4).

    The frequencies are drawn in cycles per millimetre, so the finest detail of a field depends
    neither on the field of view nor on the voxels' proportions. Features of two points decorrelate
    as exp(-r²/(2 detail²)), which is what *detail* means here.

    Parameters
    ----------
    features
        Number of frequencies F.
    detail
        Length over which features decorrelate [mm]; frequencies have a standard deviation of
        1/(2π detail) along each axis.
    centre
        (3,) RAS position [mm] from which waves are counted; keeps float32 phases exact.
    """

    frequencies: torch.Tensor
    centre: torch.Tensor

    def __init__(self, features: int, detail: float, centre: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(3, features) / detail)  # (3, F) rad/mm
        self.register_buffer("centre", centre.to(torch.float32))

    @property
    def n_features(self) -> int:
        """Length of a feature vector, 2F."""
        return 2 * self.frequencies.shape[1]

    def forward(self, points_mm: torch.Tensor) -> torch.Tensor:
        """(N, 3) RAS positions [mm] to (N, 2F) features."""
        phase = (points_mm - self.centre) @ self.frequencies
        features = phase.new_empty(len(phase), self.n_features)
        torch.sin(phase, out=features[:, : phase.shape[1]])
        torch.cos(phase, out=features[:, phase.shape[1] :])
        return features
