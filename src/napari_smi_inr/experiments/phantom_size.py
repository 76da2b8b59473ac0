"""The phantom at a wanted size."""

from __future__ import annotations

import numpy as np

from ..simulation.phantom import Phantom
from ..simulation.truth import PhantomField

VOXEL_SIZE = 2.5
"""Edge of a voxel [mm], about the paper's."""

_IN_PLANE, _SLICES = 28, 8
"""Proportions of the slab: wide as a head, thick enough for detail in all three directions."""


def phantom_shape(n_voxels: int) -> tuple[int, int, int]:
    """Grid on which the phantom has about so many voxels of tissue.

    The anatomy fills the grid, so that more voxels mean a larger head at the same resolution: with
    60,000 it measures some 180 mm across.
    """
    guess = (n_voxels / _tissue((_IN_PLANE, _IN_PLANE, _SLICES))) ** (1 / 3)
    sides = range(max(4, round(0.9 * guess * _IN_PLANE)), round(1.1 * guess * _IN_PLANE) + 2)
    shapes = [(side, side, max(1, round(side * _SLICES / _IN_PLANE))) for side in sides]
    return min(shapes, key=lambda shape: abs(_tissue(shape) - n_voxels))


def _tissue(shape: tuple[int, int, int]) -> int:
    """Voxels whose centre lies in tissue."""
    affine = np.diag([VOXEL_SIZE] * 3 + [1.0])
    affine[:3, 3] = -VOXEL_SIZE * (np.array(shape) - 1) / 2
    x, y, z = (VOXEL_SIZE * n for n in shape)
    return int(PhantomField(Phantom(2, (x, y, z)), affine, shape).mask.sum())
