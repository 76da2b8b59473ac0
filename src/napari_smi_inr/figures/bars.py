"""Bars: how long fits take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .canvas import new_figure, place, text_width, tidy, write
from .style import FAINT, INK, LABEL, NOTE, Look, method_title, series_looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_WIDTH, _RIGHT, _SLOT, _MARGIN, _FOOT = 5.4, 0.9, 0.27, 0.1, 0.55  # inches
_STRETCH = 30  # ratio of values from which on a linear axis hides the small ones
_DURATIONS = {
    0.001: "1 ms", 0.01: "10 ms", 0.1: "100 ms", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h",
    36000: "10 h", 360000: "100 h",
}  # fmt: skip


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use: ms, s up to two minutes, min up to two hours, then h."""
    if seconds >= 7200:
        return f"{seconds / 3600:.3g} h"
    if seconds >= 120:
        return f"{seconds / 60:.3g} min"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def draw_bars(
    groups: Mapping[str, Mapping[str, float]],
    *,
    label: str = "time",
    log: bool | None = None,
    form: Callable[[float], str] = duration,
) -> Figure:
    """Draw horizontal bars with their values, such as the fitting times of methods (table 3 of arXiv 2506.15762).

    Parameters
    ----------
    groups
        Values by group (a data set, a device, …; a single one may be ``""``) and bar. Bars that are methods (inr,
        nlls, smi, nn) have their colours and names; NaN is written as "–".
    label
        What the values are, with their unit unless `form` writes it.
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
    stretched = max(values) > _STRETCH * min(values) > 0 if log is None else log
    looks = series_looks(dict.fromkeys(name for bars in groups.values() for name in bars))
    headed = len(groups) > 1 or bool(next(iter(groups)))
    slots = sum(len(bars) + headed + 0.4 for bars in groups.values()) - 0.4
    left = 0.25 + max(text_width(method_title(name), NOTE) for name in looks)
    figure = new_figure(left + _WIDTH + _RIGHT, _MARGIN + slots * _SLOT + _FOOT)
    axes = place(figure, left, _MARGIN, _WIDTH, slots * _SLOT)
    _scale(axes, values, stretched, form)
    top = 0.0
    for group, bars in groups.items():
        if headed:
            write(figure, left + 0.05, _MARGIN + (top + 0.55) * _SLOT, group, LABEL)
        for number, (name, value) in enumerate(bars.items()):
            _bar(axes, top + headed + number + 0.5, name, value, looks[name], form)
        top += len(bars) + headed + 0.4
    axes.set_ylim(slots, 0)
    axes.set_xlabel(label + (", logarithmic" if stretched else ""), fontsize=LABEL, color=INK)
    return figure


def _bar(axes: Axes, at: float, name: str, value: float, look: Look, form: Callable[[float], str]) -> None:
    from matplotlib.transforms import blended_transform_factory

    left = axes.get_xlim()[0]
    known = bool(np.isfinite(value))
    if known:
        axes.barh(at, value - left, height=0.68, left=left, color=look.colour)
    axes.annotate(
        form(value) if known else "–", (value if known else left, at), (4, 0), textcoords="offset points",
        va="center", fontsize=NOTE, color=INK if known else FAINT, annotation_clip=False,
    )  # fmt: skip
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    axes.text(-0.012, at, method_title(name), transform=beside, ha="right", va="center", fontsize=NOTE, color=INK)


def _scale(axes: Axes, values: list[float], stretched: bool, form: Callable[[float], str]) -> None:
    """An axis that leaves room for the words at the end of the longest bar."""
    from matplotlib.ticker import NullFormatter

    if stretched:
        low, high = min(values) / 3, max(values)
        axes.set_xscale("log")
        axes.set_xlim(low, high * (high / low) ** 0.02)
        axes.xaxis.set_minor_formatter(NullFormatter())
        if form is duration:
            ticks = {seconds: words for seconds, words in _DURATIONS.items() if low <= seconds <= high}
            axes.set_xticks(list(ticks), list(ticks.values()))
            axes.tick_params(which="minor", length=0)
    else:
        axes.set_xlim(0, (max(values) or 1.0) * 1.02)
    tidy(axes)
    axes.set_yticks([])


def _check(groups: Mapping[str, Mapping[str, float]], log: bool | None) -> None:
    values = {f"{group} {name}": value for group, bars in groups.items() for name, value in bars.items()}
    if not any(np.isfinite(value) for value in values.values()):
        raise InputError("groups", "hold no value.", "Give at least one bar.")
    for where, value in values.items():
        if value < 0 or (log and value == 0):
            raise InputError(where, f"is {value:g}.", "Give a positive value" + (", or a linear axis." if log else "."))
