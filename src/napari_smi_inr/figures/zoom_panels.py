"""Drawings of planes made finer: whole planes with a detail, or regions of several orientations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..parameters import PARAMETERS
from .canvas import new_figure, place
from .comparison import Comparison, Panel
from .pictures import Limits, colormap, colour_bar, frame, name_sides, note, scale_bar, show
from .planes import Extent
from .style import TITLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_SIDE, _GAP, _MARGIN, _HEAD, _BAR = 2.3, 0.1, 0.12, 0.62, 0.85  # inches


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
    heights = [_SIDE * (b[3] - b[2]) / (b[1] - b[0]) for b in boxes]
    figure = _sheet(len(comparison.panels), heights)
    limits, top = _limits([comparison]), _HEAD
    for row, (box, height) in enumerate(zip(boxes, heights, strict=True)):
        for column, panel in enumerate(comparison.panels):
            axes = place(figure, _MARGIN + column * (_SIDE + _GAP), top, _SIDE, height)
            image = _picture(axes, comparison, panel, box, limits)
            if row == 0:
                _caption(axes, panel)
                if detail:
                    frame(axes, detail)
            if column == 0:
                scale_bar(axes, box)
                if row == 0:
                    name_sides(axes, comparison.sides, vertical=False)
        top += height + _GAP
    _bar(figure, image, comparison.parameter, heights)
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
    heights = [_SIDE * (c.region[3] - c.region[2]) / (c.region[1] - c.region[0]) for c in comparisons]
    figure = _sheet(len(comparisons[0].panels), heights)
    limits, top = _limits(comparisons), _HEAD
    for row, (comparison, height) in enumerate(zip(comparisons, heights, strict=True)):
        for column, panel in enumerate(comparison.panels):
            axes = place(figure, _MARGIN + column * (_SIDE + _GAP), top, _SIDE, height)
            box = comparison.filled if column == 0 else comparison.region
            image = _picture(axes, comparison, panel, box, limits)
            if row == 0:
                _caption(axes, panel)
            if column == 0:
                frame(axes, comparison.region)
                name_sides(axes, comparison.sides)
            if column < 2:
                scale_bar(axes, box)
        top += height + _GAP
    _bar(figure, image, comparisons[0].parameter, heights)
    return figure


def _check(comparisons: Sequence[Comparison]) -> None:
    kinds = {(c.parameter, tuple(panel.title for panel in c.panels)) for c in comparisons}
    if len(kinds) != 1:
        fault = "there are none." if not kinds else "they differ in parameter or panels."
        raise InputError("comparisons", fault, "Give those of one call of compare_planes.")


def _sheet(columns: int, heights: Sequence[float]) -> Figure:
    width = 2 * _MARGIN + columns * (_SIDE + _GAP) + _BAR
    return new_figure(width, _HEAD + sum(heights) + _GAP * (len(heights) - 1) + _MARGIN)


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


def _caption(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, fontsize=TITLE, fontweight="bold", pad=17)
    note(axes, panel.subtitle + (f" · RMSE {panel.error:.2g}" if panel.error is not None else ""))


def _bar(figure: Figure, image: AxesImage, parameter: str, heights: Sequence[float]) -> None:
    left = figure.get_figwidth() - _BAR - _MARGIN + 0.05
    height = sum(heights) + _GAP * (len(heights) - 1)
    colour_bar(figure, image, place(figure, left, _HEAD, 0.12, height), parameter)
