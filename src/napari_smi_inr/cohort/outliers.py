"""Scans that differ from the others of a cohort, by a robust rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ..parameters import KERNEL_PARAMETERS, PARAMETERS

FEWEST = 5
"""Scans it takes to compare: the median of fewer is too easily pulled along."""

CUT_OFF = 3.5
"""Distance from which a scan differs in a large cohort (Iglewicz and Hoaglin 1993, How to detect outliers)."""

_TO_SIGMA = 0.6745  # median absolute deviation of normal numbers whose standard deviation is 1

RULE = (
    "A scan is marked as an outlier where one of its numbers lies further from the cohort's median than "
    f"{CUT_OFF:g} x (1 + 4/n) robust standard deviations (n scans; a robust standard deviation is the median absolute "
    f"deviation over {_TO_SIGMA:g}), and by more than a least difference that matters. Of normally distributed "
    f"numbers, at most 0.1 % are marked among 100 scans, 0.5 % among 10 and 1.9 % among {FEWEST}; fewer than {FEWEST} "
    "are not compared. Errors, residuals and shares at bounds count only where they are larger than the others'."
)
"""The rule in words, as the report states it."""

Side = Literal["high", "both"]


class Metric(NamedTuple):
    """A number that scans are compared by.

    Attributes
    ----------
    key
        Its name in tables.
    title
        Its name in words.
    value
        Read from the record of a fit; None where it is not told.
    least
        Difference below which nothing is said: of the number itself or, where ``relative``, of the cohort's median.
    side
        Whether only large values are odd.
    relative
        See ``least``.
    """

    key: str
    title: str
    value: Callable[[Mapping[str, Any]], Any]
    least: float
    side: Side = "both"
    relative: bool = False


def _at(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    def value(record: Mapping[str, Any]) -> Any:
        found: Any = record
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    return value


_SUMMARY = ("Cohort", "summary")
_SHARE, _MEDIAN = 0.02, 0.05  # of the voxels; of a parameter's range


def _range(symbol: str) -> float:
    low, high = PARAMETERS[symbol].bounds or (0.0, 1.0)
    return high - low


METRICS: tuple[Metric, ...] = (
    *(
        Metric(f"median_{s}", f"median {s}", _at(*_SUMMARY, "maps", s, "median"), _MEDIAN * _range(s))
        for s in PARAMETERS
        if PARAMETERS[s].bounds
    ),
    *(
        Metric(f"bound_{s}", f"{s} at a bound", _at("Quality", "share_at_bound", s), _SHARE, "high")
        for s in KERNEL_PARAMETERS
    ),
    Metric("error_over_noise", "error over noise", _at("Quality", "error_over_noise", "ratio"), 0.1, "high"),
    Metric("held_out_rmse", "held-out error", _at("Quality", "held_out_rmse"), 0.2, "high", relative=True),
    Metric("residual_median", "median residual", _at(*_SUMMARY, "residual", "median"), 0.1, "high", relative=True),
    Metric("snr", "SNR at b = 0", _at("Quality", "noise", "snr"), 0.2, relative=True),
    Metric("voxels", "voxels fitted", _at(*_SUMMARY, "voxels"), 0.2, relative=True),
)
"""All of them, in the order of the report's columns."""


class Flag(NamedTuple):
    """One number of a scan that lies apart.

    Attributes
    ----------
    metric
        Which.
    value, median, distance
        What it is, what it is among all, and how far that is in robust standard deviations, with its sign.
    """

    metric: Metric
    value: float
    median: float
    distance: float

    def __str__(self) -> str:
        word = "high" if self.value > self.median else "low"
        return f"{self.metric.title} {word} ({self.value:.3g}; cohort {self.median:.3g})"


def numbers_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Every metric of a fit by key; NaN where its record does not tell."""
    found = {metric.key: metric.value(record) for metric in METRICS}
    return {key: float(v) if isinstance(v, int | float) else math.nan for key, v in found.items()}


def find_outliers(numbers: Sequence[Mapping[str, float]]) -> list[list[Flag]]:
    """Compare scans with one another.

    Parameters
    ----------
    numbers
        Of each scan, from :func:`numbers_of`.

    Returns
    -------
    What is odd about each; nothing where there are too few to compare.
    """
    flags: list[list[Flag]] = [[] for _ in numbers]
    for metric in METRICS:
        values = np.array([each[metric.key] for each in numbers], dtype=np.float64)
        for row, flag in _compare(metric, values):
            flags[row].append(flag)
    return flags


def _compare(metric: Metric, values: np.ndarray[Any, np.dtype[np.float64]]) -> list[tuple[int, Flag]]:
    known = np.isfinite(values)
    n = int(known.sum())
    if n < FEWEST:
        return []
    median = float(np.median(values[known]))
    away = values - median
    sigma = float(np.median(np.abs(away[known]))) / _TO_SIGMA
    least = metric.least * (abs(median) if metric.relative else 1.0)
    far = known & (np.abs(away) > max(CUT_OFF * (1 + 4 / n) * sigma, least))
    if metric.side == "high":
        far &= away > 0
    return [
        (int(row), Flag(metric, float(values[row]), median, float(away[row] / sigma) if sigma else math.inf))
        for row in np.flatnonzero(far)
    ]
