"""The phantom on the grid of a scan: a field like any other, but known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..parameters import FOD, SCALARS
from .phantom import Phantom


@dataclass(frozen=True, eq=False)
class PhantomField:
    """A phantom with the grid it was scanned on; it can be sampled like a fitted field.

    Attributes
    ----------
    phantom
        The truth at every point.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    shape
        Voxels along each axis.
    """

    phantom: Phantom
    affine: NDArray[np.float64]
    shape: tuple[int, int, int]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Symbols of the columns of :meth:`sample`."""
        return SCALARS

    @property
    def lmax(self) -> int:
        """Order of the FODs."""
        return self.phantom.lmax

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        """(X·Y·Z, 3) RAS positions of the voxel centres [mm], in C order."""
        indices = np.indices(self.shape).reshape(3, -1).T
        return np.asarray(indices @ self.affine[:3, :3].T + self.affine[:3, 3], dtype=np.float64)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(X, Y, Z) voxels whose centre lies in tissue."""
        return self.phantom.inside(self.centres).reshape(self.shape)

    def evaluate(self, points_mm: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
        """(N,) arrays by symbol and the (N, C) FOD at (N, 3) RAS positions [mm]."""
        return self.phantom.evaluate(points_mm)

    def sample(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, 6) scalars at (N, 3) RAS positions [mm], not masked."""
        return self.phantom.scalars(points_mm).astype(np.float32)

    def maps(self) -> dict[str, NDArray[np.float32]]:
        """(X, Y, Z) truth at the voxel centres by symbol, NaN outside the mask."""
        return {symbol: self._on_grid(self._in_mask[symbol], np.nan) for symbol in SCALARS}

    def fod_map(self) -> NDArray[np.float32]:
        """(X, Y, Z, C) true FOD at the voxel centres, 0 outside the mask."""
        return self._on_grid(self._in_mask[FOD], 0.0)

    @cached_property
    def _in_mask(self) -> dict[str, NDArray[np.float64]]:
        return self.phantom.evaluate(self.centres[self.mask.ravel()])

    def _on_grid(self, values: NDArray[np.float64], outside: float) -> NDArray[np.float32]:
        grid = np.full((*self.shape, *values.shape[1:]), outside, dtype=np.float32)
        grid[self.mask] = values
        return grid
