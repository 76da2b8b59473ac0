"""Drawings of planes made finer: whole planes with a detail, or regions of several orientations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..parameters import PARAMETERS
from .canvas import new_figure, place, write
from .comparison import Comparison, Panel
from .pictures import Limits, colormap, colour_bar, frame, name_sides, note, scale_bar, show
from .planes import Extent
from .style import FAINT, INK, LABEL, NOTE, TITLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_SIDE, _GAP, _MARGIN, _HEAD, _BAR = 2.2, 0.1, 0.12, 0.62, 0.8  # inches
_NAME, _NOTE = 0.28, 0.24  # inches: names of the rows, and captions above the pictures


def draw_comparison(comparison: Comparison, detail: Extent | None = None) -> Figure:
    """Draw the pictures of a comparison side by side, with a second row that enlarges a region.

    Parameters
    ----------
    comparison
        From :func:`~.comparison.compare_interpolation`.
    detail
        The region to enlarge [mm from the corner of the plane]; no second row without one.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    boxes = [comparison.filled] + ([detail] if detail else [])
    heights = [_height(box) for box in boxes]
    figure = _sheet(len(comparison.panels), heights, _GAP)
    limits, top = _limits([comparison]), _HEAD
    for row, (box, height) in enumerate(zip(boxes, heights, strict=True)):
        for column, panel in enumerate(comparison.panels):
            axes = place(figure, _MARGIN + column * (_SIDE + _GAP), top, _SIDE, height)
            image = _picture(axes, comparison, panel, box, limits)
            if row == 0:
                axes.set_title(panel.title, fontsize=TITLE, fontweight="bold", color=INK, pad=17)
                note(axes, _words(panel))
                if detail:
                    frame(axes, detail)
            if column == 0:
                scale_bar(axes, box)
                if row == 0:
                    name_sides(axes, comparison.sides)
        top += height + _GAP
    _bar(figure, image, comparison.parameter, _HEAD, top - _GAP)
    return figure


def draw_zoom_panels(comparisons: Sequence[Comparison]) -> Figure:
    """Draw regions of several planes, each as fitted with the region framed, then made finer in every way.

    Parameters
    ----------
    comparisons
        From :func:`~.comparison.compare_planes`, one a row, all of one parameter and with the same panels.

    Returns
    -------
    Figure
        With the error of each panel against the truth, if that is known, and one colour bar.

    Raises
    ------
    InputError
        If there are none, they differ in parameter or panels, or matplotlib is not installed.
    """
    _check(comparisons)
    heights = [_height(comparison.region) for comparison in comparisons]
    figure = _sheet(len(comparisons[0].panels), heights, _NOTE, _NAME)
    limits, top = _limits(comparisons), _HEAD
    for comparison, height in zip(comparisons, heights, strict=True):
        write(figure, _MARGIN + 0.1, top + height / 2, comparison.plane, LABEL, ha="center", rotation=90)
        for column, panel in enumerate(comparison.panels):
            axes = place(figure, _MARGIN + _NAME + column * (_SIDE + _GAP), top, _SIDE, height)
            box = comparison.filled if column == 0 else comparison.region
            image = _picture(axes, comparison, panel, box, limits)
            if panel.error is not None:
                note(axes, _words(panel))
            if column == 0:
                frame(axes, comparison.region)
                name_sides(axes, comparison.sides)
            if column < 2:
                scale_bar(axes, box)
        top += height + _NOTE
    for column, panel in enumerate(comparisons[0].panels):
        middle = _MARGIN + _NAME + column * (_SIDE + _GAP) + _SIDE / 2
        write(figure, middle, _HEAD - 0.4, panel.title, TITLE, bold=True, ha="center")
        if panel.error is None:
            write(figure, middle, _HEAD - 0.1, panel.subtitle, NOTE, colour=FAINT, ha="center")
    _bar(figure, image, comparisons[0].parameter, _HEAD, top - _NOTE)
    return figure


def _check(comparisons: Sequence[Comparison]) -> None:
    kinds = {(c.parameter, tuple(panel.title for panel in c.panels)) for c in comparisons}
    if len(kinds) != 1:
        fault = "there are none." if not kinds else "they differ in parameter or panels."
        raise InputError("comparisons", fault, "Give those of one call of compare_planes.")


def _height(box: Extent) -> float:
    return _SIDE * (box[3] - box[2]) / (box[1] - box[0])


def _sheet(columns: int, heights: Sequence[float], gap: float, left: float = 0.0) -> Figure:
    width = 2 * _MARGIN + left + columns * (_SIDE + _GAP) + _BAR
    return new_figure(width, _HEAD + sum(heights) + gap * (len(heights) - 1) + _MARGIN)


def _limits(comparisons: Sequence[Comparison]) -> Limits:
    """Contrast from the truth, or else the map: zero, where the parameter starts there, to its brightest structures."""
    values = np.concatenate([(c.truth or c.panels[0]).values.ravel() for c in comparisons])
    if not np.isfinite(values).any():
        raise InputError("comparisons", "no panel holds a value.", "Choose a plane and a region inside the mask.")
    low, high = np.nanpercentile(values, [0.2, 99.8])
    bounds = PARAMETERS[comparisons[0].parameter].bounds
    return (0.0 if bounds and low < 0.25 * high else float(low)), float(high)


def _picture(axes: Axes, comparison: Comparison, panel: Panel, box: Extent, limits: Limits) -> AxesImage:
    return show(axes, panel.values, panel.extent, box, colormap(comparison.parameter), limits)


def _words(panel: Panel) -> str:
    return panel.subtitle + (f" · RMSE {panel.error:.2g}" if panel.error is not None else "")


def _bar(figure: Figure, image: AxesImage, parameter: str, top: float, bottom: float) -> None:
    left = figure.get_figwidth() - _BAR - _MARGIN + 0.05
    colour_bar(figure, image, place(figure, left, top, 0.12, bottom - top), parameter)
