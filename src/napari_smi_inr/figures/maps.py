"""Grids of maps: methods by parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..parameters import PARAMETERS
from .canvas import new_figure, place, write
from .pictures import Limits, colormap, colour_bar, contrast, show, symmetric
from .planes import View
from .style import BACKDROP, PAPER, TITLE, method_title, symbol_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Maps = Mapping[str, NDArray[np.floating]]

_SIDE, _GAP, _LEFT, _MARGIN, _HEAD, _FOOT = 1.75, 0.1, 0.42, 0.12, 0.45, 0.68  # inches


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
    shown = [s for s in (symbols or PARAMETERS) if any(s in maps for maps in every.values())]
    shape = _shape(every, shown)
    view = View.of(axis, affine, shape, radiological)
    mask = np.any([np.isfinite(maps[s]) for maps in every.values() for s in shown if s in maps], axis=0)
    here = view.fullest(mask) if index is None else view.check(index)
    box = view.around(mask, here)
    height = _SIDE * (box[3] - box[2]) / (box[1] - box[0])
    foot = _FOOT if not difference else 2 * _FOOT
    figure = new_figure(_LEFT + len(shown) * (_SIDE + _GAP) + _MARGIN, _HEAD + len(every) * (height + _GAP) + foot)
    for column, symbol in enumerate(shown):
        left = _LEFT + column * (_SIDE + _GAP)
        write(figure, left + _SIDE / 2, _HEAD - 0.2, symbol_text(symbol), TITLE, bold=True, ha="center")
        _column(figure, left, height, every, symbol, view, here, truth if difference else None, limits or {})
    for row, name in enumerate(every):
        middle = _HEAD + row * (height + _GAP) + height / 2
        write(figure, 0.2, middle, method_title(name), TITLE, bold=True, ha="center", rotation=90)
    return figure


def _rows(rows: Mapping[str, Maps], truth: Maps | None, difference: bool) -> dict[str, Maps]:
    if not rows:
        raise InputError("rows", "is empty.", "Give the maps of at least one method.")
    if difference and truth is None:
        raise InputError("truth", "is missing.", "Give the maps that the difference is taken to.")
    return {**({} if truth is None else {"truth": truth}), **rows}


def _shape(rows: Mapping[str, Maps], symbols: Sequence[str]) -> tuple[int, ...]:
    shapes = {np.shape(maps[s]) for maps in rows.values() for s in symbols if s in maps}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise InputError("rows", f"have maps of shapes {sorted(shapes)}.", "Give (X, Y, Z) maps on one grid.")
    for symbol in symbols:
        if not any(np.isfinite(maps[symbol]).any() for maps in rows.values() if symbol in maps):
            raise InputError(symbol, "has no value in any map.", "Leave it out, or check the mask.")
    return shapes.pop()


def _column(
    figure: Figure, left: float, height: float, rows: Mapping[str, Maps], symbol: str, view: View, index: int,
    truth: Maps | None, limits: Mapping[str, Limits],
) -> None:  # fmt: skip
    """One parameter: a picture a row and the colour bar below; two bars where differences are shown."""
    mask = np.any([np.isfinite(maps[symbol]) for maps in rows.values() if symbol in maps], axis=0)
    box = view.around(mask, index)
    errors = {} if truth is None else {n: maps[symbol] - truth[symbol] for n, maps in rows.items() if n != "truth"}
    spans = limits.get(symbol) or contrast(symbol, np.concatenate([m[symbol].ravel() for m in rows.values()]))
    wide = symmetric(np.concatenate([e.ravel() for e in errors.values()])) if errors else spans
    for row, (name, maps) in enumerate(rows.items()):
        axes = place(figure, left, _HEAD + row * (height + _GAP), _SIDE, height)
        differs = name in errors
        values = view.picture(errors[name] if differs else maps[symbol], index)
        image = show(
            axes, values, view.extent(), box, colormap(symbol, differs), wide if differs else spans,
            BACKDROP if differs else PAPER,
        )  # fmt: skip
    top = _HEAD + len(rows) * (height + _GAP) + 0.02
    colour_bar(figure, image, place(figure, left + 0.1, top, _SIDE - 0.2, 0.1), symbol, upright=False)
