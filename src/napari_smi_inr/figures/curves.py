"""Line charts: error against what was varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .canvas import new_figure, place, text_width, tidy
from .style import FAINT, INK, LABEL, LINE, PAPER, Look, method_title, series_looks, symbol_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _LEFT, _ACROSS, _HEAD, _BELOW, _MARGIN = 1.85, 1.6, 0.75, 0.5, 0.66, 0.48, 0.1  # inches
_TITLED = 0.38  # inches above each further row
_LINE, _NARROWEST = 0.2, 5.0  # inches: of each further line of the key; width of a figure of one panel
_MOST_TICKS = 8  # on x, each at a value


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
    from_zero: bool = True,
    reference_label: str = "reference",
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
        What the values are, in the unit that stands in a panel's title.
    spread
        By panel and series, the (N,) lower and upper ends of a band around the line.
    reference
        By panel, a value drawn as a dashed line, such as the best that can be had.
    x_log, y_log
        Logarithmic axes.
    from_zero
        Whether a linear y axis begins at zero, as errors should; not so for correlations.
    reference_label
        What the dashed lines are.
    columns
        Panels in a row; by default up to five.

    Raises
    ------
    InputError
        If there is nothing to draw, lengths differ, a logarithmic axis meets values that are not positive, or
        matplotlib is not installed.
    """
    _check(x, curves, x_log, y_log)
    across = min(columns or 5, len(curves))
    rows = -(-len(curves) // across)
    width = max(_LEFT + across * (_WIDTH + _ACROSS) - _ACROSS + _MARGIN, _NARROWEST)
    looks = series_looks(dict.fromkeys(name for panel in curves.values() for name in panel))
    named = {method_title(name): look for name, look in looks.items()}
    key = _key_columns([*named, reference_label] if reference else list(named), width)
    down, head = _HEIGHT + _BELOW + _TITLED, _HEAD + _LINE * (-(-(len(named) + bool(reference)) // key) - 1)
    figure = new_figure(width, head + rows * down - _TITLED)
    for number, (panel, series) in enumerate(curves.items()):
        row, column = divmod(number, across)
        axes = place(figure, _LEFT + column * (_WIDTH + _ACROSS), head + row * down, _WIDTH, _HEIGHT)
        for name, values in series.items():
            band = (spread or {}).get(panel, {}).get(name)
            _line(axes, x, values, looks[name], band)
        if reference and panel in reference:
            axes.axhline(reference[panel], color=FAINT, linestyle=(0, (4, 3)), linewidth=1)
        _scales(axes, x, x_log, y_log, from_zero)
        axes.set_title(symbol_text(panel, unit=True), fontsize=LABEL + 1, color=INK, pad=5)
        axes.set_xlabel(x_label, fontsize=LABEL, color=INK)
        if column == 0:
            axes.set_ylabel(y_label, fontsize=LABEL, color=INK)
    _key(figure, named, reference_label if reference else None, key)
    return figure


def _line(
    axes: Axes, x: Sequence[float], values: Sequence[float], look: Look,
    band: tuple[Sequence[float], Sequence[float]] | None,
) -> None:  # fmt: skip
    if band is not None:
        axes.fill_between(x, *band, color=look.colour, alpha=0.14, linewidth=0)
    axes.plot(
        x, values, color=look.colour, marker=look.marker, markersize=5.5, linewidth=1.5, markeredgecolor=PAPER,
        markeredgewidth=0.7, clip_on=False, zorder=3,
    )  # fmt: skip


def _scales(axes: Axes, x: Sequence[float], x_log: bool, y_log: bool, from_zero: bool) -> None:
    """Ticks where x was varied, few on y, and a pale grid to read values off."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

    if x_log:
        axes.set_xscale("log")
    if y_log:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        if from_zero and axes.get_ylim()[0] > 0:
            axes.set_ylim(bottom=0)
    if len(x) <= _MOST_TICKS:
        axes.set_xticks(x, [f"{value:g}" for value in x])
        axes.xaxis.set_minor_locator(NullLocator())
    tidy(axes)
    axes.grid(axis="y", color=LINE, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)


def _key_columns(names: Sequence[str], width: float) -> int:
    """How many series fit beside each other above the panels."""
    each = max(text_width(name, LABEL) for name in names) + 0.65
    return max(1, min(len(names), int((width - _LEFT) / each)))


def _key(figure: Figure, looks: Mapping[str, Look], reference: str | None, columns: int) -> None:
    """Name every series once, above all panels."""
    from matplotlib.lines import Line2D

    lines = {
        name: Line2D([], [], color=look.colour, marker=look.marker, markersize=5.5, linewidth=1.5)
        for name, look in looks.items()
    }
    if reference:
        lines[reference] = Line2D([], [], color=FAINT, linestyle=(0, (4, 3)), linewidth=1)
    across, down = figure.get_size_inches()
    figure.legend(
        lines.values(), lines, loc="upper left", bbox_to_anchor=(_LEFT / across, 1 - 0.1 / down), ncols=columns,
        frameon=False, fontsize=LABEL, labelcolor=INK, borderaxespad=0, borderpad=0, handlelength=1.8,
        columnspacing=1.8,
    )  # fmt: skip


def _check(x: Sequence[float], curves: Mapping[str, Mapping[str, Sequence[float]]], x_log: bool, y_log: bool) -> None:
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
