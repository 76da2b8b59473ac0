"""Rows of ``metrics.csv``: how far maps are from the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..metrics import METRICS, compare
from .plan import Run, SimulatedScan

Row = dict[str, Any]

SCORED = ("Di", "De", "Dp", "f", "p2")
"""Parameters that the paper scores."""

COLUMNS = ("method", "snr", "parameter", "rho", "rmse", "median_abs")
"""First columns of ``metrics.csv``; rho is Pearson's."""

_NAMES = {"pearson": "rho", "median_absolute_error": "median_abs"}


def score_maps(
    run: Run, maps: Mapping[str, NDArray[np.floating]], truth: Mapping[str, NDArray[np.floating]]
) -> list[Row]:
    """One row a parameter, S0 after those that the paper scores."""
    scores = compare(maps, truth)
    return [_row(run, symbol, scores[symbol]) for symbol in (*SCORED, "S0")]


def score_values(run: Run, parameter: str, estimate: ArrayLike, truth: ArrayLike) -> Row:
    """One row for values of one kind, such as a predicted signal against the measured one."""
    found, known = np.ravel(estimate), np.ravel(truth)
    usable = np.isfinite(found) & np.isfinite(known)
    scores = {name: metric(found[usable], known[usable]) for name, metric in METRICS.items()}
    return _row(run, parameter, {"n": float(usable.sum()), **scores})


def find(rows: Iterable[Row], **wanted: Any) -> Row:
    """The one row with these values."""
    (row,) = select(rows, **wanted)
    return row


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """Rows with these values; a tuple stands for any of its members."""

    def fits(row: Row) -> bool:
        return all(
            row.get(key) in value if isinstance(value, tuple) else row.get(key) == value
            for key, value in wanted.items()
        )

    return [row for row in rows if fits(row)]


def distinct(rows: Iterable[Row], column: str) -> list[Any]:
    """Values of a column in order of appearance."""
    return list(dict.fromkeys(row[column] for row in rows if column in row))


def columns_of(rows: Sequence[Row], first: Sequence[str] = COLUMNS) -> list[str]:
    """All columns, the first ones first."""
    others = dict.fromkeys(key for row in rows for key in row)
    return [*first, *(key for key in others if key not in first)]


def _row(run: Run, parameter: str, scores: Mapping[str, float]) -> Row:
    scan = {}
    if isinstance(run.scan, SimulatedScan):
        scan = {"snr": run.scan.snr, "noise": run.scan.noise, "true_lmax": run.scan.lmax}
    named = {_NAMES.get(name, name): value for name, value in scores.items()}
    return {
        "method": run.method,
        "snr": scan.pop("snr", ""),
        "parameter": parameter,
        **{name: named.pop(name) for name in ("rho", "rmse", "median_abs")},
        "bias": named.pop("bias"),
        "spearman": named.pop("spearman"),
        "concordance": named.pop("concordance"),
        "n": int(named.pop("n")),
        "run": run.label,
        **scan,
        **run.tags,
    }
