"""The field as a torch module: positions to tissue."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .config import FitConfig
from .encoding import FourierEncoding
from .network import StandardModelNetwork, Tissue
from .rows import along_rows

PUBLISHED_WIDTH = 3.5
"""Standard deviation of the published frequencies, in cycles for half the field of view."""


class FieldModel(nn.Module):
    """Encoding and network together.

    Parameters
    ----------
    config
        The fit's settings.
    detail
        Finest detail of the field [mm].
    centre
        (3,) RAS centre of the scan [mm].
    """

    def __init__(self, config: FitConfig, detail: float, centre: torch.Tensor) -> None:
        super().__init__()
        self.encoding = FourierEncoding(config.features, detail, centre)
        self.network = StandardModelNetwork(self.encoding.n_features, config)

    def encode(self, points_mm: torch.Tensor) -> torch.Tensor:
        """(N, 3) RAS positions [mm] to (N, features); the same in every epoch, so worth keeping."""
        return cast(torch.Tensor, self.encoding(points_mm))

    def decode(self, features: torch.Tensor) -> Tissue:
        """(N, features) to the tissue."""
        return cast(Tissue, self.network(features))

    def forward(self, points_mm: torch.Tensor) -> Tissue:
        """(N, 3) RAS positions [mm] to the tissue there."""
        return self.decode(self.encode(points_mm))

    def at(self, points_mm: NDArray[np.floating]) -> Tissue:
        """(N, 3) RAS positions [mm] to the tissue there, sooner where they lie in rows; for a network in use."""
        if self.encoding.frequencies.device.type != "cpu":
            return cast(
                Tissue, self(torch.from_numpy(points_mm.astype(np.float32)).to(self.encoding.frequencies.device))
            )
        waves = self.encoding.frequencies.numpy().astype(np.float64)
        sums = along_rows(points_mm.astype(np.float64), waves, lambda points: self.network.first(self.encode(points)))
        return self.network.after_first(sums)


def published_detail(shape: tuple[int, int, int], voxel_size: NDArray[np.float64]) -> float:
    """Detail [mm] of the published set-up: 3.5 cycles for half the longest side, voxel centre to centre."""
    half = float(np.max((np.array(shape) - 1) * voxel_size)) / 2.0
    return max(half, float(voxel_size.max())) / (2.0 * math.pi * PUBLISHED_WIDTH)
