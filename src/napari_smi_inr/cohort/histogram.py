"""Histograms as drawings inside the page: small, sharp at any size, and nothing to load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 132, 44
"""Of a drawing [px]."""


class Histogram(NamedTuple):
    """One parameter of one scan.

    Attributes
    ----------
    title
        What it is.
    own, others
        Outlines of the scan's histogram and of the cohort's, as paths of SVG.
    low, high
        Ends of the axis.
    median
        Of the scan.
    """

    title: str
    own: str
    others: str
    low: str
    high: str
    median: str


def cohort_shapes(described: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """(bins,) mean over scans of one parameter's histograms, each scaled to a sum of 1."""
    shares = [_shares(each) for each in described]
    return np.mean(shares, axis=0) if shares else np.zeros(0)


def draw_histogram(title: str, described: Mapping[str, Any], others: NDArray[np.float64]) -> Histogram:
    """Draw one parameter of a scan before that of the whole cohort, on one scale."""
    own = _shares(described)
    top = float(max(own.max(initial=0.0), others.max(initial=0.0))) or 1.0
    low, high = described["span"]
    median = described["median"]
    words = "–" if median is None else f"{median:.3g}"
    return Histogram(title, _outline(own / top), _outline(others / top), f"{low:g}", f"{high:g}", words)


def _shares(described: Mapping[str, Any]) -> NDArray[np.float64]:
    counts: NDArray[np.float64] = np.asarray(described["counts"], dtype=np.float64)
    return np.asarray(counts / max(counts.sum(), 1.0))


def _outline(heights: NDArray[np.float64]) -> str:
    """A staircase from the left end to the right, along the ground where there is nothing."""
    if not len(heights):
        return ""
    edges = np.linspace(0, WIDTH, len(heights) + 1)
    steps = [f"V{HEIGHT * (1 - h):.1f}H{x:.1f}" for h, x in zip(heights, edges[1:], strict=True)]
    return f"M0 {HEIGHT}{''.join(steps)}V{HEIGHT}Z"
