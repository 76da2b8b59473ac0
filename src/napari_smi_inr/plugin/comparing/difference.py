"""How far two fields lie apart in what is seen of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...parameters import PARAMETERS
from ...sampling.field import Field
from ...sampling.sampler import Sampler
from ..visible import VisiblePlane

MAX_POINTS = 40_000
"""More would not change the figures shown, only delay them."""


@dataclass(frozen=True)
class Difference:
    """Of one parameter, over the part of a view that lies in both masks.

    Attributes
    ----------
    symbol
        The parameter, in whose unit the figures are.
    rms
        Root of the mean square.
    largest
        Greatest absolute value.
    area
        What it was taken over [mm²].
    """

    symbol: str
    rms: float
    largest: float
    area: float

    def __str__(self) -> str:
        known = PARAMETERS.get(self.symbol)
        unit = f" {known.unit}" if known and known.unit and known.unit != "signal" else ""
        return f"RMS difference {self.rms:.2g}{unit}, largest {self.largest:.2g}{unit}"


def lattice(plane: VisiblePlane, limit: int = MAX_POINTS) -> tuple[NDArray[np.float64], float]:
    """(N, 3) RAS positions [mm] evenly over a view, at most one per pixel and about ``limit``, and the area of each."""
    sides = np.subtract(plane.high, plane.low)
    step = max(plane.pixel, float(np.sqrt(sides.prod() / limit)))
    along = [
        low + (np.arange(n) + 0.5) * side / n
        for low, side, n in zip(plane.low, sides, np.maximum(sides / step, 1).astype(int), strict=True)
    ]
    vertical, horizontal = (a.ravel() for a in np.meshgrid(*along, indexing="ij"))
    return plane.points(vertical, horizontal), float(sides.prod()) / len(vertical)


def difference(
    symbol: str, first: Field, second: Field, plane: VisiblePlane, cancelled: Callable[[], bool] = lambda: False
) -> Difference | None:
    """Compare two fields over a view; ``None`` if cancelled, or if nothing in view lies in both masks."""
    points, area = lattice(plane)
    columns = []
    for field in (first, second):
        values = Sampler(field).at(points, cancelled)
        if values is None:
            return None
        columns.append(values[:, field.parameters.index(symbol)])
    apart = columns[0].astype(np.float64) - columns[1]
    apart = apart[np.isfinite(apart)]
    if not len(apart):
        return None
    return Difference(symbol, float(np.sqrt(np.mean(apart**2))), float(np.abs(apart).max()), len(apart) * area)
