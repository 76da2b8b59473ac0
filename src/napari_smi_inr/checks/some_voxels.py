"""Some of a scan's voxels, so that a check of a large scan costs no more than that of a small one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset

TILE = 8
"""Edge of the cubes [voxels] that are taken or left as a whole: voxels are compared with their neighbours."""

MOST_VOXELS = 12_000
"""About as many are looked at."""


def some_tiles(mask: NDArray[np.bool_], most: int = MOST_VOXELS) -> NDArray[np.bool_]:
    """(X, Y, Z) the mask in evenly chosen cubes of it; all of it where it is small. Always the same ones."""
    n_voxels = int(np.count_nonzero(mask))
    if n_voxels <= most:
        return mask
    tile = np.zeros(mask.shape, dtype=np.int64)
    for axis, size in enumerate(-(-np.array(mask.shape) // TILE)):
        place = np.arange(mask.shape[axis]) // TILE
        tile = tile * size + np.expand_dims(place, [other for other in range(3) if other != axis])
    filled = np.bincount(tile[mask])
    order = np.flatnonzero(filled)
    share = np.arange(len(order)) * most / n_voxels
    chosen = order[np.diff(np.floor(share), prepend=-1.0) > 0]  # evenly spread over all there are
    return np.asarray(mask & np.isin(tile, chosen))


def signals(dataset: DiffusionDataset, where: NDArray[np.bool_], volumes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N, V') signal of some voxels in some volumes."""
    index = np.flatnonzero(where.ravel(order="F"))  # volumes are contiguous so
    columns = [dataset.signal[..., v].ravel(order="F")[index] for v in np.flatnonzero(volumes)]
    in_c_order = np.argsort(np.ravel_multi_index(np.unravel_index(index, where.shape, order="F"), where.shape))
    return np.stack(columns, axis=1).astype(np.float64)[in_c_order]
