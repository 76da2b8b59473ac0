"""What to sample: a lattice of points in space, frozen, as any consumer asks for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .coordinates import refined, voxel_to_world


@dataclass(frozen=True, eq=False)
class SampleRequest:
    """A regular lattice of points: a plane for the viewer, a volume for a file.

    Attributes
    ----------
    affine
        (4, 4) from lattice indices (i, j, k) to RAS millimetres.
    shape
        Points along i, j and k; the last varies fastest.
    """

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]

    @classmethod
    def over_volume(
        cls, affine: NDArray[np.floating], shape: tuple[int, int, int], factor: float = 1.0
    ) -> SampleRequest:
        """Make the grid of a volume, ``factor`` times finer along every axis."""
        return cls(*refined(affine, shape, factor))

    @property
    def size(self) -> int:
        """Number of points."""
        return int(np.prod(self.shape))

    def points(self, start: int = 0, stop: int | None = None) -> NDArray[np.float64]:
        """(stop - start, 3) RAS positions [mm] of the points numbered ``start`` to ``stop``."""
        flat = np.arange(start, self.size if stop is None else min(stop, self.size))
        indices = np.stack(np.unravel_index(flat, self.shape), axis=-1)
        return voxel_to_world(self.affine, indices)
