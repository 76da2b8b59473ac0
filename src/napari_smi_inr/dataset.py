"""A scan ready to be fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .acquisition import Acquisition


@dataclass(frozen=True, eq=False)
class DiffusionDataset:
    """Signal, protocol, mask and geometry of one diffusion scan.

    Attributes
    ----------
    signal
        (X, Y, Z, V) signal in the scan's own units, finite inside the mask.
    acquisition
        Protocol of the V volumes, directions in scanner axes.
    mask
        (X, Y, Z) voxels to fit; only usable ones (finite signal, positive b = 0).
    affine
        (4, 4) from voxel indices to RAS millimetres.
    noise
        Standard deviation of the noise in the scan's units: scalar, (X, Y, Z) map, or unknown.
    checksums
        SHA-256 of each input file by name, for the record kept with results.
    notes
        What was detected, assumed or repaired on reading, in words for the user.
    """

    signal: NDArray[np.float32]
    acquisition: Acquisition
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    noise: float | NDArray[np.float32] | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        x, y, z = self.mask.shape
        return x, y, z

    @property
    def voxel_size(self) -> NDArray[np.float64]:
        """(3,) voxel edge lengths [mm]."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def scale(self) -> float:
        """Typical b = 0 signal inside the mask (95th percentile), the unit the network works in."""
        b0 = self.signal[self.mask][:, self.acquisition.is_b0]
        return float(np.percentile(b0.mean(axis=1), 95))
