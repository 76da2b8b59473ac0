"""Points in rows, as images have them: along a row a sum of waves is interpolated from a few places, to rounding.

Along a straight line a sum of plane waves is a sum of sines whose frequencies are bounded. With z the phase that the
fastest gathers from the middle of a row to its end, the m-th Chebyshev coefficient of each is at most 2 |J_m(z)|
(Bessel), nothing but rounding soon after m = z. As many places of the row as there are coefficients then tell all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import jv

_LONGEST = 256
"""Points of a row that are interpolated together."""

_FEWEST = 16
"""Points of a row that may pay; where there are no such rows, the rest is not tried."""

_PARALLEL = 0.02
"""Steps whose unit vectors differ by less may belong to one row."""

_STRAIGHT = 3e-5
"""How far [mm] points may lie from the line through the first and the last: the rounding of positions in float32."""

_ROUNDING = 1e-6
"""Coefficients below this share of a wave's amplitude are left out."""

_MOST = 128
"""Phase up to which interpolation pays."""


def along_rows(
    points: NDArray[np.float64], frequencies: NDArray[np.float64], waves: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Evaluate a sum of plane waves at points, at a fraction of the cost where these lie in rows.

    Parameters
    ----------
    points
        (N, 3) positions, in any order; rows are found where they follow one another on a line, evenly or not.
    frequencies
        (3, F) the waves' [rad per unit of length].
    waves
        Gives (n, W) sums of these waves, and of constants, at (n, 3) float32 positions.

    Returns
    -------
    (N, W) what `waves` gives at all points, but for rounding.
    """
    xyz = np.ascontiguousarray(points.T)
    ends = _rows(xyz)
    count = np.diff(ends)
    if count.max(initial=0) < _FEWEST:
        return waves(torch.from_numpy(points.astype(np.float32)))
    first, last = points[ends[:-1]], points[ends[1:] - 1]
    middle, half = (first + last) / 2.0, (last - first) / 2.0
    phase = np.abs(half[count > 1] @ frequencies).max(initial=0.0)
    orders = _orders(math.ceil(min(phase, _MOST)))
    place, distance = _places(xyz, np.repeat(middle.T, count, axis=1), np.repeat(half.T, count, axis=1))
    rows = np.flatnonzero((count >= 2 * orders) & (np.maximum.reduceat(distance, ends[:-1]) <= _STRAIGHT))
    if not len(rows) or phase > _MOST:
        return waves(torch.from_numpy(points.astype(np.float32)))
    values = _interpolated(place, ends, rows, middle[rows], half[rows], orders, waves)
    if count[rows].sum() < len(points):
        rest = np.flatnonzero(np.repeat(~np.isin(np.arange(len(count)), rows), count))
        values[torch.from_numpy(rest)] = waves(torch.from_numpy(points[rest].astype(np.float32)))
    return values


def _interpolated(
    place: NDArray[np.float64],
    ends: NDArray[np.intp],
    rows: NDArray[np.intp],
    middle: NDArray[np.float64],
    half: NDArray[np.float64],
    orders: int,
    waves: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """(N, W) values at the points of some rows; elsewhere anything."""
    order = np.arange(orders)
    angles = np.pi * (order + 0.5) / orders
    nodes = middle[:, None] + np.cos(angles)[:, None] * half[:, None]  # (R, orders, 3)
    known = waves(torch.from_numpy(nodes.reshape(-1, 3).astype(np.float32)))
    transform = np.where(order == 0, 1.0, 2.0)[:, None] / orders * np.cos(order[:, None] * angles)
    coefficients = torch.from_numpy(transform.astype(np.float32)) @ known.view(len(rows), orders, -1)
    angle = torch.from_numpy(np.arccos(np.clip(place, -1.0, 1.0)).astype(np.float32))
    polynomials = torch.cos(angle[:, None] * torch.from_numpy(order.astype(np.float32)))  # (N, orders)
    values = known.new_empty(len(place), known.shape[1])
    for i, one in enumerate(rows):
        points = slice(ends[one], ends[one + 1])
        torch.mm(polynomials[points], coefficients[i], out=values[points])
    return values


def _rows(xyz: NDArray[np.float64]) -> NDArray[np.intp]:
    """(R + 1,) where rows begin among (3, N) points, and N: each that has no like neighbour is a row of its own."""
    n = xyz.shape[1]
    if n < 2:
        return np.arange(n + 1)
    steps = np.diff(xyz)
    lengths = np.sqrt(np.square(steps).sum(axis=0))
    steps /= np.where(lengths > 0.0, lengths, 1.0)
    like = np.zeros(n, bool)  # step k, which leads to point k + 1, and the one before it
    like[1:-1] = np.square(np.diff(steps)).sum(axis=0) < _PARALLEL**2
    inside = like[:-1] | like[1:]  # (N - 1,) steps within a row
    begins = np.ones(n, bool)
    begins[1:] = ~inside
    begins[2:] |= inside[:-1] & ~like[1:-1]  # round a corner
    starts = np.flatnonzero(begins)
    since = np.arange(n) - np.repeat(starts, np.diff(starts, append=n))
    return np.append(np.flatnonzero(since % _LONGEST == 0), n)


def _places(
    xyz: NDArray[np.float64], middle: NDArray[np.float64], half: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) places of (3, N) points along their rows, -1 to 1, and (N,) distances from them."""
    offsets = xyz - middle
    squared = np.square(half).sum(axis=0)
    place = (offsets * half).sum(axis=0) / np.where(squared > 0.0, squared, 1.0)
    return place, np.sqrt(np.square(offsets - place * half).sum(axis=0))


@lru_cache
def _orders(phase: int) -> int:
    """Chebyshev coefficients that tell a wave whose phase is at most this at the end of a row."""
    orders = np.arange(phase + 64)
    return int(np.flatnonzero(np.abs(jv(orders, phase)) > _ROUNDING)[-1]) + 2
