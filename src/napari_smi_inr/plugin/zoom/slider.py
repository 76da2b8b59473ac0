"""Sliders that move by a quarter of a voxel and stop at voxel centres, whatever the finest level's spacing."""

from __future__ import annotations

import math
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..napari_compat import unwrapped
from .pyramid import Pyramid

STEPS_PER_VOXEL = 4

Range = tuple[float, float, float]

_shared: WeakKeyDictionary[Any, SliderSteps] = WeakKeyDictionary()


def aligned_range(start: float, stop: float, centre: float, step: float) -> Range:
    """Shrink a range by less than a step at each end, so that ``centre`` is one of its stops."""
    first = centre - math.floor((centre - start) / step + 1e-6) * step
    last = centre + math.floor((stop - centre) / step + 1e-6) * step
    return (first, last, step) if first < last else (start, stop, step)


class SliderSteps:
    """Steps of one viewer's three world sliders.

    napari recomputes them, from the finest spacing of all layers, whenever any layer changes; and its slider widgets
    then move the sliders. Both are put back.

    Parameters
    ----------
    viewer
        The viewer, whose last three axes are the world's.
    pyramid
        Levels of the first zoom layer: others of the same viewer go by its voxels.
    """

    def __init__(self, viewer: Any, pyramid: Pyramid) -> None:
        self._dims = viewer.dims
        self._voxel = pyramid.step(pyramid.coarsest)
        self._centre = [float(pyramid.centre(pyramid.coarsest, axis, 0)) for axis in range(3)]
        self._kept: tuple[float, ...] | None = tuple(self._dims.point) if len(viewer.layers) else None
        self._busy = False
        self.users = 0
        self._dims.events.range.connect(self.impose)
        self._dims.events.point.connect(self._keep)

    def impose(self) -> None:
        """Set the steps, keeping every slider where it is."""
        if self._busy or self._dims.ndim < 3:  # below three axes: the last layer has just gone
            return
        self._busy = True
        try:
            known = self._kept is not None and len(self._kept) == self._dims.ndim
            point = self._kept if known else tuple(self._dims.point)
            with self._dims.events.point.blocker():  # widgets clamp to the new number of steps before they reposition
                self._dims.range = self._ranges()
            for _ in range(2):  # twice, as in set_exactly
                self._dims.point = point
        finally:
            self._busy = False
        self._keep()

    def go_to_centres(self) -> None:
        """Move every slider to the nearest voxel centre: where a fresh viewer should begin."""
        offset = self._dims.ndim - 3
        for axis in range(3):
            first, voxel = self._centre[axis], float(self._voxel[axis])
            point = self._dims.point[axis + offset]
            set_exactly(self._dims, axis + offset, first + round((point - first) / voxel) * voxel)

    def close(self) -> None:
        """Leave the sliders to napari."""
        self._dims.events.range.disconnect(self.impose)
        self._dims.events.point.disconnect(self._keep)

    def _ranges(self) -> tuple[Range, ...]:
        ranges = [(float(start), float(stop), float(step)) for start, stop, step in self._dims.range]
        offset = len(ranges) - 3
        for axis in range(3):
            start, stop, _ = ranges[axis + offset]
            step = float(self._voxel[axis]) / STEPS_PER_VOXEL
            ranges[axis + offset] = aligned_range(start, stop, self._centre[axis], step)
        return tuple(ranges)

    def _keep(self) -> None:
        """Remember where the user has put the sliders; not where widgets put them while the steps are napari's."""
        steps = [r.step for r in self._dims.range[-3:]]
        if not self._busy and len(steps) == 3 and np.allclose(steps, self._voxel / STEPS_PER_VOXEL, rtol=1e-9):
            self._kept = tuple(self._dims.point)


def share(viewer: Any, pyramid: Pyramid) -> SliderSteps:
    """Take hold of a viewer's slider steps, one object for all its zoom layers."""
    if unwrapped(viewer) not in _shared:
        _shared[unwrapped(viewer)] = SliderSteps(viewer, pyramid)
    steps = _shared[unwrapped(viewer)]
    steps.users += 1
    return steps


def release(viewer: Any) -> None:
    """Let go of them; the last user's release gives the sliders back to napari."""
    steps = _shared[unwrapped(viewer)]
    steps.users -= 1
    if not steps.users:
        del _shared[unwrapped(viewer)]
        steps.close()


def set_exactly(dims: Any, axis: int, position: float) -> None:
    """Put a slider at any position [mm]: napari's slider widget rounds the first call to its step, not the second."""
    dims.set_point(axis, position)
    dims.set_point(axis, position)
