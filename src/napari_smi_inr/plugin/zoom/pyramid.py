"""The grid the zoom layer pretends to be: world-aligned levels from a hundredth of a voxel to one voxel.

Axes are napari's throughout: (z, y, x), increasing towards superior, anterior and right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...sampling.coordinates import bounding_box, nearest_voxel_axes, voxel_sizes

FINEST = 511
"""Finest samples per voxel; odd, so that voxel centres lie on the grid the slider steps along."""

RATIO = 2**0.5
"""Between levels: napari draws 1 to RATIO samples per screen pixel, so a small ratio wastes few of them."""

MAX_TEXTURE = 16384
"""Longest strip napari may ask for at once (while it changes axes) that any graphics card still takes."""

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Pyramid:
    """Levels of one box in space, finest first.

    Attributes
    ----------
    low, high
        (3,) faces of the box [mm].
    shapes
        Samples per axis of each level; the last level has about one per voxel.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    shapes: tuple[Shape, ...]

    @classmethod
    def around(cls, affine: NDArray[np.floating], shape: tuple[int, ...]) -> Pyramid:
        """Build the levels that cover a volume; for an axis-aligned one the coarsest is its own voxel grid."""
        low, high = (corner[::-1] for corner in bounding_box(affine, shape))
        voxel = voxel_sizes(affine)[list(nearest_voxel_axes(affine))][::-1]
        counts = np.maximum(np.ceil((high - low) / voxel - 1e-6), 1).astype(int)
        middle = (low + high) / 2
        half = counts * voxel / 2
        return cls(middle - half, middle + half, _shapes(counts, _refinements(counts, voxel)))

    @property
    def coarsest(self) -> int:
        """Number of the coarsest level."""
        return len(self.shapes) - 1

    @property
    def scale(self) -> NDArray[np.float64]:
        """(3,) spacing of the finest level [mm]: the layer's ``scale``."""
        return self.step(0)

    @property
    def translate(self) -> NDArray[np.float64]:
        """(3,) centre of the first sample of the finest level [mm]: the layer's ``translate``."""
        return self.low + self.scale / 2

    def step(self, level: int) -> NDArray[np.float64]:
        """(3,) spacing of a level [mm]; what napari calls its downsample factor, times the scale."""
        spacing: NDArray[np.float64] = (self.high - self.low) / np.array(self.shapes[level])
        return spacing

    def centre(self, level: int, axis: int, index: NDArray[np.number] | float) -> NDArray[np.float64]:
        """Position [mm] of samples along an axis: napari draws sample i over [i, i + 1) steps from the face."""
        return np.asarray(self.low[axis] + (np.asarray(index) + 0.5) * self.step(level)[axis])

    def index(self, level: int, axis: int, position: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Fractional sample number of positions [mm] along an axis; inverse of :meth:`centre`."""
        return np.asarray((np.asarray(position) - self.low[axis]) / self.step(level)[axis] - 0.5)


def _refinements(counts: NDArray[np.int_], voxel: NDArray[np.float64]) -> NDArray[np.int_]:
    """Samples per voxel along each axis: odd, and as many more along a long voxel edge as keep samples cubic."""
    relative = voxel / voxel.min()
    finest = min(FINEST, MAX_TEXTURE / float((counts * relative).max()) - 1)
    odd: NDArray[np.int_] = 2 * np.maximum(np.rint((finest * relative - 1) / 2), 0).astype(int) + 1
    return odd


def _shapes(counts: NDArray[np.int_], refinements: NDArray[np.int_]) -> tuple[Shape, ...]:
    finest = counts * refinements
    n_levels = int(np.ceil(np.log(refinements.max()) / np.log(RATIO))) + 1
    levels = [np.maximum(counts, np.rint(finest / RATIO**k).astype(int)) for k in range(n_levels)]
    levels[-1] = counts if n_levels > 1 else levels[-1]
    return tuple((int(z), int(y), int(x)) for z, y, x in levels)
