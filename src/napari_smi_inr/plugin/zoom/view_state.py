"""What the viewer shows, as frozen values: from camera and sliders to the plane and region to sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...sampling.request import SampleRequest
from .interpolation import TAPS
from .pyramid import Pyramid

TILE = 96
"""Pixels along each side of a tile: few enough to waste little at the edge of the canvas, enough for large batches."""

MARGIN = TAPS // 2
"""Samples beyond the faces of the volume, which interpolation close to them needs."""

STRIDES = (8, 2, 1)
"""Passes over a tile, coarse to fine: one sample per this many pixels along each side."""


def first_sample(stride: int) -> int:
    """Pixel of a tile's first sample: near the middle of its block, and on the lattice of the next finer pass."""
    return stride // 2 if stride > 2 else 0


@dataclass(frozen=True)
class ViewState:
    """Sliders of a viewer whose last three axes are the world's z, y and x.

    Attributes
    ----------
    point
        Slider positions [mm], all axes of the viewer.
    order
        Axes from sliced to displayed.
    ndisplay
        2 or 3.
    """

    point: tuple[float, ...]
    order: tuple[int, ...]
    ndisplay: int

    def position(self, axis: int) -> float | None:
        """Slider position [mm] along world axis 0 to 2; ``None`` while the viewer has fewer than three axes."""
        offset = len(self.point) - 3
        return float(self.point[axis + offset]) if offset >= 0 else None

    @property
    def displayed(self) -> tuple[int, ...]:
        """World axes on the canvas, top to bottom then left to right; negative for axes before the world's."""
        offset = len(self.point) - 3
        return tuple(int(axis) - offset for axis in self.order[-self.ndisplay :])


@dataclass(frozen=True)
class PlaneView:
    """A rectangle of one plane of one level: what napari draws in one slice.

    Attributes
    ----------
    axis
        World axis the plane is perpendicular to (0 z, 1 y, 2 x).
    plane
        Its exact position [mm], not the nearest sample's.
    level
        Level of the pyramid.
    rows, columns
        Half-open ranges of samples along the other two axes, lower axis first.
    """

    axis: int
    plane: float
    level: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def in_plane(self) -> tuple[int, int]:
        """The two other axes, in increasing order."""
        first, second = (a for a in range(3) if a != self.axis)
        return first, second

    @property
    def shape(self) -> tuple[int, int]:
        """Samples along rows and columns."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]

    def positions(self, pyramid: Pyramid) -> list[NDArray[np.float64]]:
        """Positions [mm] of the rows and of the columns."""
        ranges = zip(self.in_plane, (self.rows, self.columns), strict=True)
        return [pyramid.centre(self.level, axis, np.arange(*span)) for axis, span in ranges]

    def at_level(self, pyramid: Pyramid, level: int) -> PlaneView:
        """Give the same rectangle in samples of another level, and some more around it."""
        spans = []
        for axis, positions in zip(self.in_plane, self.positions(pyramid), strict=True):
            first, last = pyramid.index(level, axis, positions[[0, -1]])
            count = pyramid.shapes[level][axis]
            low, high = max(math.floor(first) - MARGIN, -MARGIN), min(math.ceil(last) + MARGIN + 1, count + MARGIN)
            spans.append((low, high))
        return PlaneView(self.axis, self.plane, level, *spans)


class Tile(NamedTuple):
    """A square of one plane, sampled every ``stride`` pixels: unit of work and of memory.

    A tuple, because each image looks up hundreds of them.
    """

    axis: int
    plane: float
    level: int
    row: int
    column: int
    stride: int

    def span(self, pyramid: Pyramid) -> tuple[tuple[int, int], tuple[int, int]]:
        """Half-open ranges of pixels it covers along rows and columns, up to a margin around the volume."""
        view = PlaneView(self.axis, self.plane, self.level, (0, 0), (0, 0))
        ends = [pyramid.shapes[self.level][axis] for axis in view.in_plane]
        starts = (self.row * TILE, self.column * TILE)
        first, second = ((max(s, -MARGIN), min(s + TILE, e + MARGIN)) for s, e in zip(starts, ends, strict=True))
        return first, second

    def request(self, pyramid: Pyramid) -> SampleRequest:
        """Points to sample: centres of every ``stride``-th pixel."""
        (r0, r1), (c0, c1) = self.span(pyramid)
        step = pyramid.step(self.level)
        vectors = np.zeros((4, 4))  # columns in napari's order: plane normal, row step, column step, origin
        vectors[self.axis, 3] = self.plane
        in_plane = [axis for axis in range(3) if axis != self.axis]
        for column, (axis, start) in enumerate(zip(in_plane, (r0, c0), strict=True), start=1):
            vectors[axis, column] = step[axis] * self.stride
            vectors[axis, 3] = pyramid.low[axis] + (start + first_sample(self.stride) + 0.5) * step[axis]
        affine = np.eye(4)
        affine[:3] = vectors[2::-1]  # (z, y, x) to RAS
        shape = (1, -(-(r1 - r0) // self.stride), -(-(c1 - c0) // self.stride))
        return SampleRequest(affine, shape)


def tiles_of(view: PlaneView) -> list[Tile]:
    """List the full-resolution tiles that touch a view, those at its centre first."""
    (r0, r1), (c0, c1) = view.rows, view.columns
    tiles = [
        Tile(view.axis, view.plane, view.level, row, column, 1)
        for row in range(r0 // TILE, -(-r1 // TILE))
        for column in range(c0 // TILE, -(-c1 // TILE))
    ]
    middle = (r0 + r1) / 2 / TILE - 0.5, (c0 + c1) / 2 / TILE - 0.5
    return sorted(tiles, key=lambda t: (t.row - middle[0]) ** 2 + (t.column - middle[1]) ** 2)
