"""Grids of maps: methods by parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..metrics import rmse
from .canvas import name_row, new_figure, place, write
from .pictures import Limits, colormap, colour_bar, contrast, name_sides, note, scale_bar, show, symmetric
from .planes import Extent, View
from .selection import shown_symbols
from .style import BACKDROP, DIVERGING, PAPER, TITLE, method_title, symbol_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Maps = Mapping[str, NDArray[np.floating]]

_SIDE, _GAP, _LEFT, _MARGIN, _HEAD, _FOOT = 1.75, 0.1, 0.42, 0.12, 0.45, 0.62  # inches
_NOTE = 0.22  # inches above a picture, where errors are written


def draw_maps(
    rows: Mapping[str, Maps],
    affine: NDArray[np.floating],
    symbols: Sequence[str] | None = None,
    *,
    axis: str = "axial",
    index: int | None = None,
    truth: Maps | None = None,
    difference: bool = False,
    limits: Mapping[str, Limits] | None = None,
    radiological: bool = False,
) -> Figure:
    """Draw one plane of the maps of several methods, a row each, with a column and a colour bar a parameter.

    Parameters
    ----------
    rows
        (X, Y, Z) maps by symbol, by method; NaN outside the mask. Names of methods (inr, nlls, smi, nn) are written as
        usual, any other as given. A map that a method lacks leaves a gap.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    symbols
        Parameters to show; by default all that any row has, in the order of the table of parameters.
    axis
        Orientation of the plane: ``"sagittal"``, ``"coronal"`` or ``"axial"``.
    index
        Which plane, counted along its voxel axis; by default the one in which most of the mask lies.
    truth
        (X, Y, Z) true maps by symbol: the first row.
    difference
        Show estimate minus truth instead, on a diverging map with white at zero, with the RMSE over the whole volume
        under each picture; the first row stays the truth.
    limits
        Values at the ends of the colour bars, by symbol, in place of the usual ones. In a difference they are those of
        the truth's row only.
    radiological
        Show the patient's right on the left.

    Raises
    ------
    InputError
        If there are no maps, their shapes differ, a map has no value, the truth is missing for a difference, the plane
        is not in the volume, or matplotlib is not installed.
    """
    every = _rows(rows, truth, difference)
    shown = shown_symbols("rows", _comparable(every, truth) if difference and truth else every.values(), symbols)
    shape = _shape(every, shown)
    view = View.of(axis, affine, shape, radiological)
    mask = np.any([np.isfinite(maps[s]) for maps in every.values() for s in shown if s in maps], axis=0)
    here = view.fullest(mask) if index is None else view.check(index)
    sheet = _Sheet(view, here, view.around(mask, here, 0.8), len(every), difference)
    figure = new_figure(_LEFT + len(shown) * (_SIDE + _GAP) + _MARGIN, sheet.height)
    for column, symbol in enumerate(shown):
        left = _LEFT + column * (_SIDE + _GAP)
        write(figure, left + _SIDE / 2, _HEAD - 0.2, symbol_text(symbol), TITLE, ha="center")
        _column(figure, sheet, left, every, symbol, limits or {})
    for row, name in enumerate(every):
        name_row(figure, sheet.top(row) + sheet.tall / 2, sheet.tall + _GAP, method_title(name))
    name_sides(figure.axes[0], view.letters)
    scale_bar(figure.axes[0], sheet.box)
    return figure


class _Sheet(NamedTuple):
    """Where things stand, measured from the top [inches], and which plane is shown."""

    view: View
    plane: int
    box: Extent
    rows: int
    difference: bool

    @property
    def tall(self) -> float:
        """Height of a picture."""
        return _SIDE * (self.box[3] - self.box[2]) / (self.box[1] - self.box[0])

    def top(self, row: int) -> float:
        """Upper edge of a row of pictures; below the truth's row stands its own colour bar if differences follow."""
        further = (_FOOT + row * _NOTE if row else 0.0) if self.difference else 0.0
        return _HEAD + row * (self.tall + _GAP) + further

    def foot(self, row: int) -> float:
        """Upper edge of the colour bar below a row."""
        return self.top(row) + self.tall + 0.06

    @property
    def height(self) -> float:
        """Of the whole figure."""
        return self.foot(self.rows - 1) + _FOOT


def _rows(rows: Mapping[str, Maps], truth: Maps | None, difference: bool) -> dict[str, Maps]:
    if not rows:
        raise InputError("rows", "is empty.", "Give the maps of at least one method.")
    if difference and truth is None:
        raise InputError("truth", "is missing.", "Give the maps that the difference is taken to.")
    return {**({} if truth is None else {"truth": truth}), **rows}


def _comparable(rows: Mapping[str, Maps], truth: Maps) -> list[Maps]:
    """What of each method there is a truth of."""
    return [{s: maps[s] for s in maps if s in truth} for name, maps in rows.items() if name != "truth"]


def _shape(rows: Mapping[str, Maps], symbols: Sequence[str]) -> tuple[int, ...]:
    shapes = {np.shape(maps[s]) for maps in rows.values() for s in symbols if s in maps}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise InputError("rows", f"have maps of shapes {sorted(shapes)}.", "Give (X, Y, Z) maps on one grid.")
    for symbol in symbols:
        if not any(np.isfinite(maps[symbol]).any() for maps in rows.values() if symbol in maps):
            raise InputError(symbol, "has no value in any map.", "Leave it out, or check the mask.")
    return shapes.pop()


def _column(
    figure: Figure, sheet: _Sheet, left: float, rows: Mapping[str, Maps], symbol: str, limits: Mapping[str, Limits]
) -> None:
    """One parameter: a picture a row and a colour bar below; one below the truth too if differences follow."""
    there = {row: (name, maps[symbol]) for row, (name, maps) in enumerate(rows.items()) if symbol in maps}
    if not sheet.difference:
        span = limits.get(symbol) or contrast(symbol, np.concatenate([v.ravel() for _, v in there.values()]))
        for row, (_, values) in there.items():
            image = _picture(figure, sheet, left, row, values, colormap(symbol), span)
        _colour_bar(figure, sheet, left, sheet.rows - 1, image, symbol)
        return
    truth = rows["truth"][symbol]
    image = _picture(figure, sheet, left, 0, truth, colormap(symbol), limits.get(symbol) or contrast(symbol, truth))
    _colour_bar(figure, sheet, left, 0, image, symbol)
    errors = {row: values - truth for row, (_, values) in there.items() if row}
    wide = symmetric(np.concatenate([error.ravel() for error in errors.values()]))
    for row, error in errors.items():
        image = _picture(figure, sheet, left, row, error, DIVERGING, wide, BACKDROP)
        finite = np.isfinite(error)
        note(image.axes, f"RMSE {rmse(there[row][1][finite], truth[finite]):.2g}")
    _colour_bar(figure, sheet, left, sheet.rows - 1, image, symbol, "Δ ")


def _picture(
    figure: Figure, sheet: _Sheet, left: float, row: int, values: NDArray[np.floating], cmap: str, span: Limits,
    backdrop: str = PAPER,
) -> AxesImage:  # fmt: skip
    axes = place(figure, left, sheet.top(row), _SIDE, sheet.tall)
    picture = sheet.view.picture(values, sheet.plane)
    return show(axes, picture, sheet.view.extent(), sheet.box, cmap, span, backdrop)


def _colour_bar(
    figure: Figure, sheet: _Sheet, left: float, row: int, image: AxesImage, symbol: str, words: str = ""
) -> None:
    cax = place(figure, left + 0.15, sheet.foot(row), _SIDE - 0.3, 0.09)
    colour_bar(figure, image, cax, symbol, words, upright=False)
