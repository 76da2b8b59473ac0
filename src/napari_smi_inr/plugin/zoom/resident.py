"""The whole field at about one sample per voxel, held in memory: the instant image of any plane, and the 3-D view."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from ...sampling.coordinates import napari_to_world
from ...sampling.mask import SmoothMask
from .channels import Recipe
from .edge import Edge
from .pyramid import Pyramid


class Resident:
    """Coarsest level of the pyramid, filled in the background by the worker.

    Values are also computed one sample beyond where the field is shown, so that interpolation is clean up to there.
    One thread writes; readers may see a plane half filled, and ask :meth:`knows` first.
    """

    def __init__(self, pyramid: Pyramid, n_channels: int) -> None:
        self._pyramid = pyramid
        self._shape = pyramid.shapes[-1]
        self.values = np.zeros((n_channels, *self._shape), np.float32)
        self._known = np.zeros(self._shape, bool)
        self._missing = np.ones(self._shape, bool)
        self._distance: NDArray[np.float32] | None = None  # from the edge of the mask [mm]
        self.edge: Edge | None = None  # what it is prepared for; set last: the sign that the rest is there
        self.progress = 0  # rises with every change; 0 until prepared

    @property
    def spacing(self) -> float:
        """Largest distance between samples [mm]."""
        return float(self._pyramid.step(self._pyramid.coarsest).max())

    @property
    def complete(self) -> bool:
        """Whether every sample has its value."""
        return self.edge is not None and not self._missing.any()

    def prepare(self, inside: SmoothMask, edge: Edge) -> None:
        """Find out which samples are needed for what is to be shown; slow enough to belong to the worker."""
        if self._distance is None:
            indices = np.indices(self._shape).reshape(3, -1).T
            self._distance = inside.distance(self.points(indices)).reshape(self._shape)
        shown = self._distance > -edge.end
        self._missing = scipy.ndimage.maximum_filter(shown, size=3, mode="constant") & ~self._known
        self.edge = edge
        self.progress += 1

    def points(self, indices: NDArray[np.int_]) -> NDArray[np.float64]:
        """(N, 3) RAS positions [mm] of (N, 3) samples."""
        level = self._pyramid.coarsest
        positions = [self._pyramid.centre(level, axis, indices[:, axis]) for axis in range(3)]
        return napari_to_world(np.stack(positions, axis=-1))

    def next_missing(self, axis: int, position: float, limit: int, near: bool) -> NDArray[np.int_]:
        """(n <= limit, 3) samples still to compute, in the planes closest to ``position`` along ``axis``.

        With ``near`` only those that the plane at ``position`` is interpolated from; otherwise outward from there.
        """
        missing = np.moveaxis(self._missing, axis, 0)
        if near:
            candidates = [i for i in self._around(axis, position)[:2] if missing[i].any()]
        else:
            todo = np.flatnonzero(missing.any(axis=(1, 2)))
            centre = float(self._pyramid.index(self._pyramid.coarsest, axis, position))
            candidates = [int(todo[np.argmin(np.abs(todo - centre))])] if len(todo) else []
        if not candidates:
            return np.empty((0, 3), int)
        in_plane = np.argwhere(missing[candidates[0]])[:limit]
        return np.insert(in_plane, axis, candidates[0], axis=1)

    def fill(self, indices: NDArray[np.int_], values: NDArray[np.float32]) -> None:
        """Store (n, C) values of (n, 3) samples."""
        where = tuple(indices.T)
        self.values[:, *where] = np.nan_to_num(values.T)  # interpolation needs numbers everywhere
        self._known[where] = True
        self._missing[where] = False
        self.progress += 1

    def knows(self, axis: int, position: float) -> bool:
        """Whether the plane at a position [mm] can be interpolated."""
        if self.edge is None:
            return False
        missing = np.moveaxis(self._missing, axis, 0)
        return not any(missing[i].any() for i in self._around(axis, position)[:2])

    def plane(self, columns: tuple[int, ...], axis: int, position: float) -> NDArray[np.float32]:
        """(K, rows, columns) of some channels, interpolated between the two nearest planes."""
        return np.stack([self._between(self.values[column], axis, position) for column in columns])

    def distances(self, axis: int, position: float) -> NDArray[np.float32] | None:
        """(rows, columns) distances from the edge of the mask [mm], negative outside; None until prepared."""
        return None if self._distance is None else self._between(self._distance, axis, position)

    def volume(self, recipe: Recipe) -> NDArray[np.float32]:
        """(Z, Y, X) values of one parameter, or (Z, Y, X, 4) colours; transparent outside and where not yet known.

        One sample around what is shown is kept, because the graphics card interpolates between samples and would let
        every NaN eat its neighbours too.
        """
        kept = scipy.ndimage.maximum_filter(self._shown(), size=3) & ~self._missing
        volume = recipe.finish(self.values[list(recipe.columns)])
        if recipe.colours:
            return np.concatenate([volume, kept[..., None].astype(np.float32)], axis=-1)
        return np.where(kept, volume, np.float32(np.nan))

    def limits(self, recipe: Recipe) -> tuple[float, float] | None:
        """Give the 1st and 99th percentile of one parameter over what is known of the mask; ``None`` if nothing is."""
        values = recipe.finish(self.values[list(recipe.columns)][:, self._within(0.0)])
        values = values[np.isfinite(values)]
        if not len(values):
            return None
        low, high = (float(p) for p in np.percentile(values, (1, 99)))
        return (low, high) if high > low else (low, low + max(abs(low), 1.0) * 1e-3)

    def _shown(self) -> NDArray[np.bool_]:
        return self._within(self.edge.reach if self.edge else 0.0)

    def _within(self, reach: float) -> NDArray[np.bool_]:
        """(Z, Y, X) samples known and no further than this beyond the mask [mm]."""
        if self._distance is None:
            return np.zeros(self._shape, bool)
        within: NDArray[np.bool_] = (self._distance >= -reach) & self._known
        return within

    def _between(self, volume: NDArray[np.float32], axis: int, position: float) -> NDArray[np.float32]:
        low, high, weight = self._around(axis, position)
        planes = np.moveaxis(volume, axis, 0)
        blend: NDArray[np.float32] = planes[low] * np.float32(1 - weight) + planes[high] * np.float32(weight)
        return blend

    def _around(self, axis: int, position: float) -> tuple[int, int, float]:
        """Give the two samples around a position and the weight of the second."""
        last = self._shape[axis] - 1
        index = float(np.clip(self._pyramid.index(self._pyramid.coarsest, axis, position), 0, last))
        low = int(index)
        return low, min(low + 1, last), index - low
