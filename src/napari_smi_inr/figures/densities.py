"""Estimates against the truth, as densities of points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..metrics import METRICS, rmse
from ..parameters import PARAMETERS
from .canvas import new_figure, place, tidy
from .style import DENSITY, FAINT, SMALL, TITLE, symbol_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pair = tuple[ArrayLike, ArrayLike]
Values = NDArray[np.float64]

_SIDE, _GAP, _GAP_X, _LEFT, _HEAD, _FOOT, _BAR = 1.7, 0.15, 0.4, 0.7, 0.5, 0.5, 0.6  # inches


def draw_densities(
    pairs: Mapping[str, Mapping[str, Pair]],
    symbols: Sequence[str] | None = None,
    *,
    correlation: Literal["pearson", "spearman"] = "pearson",
    limits: Mapping[str, tuple[float, float]] | None = None,
    bins: int | None = None,
) -> Figure:
    """Draw estimates against the truth, a row a method and a column a parameter (figures 2 and 3 of arXiv 2506.15762).

    Parameters
    ----------
    pairs
        By method and symbol: estimates and truth, two arrays of one shape; values that are not finite are left out.
        Names of methods (inr, nlls, smi, nn) are written as usual, any other as given.
    symbols
        Parameters to show; by default all that any method has, in the order of the table of parameters.
    correlation
        Which correlation is written as ρ.
    limits
        Ends of both axes by symbol; by default the truth's range and a margin, within the parameter's bounds.
    bins
        Cells along each axis; by default by the number of points, so that few points fill them too.

    Returns
    -------
    Figure
        In each panel ρ and RMSE of all its points, also those beyond the axes, whose share is told; the best of each
        column is bold. Colours count points a cell, on one logarithmic scale.

    Raises
    ------
    InputError
        If there is nothing to draw, shapes differ, a truth is constant, or matplotlib is not installed.
    """
    found = _points(pairs)
    shown = [s for s in (symbols or PARAMETERS) if any(s in row for row in found.values())]
    edge = _HEAD + len(found) * (_SIDE + _GAP)
    figure = new_figure(_LEFT + len(shown) * (_SIDE + _GAP_X) + _BAR, edge + _FOOT)
    for column, symbol in enumerate(shown):
        here = {name: row[symbol] for name, row in found.items() if symbol in row}
        span = (limits or {}).get(symbol) or _span(symbol, here)
        for row, (estimate, truth) in enumerate(here.values()):
            axes = place(figure, _LEFT + column * (_SIDE + _GAP_X), _HEAD + row * (_SIDE + _GAP), _SIDE, _SIDE)
            n = bins or int(np.clip(np.sqrt(estimate.size) / 2, 30, 110))
            counts, edges, _ = np.histogram2d(truth, estimate, n, (span, span))
            axes.pcolormesh(edges, edges, np.where(counts > 0, counts, np.nan).T, cmap=DENSITY, norm="log")
            axes.plot(span, span, color=FAINT, linewidth=0.8)
            words = f"ρ {METRICS[correlation](estimate, truth):.2f}\nRMSE {rmse(estimate, truth):.3g}"
            axes.text(0.04, 0.96, words, transform=axes.transAxes, va="top", fontsize=SMALL)
            axes.set(xlim=span, ylim=span)
            tidy(axes)
            if row == 0:
                axes.set_title(symbol_text(symbol, unit=True), fontsize=TITLE)
    return figure


def _points(pairs: Mapping[str, Mapping[str, Pair]]) -> dict[str, dict[str, tuple[Values, Values]]]:
    found: dict[str, dict[str, tuple[Values, Values]]] = {}
    for name, row in pairs.items():
        found[name] = {symbol: _finite(f"{name} {symbol}", *pair) for symbol, pair in row.items()}
    if not any(found.values()):
        raise InputError("pairs", "is empty.", "Give estimates and truth of at least one parameter.")
    return found


def _finite(where: str, estimate: ArrayLike, truth: ArrayLike) -> tuple[Values, Values]:
    e, t = np.asarray(estimate, np.float64), np.asarray(truth, np.float64)
    if e.shape != t.shape:
        raise InputError(where, f"estimates of shape {e.shape} meet a truth of {t.shape}.", "Give one shape.")
    usable = np.isfinite(e) & np.isfinite(t)
    if not usable.any():
        raise InputError(where, "no finite value is left to draw.", "Check the mask and the maps.")
    if np.ptp(t[usable]) == 0:
        raise InputError(where, f"the truth is {t[usable][0]:g} everywhere.", "Give a truth that varies.")
    return e[usable], t[usable]


def _span(symbol: str, pairs: Mapping[str, tuple[Values, Values]]) -> tuple[float, float]:
    """Ends of both axes: the truth's range but for outliers, and a margin, within the parameter's bounds."""
    low, high = np.percentile(np.concatenate([truth for _, truth in pairs.values()]), [0.2, 99.8])
    margin = 0.35 * (high - low)
    bounds = PARAMETERS[symbol].bounds if symbol in PARAMETERS else None
    lowest, highest = bounds or (-np.inf, np.inf)
    return float(max(low - margin, lowest)), float(min(high + margin, highest))
