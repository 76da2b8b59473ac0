"""Where FODs are drawn: points of a lattice that is fixed in the world, and so does not swim."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...sampling.coordinates import bounding_box, nearest_voxel_axes, voxel_sizes, voxel_to_world
from ..visible import VisiblePlane


@dataclass(frozen=True, eq=False)
class Lattice:
    """Points at multiples of a spacing from a voxel's centre; each halving of the spacing keeps them all.

    Attributes
    ----------
    anchor
        (3,) a voxel's centre (z, y, x) [mm].
    voxel
        (3,) size of a voxel along these axes [mm].
    low, high
        (3,) faces of the volume [mm].
    """

    anchor: NDArray[np.float64]
    voxel: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, affine: NDArray[np.floating], shape: tuple[int, ...]) -> Lattice:
        """Lay it through the voxel centres of a volume, or along the world's axes through one where that is oblique."""
        middle = voxel_to_world(affine, np.array(shape[:3]) // 2)
        voxel = voxel_sizes(affine)[list(nearest_voxel_axes(affine))]
        low, high = bounding_box(affine, shape)
        return cls(middle[::-1].copy(), voxel[::-1].copy(), low[::-1].copy(), high[::-1].copy())

    def step(self, plane: VisiblePlane, spacing: float) -> float:
        """Distance [mm] of neighbouring points of a plane at a spacing in voxels; the shorter of its two."""
        return spacing * float(min(self.voxel[axis] for axis in plane.displayed))

    def points(self, plane: VisiblePlane, spacing: float) -> NDArray[np.float64]:
        """(N, 3) RAS points [mm] of a plane, those just beyond the canvas included: they reach into it."""
        vertical, horizontal = (np.arange(first, last + 1) for first, last in self._ranges(plane, spacing))
        down, across = (axis.ravel() for axis in np.meshgrid(vertical, horizontal, indexing="ij"))
        first, second = plane.displayed
        return plane.points(
            self.anchor[first] + down * (spacing * self.voxel[first]),
            self.anchor[second] + across * (spacing * self.voxel[second]),
        )

    def count(self, plane: VisiblePlane, spacing: float) -> int:
        """Number of :meth:`points`."""
        return math.prod(max(last - first + 1, 0) for first, last in self._ranges(plane, spacing))

    def _ranges(self, plane: VisiblePlane, spacing: float) -> list[tuple[int, int]]:
        """First and last point along the displayed axes."""
        ranges = []
        for axis, low, high in zip(plane.displayed, plane.low, plane.high, strict=True):
            step = spacing * self.voxel[axis]
            low, high = max(low - step / 2, self.low[axis]), min(high + step / 2, self.high[axis])
            ranges.append(
                (
                    math.ceil((low - self.anchor[axis]) / step - 1e-9),
                    math.floor((high - self.anchor[axis]) / step + 1e-9),
                )
            )
        return ranges
