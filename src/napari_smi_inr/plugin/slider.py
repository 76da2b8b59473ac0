"""Sliders that move by a quarter of a voxel and stop at voxel centres, whatever the finest level's spacing."""

from __future__ import annotations

import math
from typing import Any

from .pyramid import Pyramid

STEPS_PER_VOXEL = 4

Range = tuple[float, float, float]


def aligned_range(start: float, stop: float, centre: float, step: float) -> Range:
    """Shrink a range by less than a step at each end, so that ``centre`` is one of its stops."""
    first = centre - math.floor((centre - start) / step + 1e-6) * step
    last = centre + math.floor((stop - centre) / step + 1e-6) * step
    return (first, last, step) if first < last else (start, stop, step)


class SliderSteps:
    """Keeps the steps of the world's three sliders; napari recomputes them whenever any layer changes.

    Parameters
    ----------
    viewer
        The viewer, whose last three axes are the world's.
    pyramid
        Levels of the zoom layer.
    """

    def __init__(self, viewer: Any, pyramid: Pyramid) -> None:
        self._dims = viewer.dims
        self._voxel = pyramid.step(pyramid.coarsest)
        self._centre = [float(pyramid.centre(pyramid.coarsest, axis, 0)) for axis in range(3)]
        self._busy = False
        self._dims.events.range.connect(self.impose)

    def impose(self) -> None:
        """Set the steps, keeping every slider where it is."""
        offset = self._dims.ndim - 3
        if self._busy or offset < 0:  # below three axes: the last layer has just gone
            return
        self._busy = True
        try:
            ranges = list(self._dims.range)
            for axis in range(3):
                start, stop, _ = ranges[axis + offset]
                step = float(self._voxel[axis]) / STEPS_PER_VOXEL
                ranges[axis + offset] = aligned_range(start, stop, self._centre[axis], step)
            self._dims.range = tuple(ranges)
        finally:
            self._busy = False

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


def set_exactly(dims: Any, axis: int, position: float) -> None:
    """Put a slider at any position [mm]: napari's slider widget rounds the first call to its step, not the second."""
    dims.set_point(axis, position)
    dims.set_point(axis, position)
