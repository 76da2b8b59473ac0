"""Bars: how long fits take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .canvas import new_figure, place, tidy
from .style import LABEL, NOTE, method_title, series_looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use: ms, s, min or h."""
    for unit, length in (("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms"


def draw_bars(
    groups: Mapping[str, Mapping[str, float]],
    *,
    label: str = "time [s]",
    log: bool | None = None,
    form: Callable[[float], str] = duration,
) -> Figure:
    """Draw horizontal bars with their values, such as the fitting times of methods (table 3 of arXiv 2506.15762).

    Parameters
    ----------
    groups
        Values by group (a data set, a device, …) and bar. Bars that are methods (inr, nlls, smi, nn) have their
        colours and names; NaN is written as "–".
    label
        What the values are, with their unit.
    log
        Logarithmic axis; by default where the largest value exceeds the smallest 30 times.
    form
        How a value is written at the end of its bar; durations by default.

    Raises
    ------
    InputError
        If there is nothing to draw, a value is negative, a logarithmic axis meets zero, or matplotlib is missing.
    """
    _check(groups, log)
    values = [v for bars in groups.values() for v in bars.values() if np.isfinite(v)]
    stretched = max(values) > 30 * min(values) > 0 if log is None else log
    looks = series_looks(dict.fromkeys(name for bars in groups.values() for name in bars))
    n = sum(len(bars) for bars in groups.values())
    figure = new_figure(7.0, 0.3 * n + 0.3 * len(groups) + 0.8)
    axes = place(figure, 1.2, 0.2, 5.0, 0.3 * n + 0.3 * len(groups))
    at, ticks, names = 0.0, [], []
    for bars in groups.values():
        for name, value in bars.items():
            axes.barh(at, value, color=looks[name].colour)
            axes.annotate(form(value), (value, at), (3, 0), textcoords="offset points", va="center", fontsize=NOTE)
            ticks.append(at)
            names.append(method_title(name))
            at -= 1.0
        at -= 1.0
    axes.set_yticks(ticks, names)
    if stretched:
        axes.set_xscale("log")
    tidy(axes)
    axes.set_xlabel(label, fontsize=LABEL)
    return figure


def _check(groups: Mapping[str, Mapping[str, float]], log: bool | None) -> None:
    values = {f"{group} {name}": value for group, bars in groups.items() for name, value in bars.items()}
    if not any(np.isfinite(value) for value in values.values()):
        raise InputError("groups", "hold no value.", "Give at least one bar.")
    for where, value in values.items():
        if value < 0 or (log and value == 0):
            raise InputError(where, f"is {value:g}.", "Give a positive value" + (", or a linear axis." if log else "."))
