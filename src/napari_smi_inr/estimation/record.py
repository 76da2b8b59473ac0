"""The record kept with every result: who made it, with what, from what, and how far to trust it."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..dataset import DiffusionDataset
from ..io.sidecar import versions
from ..parameters import KERNEL_PARAMETERS, PARAMETERS, SCALARS

_AT_BOUND = 0.01
"""A value within this share of its range of a bound counts as being at it."""


def provenance(dataset: DiffusionDataset, device: Any) -> dict[str, Any]:
    """Versions, machine, device, what was read with its checksums, what was noticed on it, and what checks doubt."""
    import torch  # here, as nothing else of this module takes seconds to load

    return {
        "versions": versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": str(device),
        "threads": torch.get_num_threads(),  # sums may be taken in another order with another number
        "read_from": dict(dataset.read_from),
        "inputs": dict(dataset.checksums),
        "notes": list(dataset.notes),
        "findings": list(dataset.findings),
    }


def share_at_bound(scalars: NDArray[np.floating]) -> dict[str, float]:
    """Share of voxels whose value lies at a bound, by kernel parameter; nothing without voxels.

    Parameters
    ----------
    scalars
        (N, 6) columns Di, De, Dp, f, S0, p2.
    """
    share: dict[str, float] = {}
    if not len(scalars):
        return share
    for symbol, values in zip(SCALARS, scalars.T, strict=True):
        if symbol in KERNEL_PARAMETERS:
            share[symbol] = round(float(at_bound(symbol, values).mean()), 4)
    return share


def at_bound(symbol: str, values: ArrayLike) -> NDArray[np.bool_]:
    """(…) whether values of a parameter lie at one of its bounds, as far as it has any."""
    given, bounds = np.asarray(values), PARAMETERS[symbol].bounds
    if bounds is None:
        return np.zeros(given.shape, dtype=bool)
    margin = _AT_BOUND * (bounds[1] - bounds[0])
    return np.asarray((given < bounds[0] + margin) | (given > bounds[1] - margin))
