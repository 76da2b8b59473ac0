"""How well maps agree with the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from .errors import InputError
from .parameters import PARAMETERS

Scores = dict[str, float]
"""Value of each metric by name."""


def rmse(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Root mean square error."""
    return float(np.sqrt(np.mean(_error(estimate, truth) ** 2)))


def bias(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Mean error; positive where the estimate is too high."""
    return float(np.mean(_error(estimate, truth)))


def median_absolute_error(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Median of the absolute error, blind to outliers."""
    return float(np.median(np.abs(_error(estimate, truth))))


def pearson(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Pearson's linear correlation; NaN where either is constant."""
    e, t = _centred(estimate), _centred(truth)
    return _ratio(np.mean(e * t), np.sqrt(np.mean(e**2) * np.mean(t**2)))


def spearman(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Spearman's rank correlation; NaN where either is constant."""
    return pearson(rankdata(np.asarray(estimate)), rankdata(np.asarray(truth)))


def concordance(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Lin's concordance correlation: 1 only where both are equal (Biometrics 1989; 45: 255).

    2 cov / (var + var + (mean - mean)²), so a shift or a wrong scale lowers it, unlike Pearson's.
    """
    e, t = _centred(estimate), _centred(truth)
    return _ratio(2 * np.mean(e * t), np.mean(e**2) + np.mean(t**2) + np.square(bias(estimate, truth)))


METRICS: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "rmse": rmse,
    "bias": bias,
    "median_absolute_error": median_absolute_error,
    "pearson": pearson,
    "spearman": spearman,
    "concordance": concordance,
}
"""Every metric by name, in the order of tables."""


def compare(
    maps: Mapping[str, NDArray[np.floating]],
    truth: Mapping[str, NDArray[np.floating]],
    mask: NDArray[np.bool_] | None = None,
) -> dict[str, Scores]:
    """Score maps against the truth.

    Parameters
    ----------
    maps, truth
        Arrays of one shape by symbol; symbols that only one of them has are left out.
    mask
        Where to compare; everywhere by default. Points where either is not finite are left out as well.

    Returns
    -------
    All of :data:`METRICS` by symbol, and ``"n"``, the number of points compared.

    Raises
    ------
    InputError
        If shapes differ, or nothing is left to compare.
    """
    common = [symbol for symbol in PARAMETERS if symbol in maps and symbol in truth]
    if not common:
        raise InputError("maps", f"{sorted(maps)} share no parameter with {sorted(truth)}.", "Name them by symbol.")
    return {symbol: _compare(symbol, maps[symbol], truth[symbol], mask) for symbol in common}


def format_table(scores: Mapping[str, Scores]) -> str:
    """Scores as text, one line a parameter."""
    names = list(METRICS)
    lines = ["".join([f"{'':6}", *(f"{name.replace('_', ' '):>23}" for name in names)])]
    lines += [f"{symbol:6}" + "".join(f"{row[name]:23.4f}" for name in names) for symbol, row in scores.items()]
    return "\n".join(lines)


def _compare(
    symbol: str, estimate: NDArray[np.floating], truth: NDArray[np.floating], mask: NDArray[np.bool_] | None
) -> Scores:
    shapes = {np.shape(estimate), np.shape(truth)} | (set() if mask is None else {np.shape(mask)})
    if len(shapes) > 1:
        raise InputError(symbol, f"shapes differ: {sorted(shapes)}.", "Compare maps on one grid.")
    usable = np.isfinite(estimate) & np.isfinite(truth) & (True if mask is None else mask)
    if not usable.any():
        raise InputError(symbol, "no finite value is left to compare.", "Check the mask and the maps.")
    pair = estimate[usable].astype(np.float64), truth[usable].astype(np.float64)
    return {"n": float(usable.sum())} | {name: metric(*pair) for name, metric in METRICS.items()}


def _error(estimate: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(estimate, dtype=np.float64) - np.asarray(truth, dtype=np.float64)


def _centred(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return np.asarray(array - array.mean())


def _ratio(above: np.floating[Any], below: np.floating[Any]) -> float:
    return float(above / below) if below > 0 else float("nan")
