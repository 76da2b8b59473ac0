"""Interpolation on regular grids as products with sparse matrices of weights, one axis at a time.

Several times faster than gathering entries, and unlike dense products it keeps to one core. Grids must be finite.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

Float = NDArray[np.float32]

TAPS = 6
"""Samples along each axis that a smooth value is interpolated from: Lagrange's polynomial of fifth degree."""


def linear_weights(positions: NDArray[np.float64], n: int) -> scipy.sparse.csr_array:
    """(P, n) matrix that interpolates linearly between n entries, clamped at the ends."""
    clamped = np.clip(positions, 0, n - 1)
    low = clamped.astype(np.intp)
    fraction = (clamped - low).astype(np.float32)
    return _rows(np.minimum(low[:, None] + [0, 1], n - 1), np.stack([1 - fraction, fraction], axis=1), n)


def smooth_weights(positions: NDArray[np.float64], n: int) -> scipy.sparse.csr_array:
    """(P, n) matrix that interpolates smooth values to fifth order; near the ends from the same six entries."""
    taps = min(TAPS, n)
    first = np.clip(np.floor(positions).astype(np.intp) - (taps - 1) // 2, 0, n - taps)
    nodes = np.arange(taps)
    offset = (np.clip(positions, 0, n - 1) - first)[:, None]
    weights = np.ones((len(positions), taps))
    for node in nodes:
        others = nodes[nodes != node]
        weights[:, node] = np.prod((offset - others) / (node - others), axis=1)
    return _rows(first[:, None] + nodes, weights.astype(np.float32), n)


def apply(grid: Float, rows: scipy.sparse.csr_array, columns: scipy.sparse.csr_array) -> Float:
    """Interpolate a (..., h, w) grid at the crossings of rows and columns."""
    if grid.ndim > 2:
        return np.stack([apply(each, rows, columns) for each in grid])
    across = np.ascontiguousarray((columns @ np.ascontiguousarray(grid.T)).T)
    result: Float = rows @ across
    return result


def _rows(entries: NDArray[np.intp], weights: Float, n: int) -> scipy.sparse.csr_array:
    count, taps = entries.shape
    return scipy.sparse.csr_array(
        (weights.ravel(), entries.ravel(), np.arange(0, taps * count + 1, taps)), shape=(count, n)
    )
