"""From predicted measurements and FOD to loss: misfit and non-negativity."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..signal_model.spherical_harmonics import half_sphere, real_sh

N_SPHERE = 100
"""Half-sphere directions at which the FOD is kept from going negative (200 antipodal points)."""


class Nonnegativity(nn.Module):
    """Mean square of the FOD's negative part over the sphere (arXiv 2506.15762, section 2.4)."""

    basis: torch.Tensor

    def __init__(self, lmax: int) -> None:
        super().__init__()
        self.register_buffer(
            "basis", torch.as_tensor(real_sh(half_sphere(N_SPHERE), lmax).T.copy(), dtype=torch.float32)
        )

    def forward(self, fod: torch.Tensor) -> torch.Tensor:
        """(N, C) coefficients to a scalar."""
        return torch.clamp(fod @ self.basis, max=0.0).square().mean()


def squared_error(predicted: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """Sum of squares over measurements, mean over voxels; both (N, R)."""
    return (predicted - measured).square().sum(1).mean()


def rician_mean(predicted: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Expected magnitude of Rician data: :func:`~napari_smi_inr.signal_model.noise.rician_mean` in torch.

    Parameters
    ----------
    predicted
        (N, V) noise-free signal.
    sigma
        (N, 1) standard deviation of the noise in each channel, in the signal's units.
    """
    q = (predicted / sigma).square() / 4.0
    laguerre = (1.0 + 2.0 * q) * torch.special.i0e(q) + 2.0 * q * torch.special.i1e(q)
    expected: torch.Tensor = sigma * math.sqrt(math.pi / 2.0) * laguerre
    return expected


def rician_nll(predicted: torch.Tensor, measured: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of Rician data, up to what the prediction cannot change.

    Parameters
    ----------
    predicted, measured
        (N, V) noise-free and measured magnitude. The likelihood depends on the size of the
        prediction alone, so one that dips below zero does no harm.
    sigma
        (N, 1) standard deviation of the noise in each channel, in the signal's units.

    Returns
    -------
    Sum over volumes and mean over voxels of (S - Ŝ)²/(2σ²) - log i0e(SŜ/σ²).
    """
    predicted = predicted.abs()
    z = measured * predicted / sigma.square()
    misfit = (measured - predicted).square() / (2.0 * sigma.square()) - torch.log(torch.special.i0e(z))
    return misfit.sum(1).mean()
