"""Scores at every point of a grid far finer than the scan, gathered piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..parameters import SCALARS
from ..sampling.field import Field
from ..sampling.mask import SmoothMask
from ..sampling.request import SampleRequest
from .scores import Row

_CHUNK = 1 << 17


class _Sums:
    """Running sums of estimates and truth, by parameter."""

    def __init__(self) -> None:
        self.n = 0
        self._sums = np.zeros((6, len(SCALARS)))  # error, error², estimate, estimate², truth², estimate * truth
        self._truth = np.zeros(len(SCALARS))

    def add(self, estimate: NDArray[np.float64], truth: NDArray[np.float64]) -> None:
        error = estimate - truth
        self.n += len(truth)
        terms = (error, error**2, estimate, estimate**2, truth**2, estimate * truth)
        self._sums += [term.sum(axis=0) for term in terms]
        self._truth += truth.sum(axis=0)

    def scores(self) -> dict[str, dict[str, float]]:
        """rho, rmse and bias by symbol."""
        error, square, x, xx, tt, xt = self._sums / self.n
        t = self._truth / self.n
        spread = np.sqrt(np.maximum((xx - x**2) * (tt - t**2), 0))
        rho = np.divide(xt - x * t, spread, out=np.full(len(SCALARS), np.nan), where=spread > 0)
        rows = zip(rho.tolist(), np.sqrt(square).tolist(), error.tolist(), strict=True)
        return {s: dict(zip(("rho", "rmse", "bias"), row, strict=True)) for s, row in zip(SCALARS, rows, strict=True)}


def score_finely(
    ways: Mapping[tuple[str, str], Field],
    truth: Field,
    mask: NDArray[np.bool_],
    factor: int,
    on_share: Callable[[float], object] = lambda share: None,
) -> list[Row]:
    """Compare fields with the truth at every point of a finer grid.

    Parameters
    ----------
    ways
        Fields of all six parameters, by method and interpolation.
    truth
        Known at every point, on the scan's grid.
    mask
        (X, Y, Z) voxels of the scan; points count where its smooth edge encloses them.
    factor
        Points for each voxel along each axis.
    on_share
        Called now and then with the share of the work done.

    Returns
    -------
    One row a way and parameter: method, interpolation, parameter, rho (Pearson's), rmse, bias and n.
    """
    request = SampleRequest.over_volume(truth.affine, (mask.shape[0], mask.shape[1], mask.shape[2]), factor)
    inside = SmoothMask(mask, truth.affine)
    sums = {way: _Sums() for way in ways}
    for start in range(0, request.size, _CHUNK):
        points = request.points(start, start + _CHUNK)
        points = points[inside(points)]
        if len(points):
            known = truth.sample(points).astype(np.float64)
            for way, field in ways.items():
                sums[way].add(field.sample(points).astype(np.float64), known)
        on_share(min(1.0, (start + _CHUNK) / request.size))
    rows: list[Row] = []
    for (method, interpolation), found in sums.items():
        for symbol, scores in found.scores().items():
            row: Row = {"method": method, "interpolation": interpolation, "parameter": symbol}
            rows.append({**row, **scores, "n": found.n, "factor": factor})
    return rows
