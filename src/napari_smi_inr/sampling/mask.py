"""Where a field is to be trusted: a mask with an edge finer than its voxels."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray

from .coordinates import voxel_sizes, world_to_voxel

_MARGIN = 4  # voxels around the volume at which distances are still told apart


class SmoothMask:
    """A voxel mask as a region of space: where its trilinear interpolation reaches one half.

    The edge then runs smoothly between voxel centres, and passes through the outer faces of the volume.

    Parameters
    ----------
    mask
        (X, Y, Z) voxels.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    """

    def __init__(self, mask: NDArray[np.bool_], affine: NDArray[np.floating]) -> None:
        self._values = np.asarray(mask, np.float32)
        self._affine = np.asarray(affine, np.float64)

    def fraction(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N,) interpolated mask at (N, 3) RAS points [mm], 0 to 1."""
        voxels = world_to_voxel(self._affine, points_mm).T
        # grid-constant: the zeros outside take part in the interpolation, so the edge voxels keep their outer half
        return scipy.ndimage.map_coordinates(self._values, voxels, order=1, mode="grid-constant", cval=0.0)

    def __call__(self, points_mm: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(N,) whether each of (N, 3) RAS points [mm] lies inside."""
        return self.fraction(points_mm) >= 0.5 - 1e-5

    def distance(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N,) distances of (N, 3) RAS points [mm] from the edge [mm], negative outside; rough beyond a few voxels."""
        voxels = world_to_voxel(self._affine, points_mm).T + _MARGIN
        return scipy.ndimage.map_coordinates(self._distance, voxels, order=1, mode="nearest")

    @cached_property
    def _distance(self) -> NDArray[np.float32]:
        """Signed distances [mm] at the voxels; neighbours on both sides of an edge are half a voxel away from it."""
        inside = np.pad(self._values > 0, _MARGIN)
        sizes = voxel_sizes(self._affine)
        half = float(sizes.min()) / 2
        within, without = (scipy.ndimage.distance_transform_edt(m, sampling=sizes) for m in (inside, ~inside))
        return np.where(inside, within - half, half - without).astype(np.float32)
