"""Composing one image from whatever is known: resident plane, the last image, and tiles of rising detail."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from .interpolation import apply, linear_weights, smooth_weights
from .pyramid import Pyramid
from .view_state import STRIDES, TILE, PlaneView, Tile, first_sample, tiles_of

Float = NDArray[np.float32]

Window = tuple[tuple[slice, slice], tuple[slice, slice]]
"""Where a tile meets an image: slices of rows and columns into the image, and into the full-resolution tile."""


STALE = np.float32(1e6)
"""Detail [mm] of a picture that is to be replaced by whatever comes."""


@lru_cache(maxsize=64)
def _tile_weights(n: int, stride: int) -> scipy.sparse.csr_array:
    """Weights that enlarge n samples to the side of a tile: a moving view needs them a thousand times a second."""
    return linear_weights((np.arange(TILE) - first_sample(stride)) / stride, n)


class Frame:
    """The image of one view, improved in place as tiles arrive; several values a pixel where a parameter takes them.

    Attributes
    ----------
    values
        (K, rows, columns) values, of no meaning where nothing is known.
    detail
        (rows, columns) distance between the samples each pixel was made from [mm]; infinite where nothing is known.
    pixel
        Distance between pixels [mm].
    """

    def __init__(self, pyramid: Pyramid, view: PlaneView, depth: int) -> None:
        self.pyramid, self.view = pyramid, view
        self.values = np.zeros((depth, *view.shape), np.float32)
        self.detail = np.full(view.shape, np.inf, np.float32)
        self.pixel = float(max(pyramid.step(view.level)[axis] for axis in view.in_plane))
        self._windows: dict[tuple[int, int], Window] = {}
        self.pasted: dict[tuple[int, int], int] = {}  # finest stride drawn of each tile
        self.seeded = False
        self.improved = 0  # rises with every change

    @property
    def spans(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Half-open ranges of samples along rows and columns."""
        return self.view.rows, self.view.columns

    @cached_property
    def tiles(self) -> list[Tile]:
        """Those of full resolution that touch the view, those at its centre first; a mere backdrop needs none."""
        return tiles_of(self.view)

    def seed(self, resident: Float, spacing: float, only_unknown: bool = False) -> None:
        """Draw (K, h, w) of the resident plane wherever nothing finer is drawn, or nothing at all."""
        self.seeded = True
        self.improved += 1
        detail = max(spacing, self.pixel * 1.001)  # at the coarsest level too, exact samples are to replace these
        coarser = np.isinf(self.detail) if only_unknown else self.detail > detail
        if not coarser.any():
            return
        np.copyto(self.values, enlarged(resident, self.pyramid, self.view), where=coarser)
        self.detail[coarser] = detail

    def inherit(self, previous: Frame) -> None:
        """Start from another image of the same plane, so that zooming never makes the picture coarser."""
        if (previous.view.axis, previous.view.plane) != (self.view.axis, self.view.plane):
            return
        if previous.view.level == self.view.level:
            self._continue(previous)
            return
        (rows, row_from), (columns, column_from) = (
            self._shared(previous, axis, positions, span)
            for axis, positions, span in zip(
                self.view.in_plane,
                self.view.positions(self.pyramid),
                (previous.view.rows, previous.view.columns),
                strict=True,
            )
        )
        if not (len(row_from) and len(column_from)):
            return
        # one axis at a time: several times faster than both at once
        self.values[:, rows, columns] = previous.values.take(row_from, 1).take(column_from, 2)
        detail = previous.detail.take(row_from, 0).take(column_from, 1)
        # nearest samples of another level are never quite in place: always let this level's own replace them
        np.maximum(detail, self.pixel * 1.001, out=self.detail[rows, columns])

    def _continue(self, previous: Frame) -> None:
        """Start from an image with the same pixels, which has moved: what was drawn need not be drawn again."""
        rows, columns = (_shared_span(now, then) for now, then in zip(self.spans, previous.spans, strict=True))
        if rows is None or columns is None:
            return
        here, there = (rows[0], columns[0]), (rows[1], columns[1])
        self.values[:, *here] = previous.values[:, *there]
        self.detail[here] = previous.detail[there]
        for tile in self.tiles:
            stride = previous.pasted.get((tile.row, tile.column))
            if stride is not None and _within(self._window(tile)[0], here):
                self.pasted[tile.row, tile.column] = stride

    def draw_again(self) -> None:
        """Let all tiles be drawn once more: they are not what they were."""
        self.pasted.clear()

    def grow_stale(self) -> None:
        """Keep the picture only until anything replaces it."""
        self.draw_again()
        self.detail[np.isfinite(self.detail)] = STALE

    def _shared(
        self, previous: Frame, axis: int, positions: NDArray[np.float64], span: tuple[int, int]
    ) -> tuple[slice, NDArray[np.intp]]:
        """Pixels along one axis that the previous image covers, and which of its pixels they are."""
        nearest = np.rint(self.pyramid.index(previous.view.level, axis, positions)).astype(np.intp)
        covered = np.flatnonzero((nearest >= span[0]) & (nearest < span[1]))
        if not len(covered):
            return slice(0, 0), covered
        return slice(int(covered[0]), int(covered[-1]) + 1), nearest[covered] - span[0]

    def _window(self, tile: Tile) -> Window:
        """Give the window of a tile, found once for all its strides."""
        place = tile.row, tile.column
        if place not in self._windows:
            self._windows[place] = self._find_window(tile)
        return self._windows[place]

    def _find_window(self, tile: Tile) -> Window:
        inner, outer = [], []
        for (start, stop), (first, last) in zip(
            tile.span(self.pyramid), (self.view.rows, self.view.columns), strict=True
        ):
            low, high = max(start, first), min(stop, last)
            outer.append(slice(low - first, high - first))
            inner.append(slice(low - start, high - start))
        return (outer[0], outer[1]), (inner[0], inner[1])

    def coarsest_detail(self, tile: Tile) -> float:
        """Worst detail drawn within a tile [mm]."""
        outer, _ = self._window(tile)
        return float(self.detail[outer].max(initial=0.0))

    def unfinished(self) -> list[tuple[Tile, int]]:
        """List the tiles not yet drawn at full resolution, and the stride that is: one beyond the coarsest for none."""
        drawn = ((tile, self.pasted.get((tile.row, tile.column), STRIDES[0] + 1)) for tile in self.tiles)
        return [(tile, stride) for tile, stride in drawn if stride > 1]

    def paste(self, tile: Tile, samples: Float) -> None:
        """Draw a tile's (K, h, w) samples, NaN where it has none, wherever the image is coarser than they are."""
        self.improved += 1
        outer, inner = self._window(tile)
        spacing = tile.stride * self.pixel
        full = samples if tile.stride == 1 else np.stack([_enlarge(each, tile.stride) for each in samples])
        full = full[:, *inner]
        replaced = (self.detail[outer] > spacing) & np.isfinite(full[0])
        np.copyto(self.values[:, *outer], full, where=replaced)
        self.detail[outer][replaced] = spacing
        self.pasted[tile.row, tile.column] = tile.stride

    def at(self, view: PlaneView) -> Float:
        """(K, rows, columns) values of a finer view of the same plane, smoothly interpolated."""
        weights = [smooth_weights(i, n) for i, n in zip(self._indices(view), self.view.shape, strict=True)]
        return apply(self.values, *weights)

    def known(self, view: PlaneView) -> NDArray[np.bool_]:
        """(rows, columns) where something is known of a finer view of the same plane."""
        known = np.isfinite(self.detail)
        if known.all():
            return np.ones(view.shape, bool)
        rows, columns = (
            np.clip(np.rint(i).astype(np.intp), 0, n - 1)
            for i, n in zip(self._indices(view), self.view.shape, strict=True)
        )
        return known.take(rows, 0).take(columns, 1)

    def _indices(self, view: PlaneView) -> list[NDArray[np.float64]]:
        """Fractional rows and columns of this image at the pixels of a view."""
        along = zip(view.in_plane, view.positions(self.pyramid), self.spans, strict=True)
        return [self.pyramid.index(self.view.level, axis, at) - span[0] for axis, at, span in along]


def magnified(image: Float, drawn: PlaneView, pyramid: Pyramid, view: PlaneView) -> Float:
    """(rows, columns, ...) of a view, interpolated linearly from a picture of the same plane with coarser pixels."""
    spans = zip(view.in_plane, view.positions(pyramid), (drawn.rows, drawn.columns), strict=True)
    indices = [pyramid.index(drawn.level, axis, at) - span[0] for axis, at, span in spans]
    weights = [linear_weights(i, n) for i, n in zip(indices, drawn.shape, strict=True)]
    if image.ndim == 2:
        return apply(image, *weights)
    return np.moveaxis(apply(np.moveaxis(image, -1, 0), *weights), 0, -1)


def enlarged(resident: Float, pyramid: Pyramid, view: PlaneView) -> Float:
    """(..., rows, columns) of a view, interpolated linearly from (..., h, w) of a plane of the coarsest level."""
    weights = (
        linear_weights(pyramid.index(pyramid.coarsest, axis, positions), n)
        for axis, positions, n in zip(view.in_plane, view.positions(pyramid), resident.shape[-2:], strict=True)
    )
    return apply(resident, *weights)


def _shared_span(now: tuple[int, int], then: tuple[int, int]) -> tuple[slice, slice] | None:
    """Where two ranges overlap, counted from the start of each."""
    low, high = max(now[0], then[0]), min(now[1], then[1])
    return (slice(low - now[0], high - now[0]), slice(low - then[0], high - then[0])) if low < high else None


def _within(inner: tuple[slice, slice], outer: tuple[slice, slice]) -> bool:
    return all(o.start <= i.start and i.stop <= o.stop for i, o in zip(inner, outer, strict=True))


def _enlarge(samples: Float, stride: int) -> Float:
    """Enlarge samples bilinearly; NaN takes no part, and keeps its own blocks."""
    rows, columns = (_tile_weights(n, stride) for n in samples.shape)
    missing = np.isnan(samples)
    if not missing.any():
        return apply(samples, rows, columns)
    values = apply(np.where(missing, np.float32(0), samples), rows, columns)
    share = apply((~missing).astype(np.float32), rows, columns)
    blocks = [np.minimum(np.arange(TILE) // stride, n - 1) for n in samples.shape]
    share[missing[np.ix_(*blocks)]] = np.nan
    return values / share
