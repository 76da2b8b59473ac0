"""Composing one image from whatever is known: resident plane, the last image, and tiles of rising detail."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .pyramid import Pyramid
from .resident import ResidentPlane
from .view_state import STRIDES, TILE, PlaneView, Tile, first_sample, tiles_of

Float = NDArray[np.float32]

Window = tuple[tuple[slice, slice], tuple[slice, slice]]
"""Where a tile meets an image: slices of rows and columns into the image, and into the full-resolution tile."""


def interpolate(grid: Float, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Float:
    """Interpolate a (h, w) grid bilinearly at the crossings of fractional rows and columns, clamped at its border.

    The grid must be finite: it is multiplied by sparse matrices of weights, which is several times faster than
    gathering its entries, and unlike dense products keeps to one core.
    """
    return _apply(grid, _weights(rows, grid.shape[0]), _weights(columns, grid.shape[1]))


def _apply(grid: Float, rows: csr_array, columns: csr_array) -> Float:
    across = np.ascontiguousarray((columns @ np.ascontiguousarray(grid.T)).T)
    result: Float = rows @ across
    return result


def _weights(positions: NDArray[np.float64], n: int) -> csr_array:
    """(positions, n) matrix that interpolates linearly between n entries."""
    clamped = np.clip(positions, 0, n - 1)
    low = clamped.astype(np.intp)
    fraction = (clamped - low).astype(np.float32)
    entries = np.stack([low, np.minimum(low + 1, n - 1)], axis=1).ravel()
    values = np.stack([1 - fraction, fraction], axis=1).ravel()
    return csr_array((values, entries, np.arange(0, 2 * len(positions) + 1, 2)), shape=(len(positions), n))


@lru_cache(maxsize=64)
def _tile_weights(n: int, stride: int) -> csr_array:
    """Weights that enlarge n samples to the side of a tile: a moving view needs them a thousand times a second."""
    return _weights((np.arange(TILE) - first_sample(stride)) / stride, n)


class Frame:
    """The image of one view for one parameter, improved in place as tiles arrive.

    Attributes
    ----------
    values
        (rows, columns) image, NaN where transparent.
    detail
        (rows, columns) distance between the samples each pixel was made from [mm]; infinite where nothing is known.
    pixel
        Distance between pixels [mm].
    """

    def __init__(self, pyramid: Pyramid, view: PlaneView) -> None:
        self.pyramid, self.view = pyramid, view
        self.values = np.full(view.shape, np.nan, np.float32)
        self.detail = np.full(view.shape, np.inf, np.float32)
        self.pixel = float(max(pyramid.step(view.level)[axis] for axis in view.in_plane))
        self._windows: dict[tuple[int, int], Window] = {}
        self.pasted: dict[tuple[int, int], int] = {}  # finest stride drawn of each tile
        self.seeded = False

    @cached_property
    def tiles(self) -> list[Tile]:
        """Those of full resolution that touch the view, those at its centre first; a mere backdrop needs none."""
        return tiles_of(self.view)

    def _positions(self) -> list[NDArray[np.float64]]:
        """Positions [mm] of the rows and of the columns."""
        ranges = zip(self.view.in_plane, (self.view.rows, self.view.columns), strict=True)
        return [self.pyramid.centre(self.view.level, axis, np.arange(*span)) for axis, span in ranges]

    def seed(self, resident: ResidentPlane, spacing: float) -> None:
        """Draw the resident plane wherever nothing finer is drawn; its mask is interpolated too, for a smooth edge."""
        self.seeded = True
        detail = max(spacing, self.pixel * 1.001)  # at the coarsest level too, exact samples are to replace these
        coarser = self.detail > detail
        if not coarser.any():
            return
        rows, columns = (
            self.pyramid.index(self.pyramid.coarsest, axis, positions)
            for axis, positions in zip(self.view.in_plane, self._positions(), strict=True)
        )
        values = interpolate(resident.values, rows, columns)
        if resident.fraction.min() < 1:
            values[interpolate(resident.fraction, rows, columns) < 0.5] = np.nan
        np.copyto(self.values, values, where=coarser)
        self.detail[coarser] = detail

    def inherit(self, previous: Frame) -> None:
        """Start from another image of the same plane, so that zooming never makes the picture coarser."""
        if (previous.view.axis, previous.view.plane) != (self.view.axis, self.view.plane):
            return
        (rows, row_from), (columns, column_from) = (
            self._shared(previous, axis, positions, span)
            for axis, positions, span in zip(
                self.view.in_plane, self._positions(), (previous.view.rows, previous.view.columns), strict=True
            )
        )
        if not (len(row_from) and len(column_from)):
            return
        # one axis at a time: several times faster than both at once
        self.values[rows, columns] = previous.values.take(row_from, 0).take(column_from, 1)
        detail = previous.detail.take(row_from, 0).take(column_from, 1)
        # nearest samples of another level are never quite in place: always let this level's own replace them
        np.maximum(detail, self.pixel * 1.001, out=self.detail[rows, columns])

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
        """Draw a tile's (h, w) samples wherever the image is coarser than they are."""
        outer, inner = self._window(tile)
        spacing = tile.stride * self.pixel
        full = _enlarge(samples, tile.stride)[inner] if tile.stride > 1 else samples[inner]
        coarser = self.detail[outer] > spacing
        np.copyto(self.values[outer], full, where=coarser)
        self.detail[outer][coarser] = spacing
        self.pasted[tile.row, tile.column] = tile.stride


def _enlarge(samples: Float, stride: int) -> Float:
    """Enlarge samples bilinearly; NaN takes no part, and keeps its own blocks, so the mask's edge stays put."""
    rows, columns = (_tile_weights(n, stride) for n in samples.shape)
    missing = np.isnan(samples)
    if not missing.any():
        return _apply(samples, rows, columns)
    values = _apply(np.where(missing, np.float32(0), samples), rows, columns)
    share = _apply((~missing).astype(np.float32), rows, columns)
    blocks = [np.minimum(np.arange(TILE) // stride, n - 1) for n in samples.shape]
    share[missing[np.ix_(*blocks)]] = np.nan
    return values / share
