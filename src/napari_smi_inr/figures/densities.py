"""Estimates against the truth, as densities of points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..metrics import METRICS, rmse
from ..parameters import PARAMETERS
from .canvas import name_row, new_figure, place, tidy, write
from .selection import shown_symbols
from .style import DENSITY, FAINT, INK, LABEL, LINE, NOTE, PAPER, SMALL, TITLE, method_title, symbol_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

Pair = tuple[ArrayLike, ArrayLike]
Values = NDArray[np.float64]

_SIDE, _ACROSS, _DOWN, _LEFT, _HEAD, _FOOT, _BAR = 1.72, 0.42, 0.34, 0.92, 0.68, 0.5, 0.85  # inches
_WORTH_TELLING = 0.1  # per cent of the points beyond the axes


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
        In each panel ρ and RMSE of all its points, also those beyond the axes, whose share is told from 0.1 % on; the
        best of each column is bold. Colours count points a cell, on one logarithmic scale.

    Raises
    ------
    InputError
        If there is nothing to draw, shapes differ, a truth is constant, or matplotlib is not installed.
    """
    found = _points(pairs)
    shown = shown_symbols("pairs", found.values(), symbols)
    width = _LEFT + len(shown) * _SIDE + (len(shown) - 1) * _ACROSS + _BAR
    figure = new_figure(width, _HEAD + len(found) * _SIDE + (len(found) - 1) * _DOWN + _FOOT)
    meshes = []
    for column, symbol in enumerate(shown):
        here = {name: row[symbol] for name, row in found.items() if symbol in row}
        span = (limits or {}).get(symbol) or _span(symbol, here)
        left = _LEFT + column * (_SIDE + _ACROSS)
        write(figure, left + _SIDE / 2, 0.22, symbol_text(symbol, unit=True), TITLE, ha="center")
        panels = {name: place(figure, left, _top(list(found).index(name)), _SIDE, _SIDE) for name in here}
        for name, pair in here.items():
            meshes.append(_density(panels[name], *pair, span, bins))
        _scores(panels, here, correlation)
        for axes in list(panels.values())[:-1]:
            axes.tick_params(labelbottom=False)
        axes = list(panels.values())[-1]
        axes.set_xlabel("truth", fontsize=LABEL, color=INK, labelpad=3)
    for row, name in enumerate(found):
        middle = _top(row) + _SIDE / 2
        name_row(figure, middle, _SIDE + _DOWN, method_title(name))
        write(figure, 0.42, middle, "estimate", LABEL, ha="center", rotation=90)
    _one_scale(figure, meshes, _LEFT + len(shown) * (_SIDE + _ACROSS) - _ACROSS + 0.15, len(found))
    return figure


def _top(row: int) -> float:
    return _HEAD + row * (_SIDE + _DOWN)


def _density(axes: Axes, estimate: Values, truth: Values, span: tuple[float, float], bins: int | None) -> QuadMesh:
    """Counts of points a cell, the line of identity, and the share of points beyond the axes."""
    from matplotlib.patheffects import withStroke
    from matplotlib.ticker import MaxNLocator

    n = bins or int(np.clip(np.sqrt(estimate.size) / 2.2, 28, 110))
    counts, edges, _ = np.histogram2d(truth, estimate, n, (span, span))
    mesh = axes.pcolormesh(edges, edges, np.ma.masked_equal(counts.T, 0), cmap=DENSITY, rasterized=True)
    halo = [withStroke(linewidth=2.2, foreground=PAPER, alpha=0.7)]
    axes.plot(span, span, color=INK, linewidth=0.8, path_effects=halo)
    axes.set(xlim=span, ylim=span)
    tidy(axes)
    axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    beyond = 100 * (1 - counts.sum() / estimate.size)
    if beyond >= _WORTH_TELLING:
        words = f"{beyond:.1f} % beyond"
        label = axes.text(0.97, 0.03, words, transform=axes.transAxes, ha="right", fontsize=SMALL, color=INK)
        label.set_path_effects([withStroke(linewidth=2.2, foreground=PAPER)])
    return mesh


def _scores(panels: Mapping[str, Axes], pairs: Mapping[str, tuple[Values, Values]], correlation: str) -> None:
    """Write ρ and RMSE above the panels of one parameter, the best of each in bold."""
    rho = {name: METRICS[correlation](*pair) for name, pair in pairs.items()}
    errors = {name: rmse(*pair) for name, pair in pairs.items()}
    smallest = min(errors.values())
    digits = int(np.clip(1 - np.floor(np.log10(smallest)), 0, 6)) if smallest > 0 else 3
    best = {"left": np.nanmax([*rho.values(), -np.inf]), "right": smallest}
    for name, axes in panels.items():
        words = f"ρ {rho[name]:.2f}" if np.isfinite(rho[name]) else "ρ –"
        for x, value, text, ha in (
            (0, rho[name], words, "left"),
            (1, errors[name], f"RMSE {errors[name]:.{digits}f}", "right"),
        ):
            first = len(panels) > 1 and value == best[ha]
            axes.annotate(
                text, (x, 1), (0, 4), "axes fraction", "offset points", ha=ha, va="bottom", fontsize=NOTE,
                color=INK if first else FAINT, fontweight="bold" if first else "normal",
            )  # fmt: skip


def _one_scale(figure: Figure, meshes: list[QuadMesh], left: float, rows: int) -> None:
    """Colours mean the same number of points in every panel."""
    from matplotlib.colors import LogNorm

    arrays: list[np.ma.MaskedArray[Any, Any]] = [np.ma.asarray(mesh.get_array()) for mesh in meshes]
    most = max((float(array.max()) for array in arrays if array.count()), default=2.0)
    scale = LogNorm(1, max(most, 2))
    for mesh in meshes:
        mesh.set_norm(scale)
    height = min(rows * _SIDE + (rows - 1) * _DOWN, 2 * _SIDE)
    bar = figure.colorbar(meshes[0], cax=place(figure, left, _HEAD, 0.12, height))
    bar.set_label("points a cell", fontsize=LABEL, color=INK)
    bar.ax.yaxis.set_major_formatter("{x:.0f}")
    bar.ax.yaxis.set_minor_formatter("")
    bar.outline.set_visible(False)
    bar.ax.tick_params(which="both", labelsize=SMALL, color=LINE, labelcolor=FAINT, length=2.5, width=0.8)


def _points(pairs: Mapping[str, Mapping[str, Pair]]) -> dict[str, dict[str, tuple[Values, Values]]]:
    found: dict[str, dict[str, tuple[Values, Values]]] = {}
    for name, row in pairs.items():
        found[name] = {symbol: _finite(f"{name} {symbol}", *pair) for symbol, pair in row.items()}
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
