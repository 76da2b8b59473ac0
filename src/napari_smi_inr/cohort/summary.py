"""What a report needs to know of one fit: few numbers, kept in its record so that nobody has to read its maps again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import PARAMETERS

if TYPE_CHECKING:
    from ..estimation.estimate import Estimate
    from ..estimation.residual import Residual

BINS = 48
"""Of a histogram."""

_QUANTILES = {"p5": 5.0, "median": 50.0, "p95": 95.0}
_BRIGHTEST = 2.0  # end of the axis of a parameter without bounds, in units of the scan's typical b = 0 signal
_MOST_RESIDUAL = 5.0


def summary_of(field: Estimate, residual: Residual) -> dict[str, Any]:
    """Numbers and histograms of a fit.

    Parameters
    ----------
    field
        The fit.
    residual
        What it leaves unexplained.

    Returns
    -------
    ``voxels``; ``maps`` by symbol and ``residual``, each with quantiles over the mask and a histogram over a range that
    is the same for every scan (S0 in units of the scan's typical b = 0 signal).
    """
    maps = field.maps()
    told: dict[str, Any] = {"voxels": int(np.count_nonzero(field.mask)), "maps": {}}
    for symbol, values in maps.items():
        bounds = PARAMETERS[symbol].bounds
        unit = 1.0 if bounds else field.scale
        told["maps"][symbol] = _described(values[field.mask] / unit, bounds or (0.0, _BRIGHTEST))
    left = residual.values[field.mask]
    span = (0.0, _MOST_RESIDUAL) if residual.unit == "noise" else (0.0, 1.0)
    told["residual"] = {"unit": residual.unit, **_described(left, span)}
    return told


def _described(values: NDArray[np.floating], span: tuple[float, float]) -> dict[str, Any]:
    finite = values[np.isfinite(values)].astype(np.float64)
    if not len(finite):
        return {"span": list(span), "counts": [0] * BINS, **dict.fromkeys(_QUANTILES)}
    counts, _ = np.histogram(np.clip(finite, *span), BINS, span)
    quantiles = np.percentile(finite, list(_QUANTILES.values()))
    told = {name: float(f"{value:.6g}") for name, value in zip(_QUANTILES, quantiles, strict=True)}
    return {"span": list(span), "counts": counts.tolist(), **told}
