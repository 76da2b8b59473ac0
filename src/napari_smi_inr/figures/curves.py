"""Line charts: error against what was varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .canvas import new_figure, place, tidy
from .style import FAINT, LABEL, TITLE, series_looks, symbol_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _LEFT, _GAP, _HEAD, _BELOW = 1.9, 1.6, 0.6, 0.5, 0.6, 0.7  # inches


def draw_curves(
    x: Sequence[float],
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    x_label: str,
    y_label: str = "RMSE",
    spread: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]] | None = None,
    reference: Mapping[str, float] | None = None,
    x_log: bool = False,
    y_log: bool = False,
    columns: int | None = None,
) -> Figure:
    """Draw small line charts side by side: one a parameter, with a line a method or setting.

    Parameters
    ----------
    x
        (N,) what was varied: lmax, finest detail, SNR, angle, …
    curves
        By panel and series, (N,) values; NaN leaves a gap. Panels that are symbols of parameters are titled as such,
        any other by its own words; series that are methods (inr, nlls, smi, nn) have their colours and names.
    x_label
        What x is, with its unit.
    y_label
        What the values are; the unit of a panel's parameter is added to it.
    spread
        By panel and series, the (N,) lower and upper ends of a band around the line.
    reference
        By panel, a value drawn as a dashed line, such as the best that can be had.
    x_log, y_log
        Logarithmic axes.
    columns
        Panels in a row; by default up to five.

    Raises
    ------
    InputError
        If there is nothing to draw, lengths differ, a logarithmic axis meets values that are not positive, or
        matplotlib is not installed.
    """
    check(x, curves, x_log, y_log)
    across = columns or min(len(curves), 5)
    rows = -(-len(curves) // across)
    figure = new_figure(_LEFT + across * (_WIDTH + _GAP), _HEAD + rows * (_HEIGHT + _BELOW))
    looks = series_looks(dict.fromkeys(name for panel in curves.values() for name in panel))
    for number, (panel, series) in enumerate(curves.items()):
        row, column = divmod(number, across)
        axes = place(figure, _LEFT + column * (_WIDTH + _GAP), _HEAD + row * (_HEIGHT + _BELOW), _WIDTH, _HEIGHT)
        for name, values in series.items():
            look = looks[name]
            axes.plot(x, values, color=look.colour, marker=look.marker, markersize=5, linewidth=1.4)
            if spread and name in spread.get(panel, {}):
                axes.fill_between(x, *spread[panel][name], color=look.colour, alpha=0.15, linewidth=0)
        if reference and panel in reference:
            axes.axhline(reference[panel], color=FAINT, linestyle="--", linewidth=1)
        if x_log:
            axes.set_xscale("log")
        if y_log:
            axes.set_yscale("log")
        tidy(axes)
        axes.set_title(symbol_text(panel), fontsize=TITLE)
        axes.set_xlabel(x_label, fontsize=LABEL)
        axes.set_ylabel(y_label, fontsize=LABEL)
    return figure


def check(x: Sequence[float], curves: Mapping[str, Mapping[str, Sequence[float]]], x_log: bool, y_log: bool) -> None:
    """Make sure that there is something to draw, and that it fits the axes."""
    values = [np.asarray(v, np.float64) for panel in curves.values() for v in panel.values()]
    if not values or not len(x) or not any(np.isfinite(v).any() for v in values):
        raise InputError("curves", "hold no value.", "Give at least one panel with one series.")
    for panel, series in curves.items():
        for name, line in series.items():
            if len(line) != len(x):
                fault = f"has {len(line)} values at {len(x)} places."
                raise InputError(f"{panel} {name}", fault, "Give one value a place, NaN where there is none.")
    for axis, log, numbers in (("x", x_log, [np.asarray(x, np.float64)]), ("y", y_log, values)):
        if log and any(np.any(v <= 0) for v in numbers):
            raise InputError(axis, "holds values that are not positive.", "Use a linear axis.")
