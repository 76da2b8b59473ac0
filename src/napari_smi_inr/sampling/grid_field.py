"""Voxel maps as a continuous field, by classical interpolation: what the INR is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from ..errors import InputError
from .coordinates import world_to_voxel

Interpolation = Literal["nearest", "linear", "cubic"]
_ORDER: dict[str, Literal[0, 1, 3]] = {"nearest": 0, "linear": 1, "cubic": 3}


class GridField:
    """Voxel maps that can be sampled anywhere.

    Parameters
    ----------
    maps
        (X, Y, Z) volumes by parameter symbol, all of one shape. NaN marks missing voxels; they take the value of the
        nearest valid one, so that interpolation never bleeds across the edge of the mask.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    mask
        (X, Y, Z) voxels to show; by default those where every map is finite.
    interpolation
        ``"nearest"``, ``"linear"`` or ``"cubic"`` (interpolating cubic B-spline).

    Raises
    ------
    InputError
        If there are no maps, their shapes differ or the interpolation is unknown.
    """

    def __init__(
        self,
        maps: Mapping[str, NDArray[np.floating]],
        affine: NDArray[np.floating],
        mask: NDArray[np.bool_] | None = None,
        interpolation: Interpolation = "linear",
    ) -> None:
        _check(maps, mask, interpolation)
        self._affine = np.asarray(affine, np.float64)
        self._parameters = tuple(maps)
        volumes = np.stack([np.asarray(m, np.float32) for m in maps.values()])  # (C, X, Y, Z)
        valid: NDArray[np.bool_] = np.all(np.isfinite(volumes), axis=0)
        self._mask: NDArray[np.bool_] = valid if mask is None else np.asarray(mask, bool) & valid
        self._interpolation = interpolation
        self._order = _ORDER[interpolation]
        filled = _fill(volumes, valid)
        self._volumes = [
            scipy.ndimage.spline_filter(v, 3, np.float32, "mirror") if self._order == 3 else v for v in filled
        ]

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4) from voxel indices to RAS millimetres."""
        return self._affine

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(X, Y, Z) voxels with values."""
        return self._mask

    @property
    def parameters(self) -> tuple[str, ...]:
        """Symbols of the maps, in column order."""
        return self._parameters

    def with_maps(self, maps: Mapping[str, NDArray[np.floating]]) -> GridField:
        """Make a field of other maps on the same grid, interpolated the same way."""
        return GridField(maps, self._affine, interpolation=self._interpolation)

    def sample(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, C) interpolated values at (N, 3) RAS points [mm]; beyond the volume, those of its surface."""
        upper = np.array(self._mask.shape) - 1
        voxels = np.clip(world_to_voxel(self._affine, points_mm), 0, upper).T
        values = np.empty((len(points_mm), len(self._volumes)), np.float32)
        for column, volume in enumerate(self._volumes):
            values[:, column] = scipy.ndimage.map_coordinates(
                volume, voxels, order=self._order, mode="mirror", prefilter=False
            )
        return values


def _check(maps: Mapping[str, NDArray[np.floating]], mask: NDArray[np.bool_] | None, interpolation: str) -> None:
    if not maps:
        raise InputError("maps", "is empty.", "Give at least one (X, Y, Z) volume.")
    shapes = {symbol: np.shape(volume) for symbol, volume in maps.items()}
    if mask is not None:
        shapes["mask"] = np.shape(mask)
    if len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) != 3:
        raise InputError("maps", f"have shapes {shapes}.", "Give volumes of one common (X, Y, Z) shape.")
    if interpolation not in _ORDER:
        raise InputError("interpolation", f"is {interpolation!r}.", f"Choose one of {', '.join(_ORDER)}.")


def _fill(volumes: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Replace missing voxels by their nearest valid neighbour."""
    if valid.all() or not valid.any():
        return np.nan_to_num(volumes)
    nearest = scipy.ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return volumes[:, nearest[0], nearest[1], nearest[2]]
