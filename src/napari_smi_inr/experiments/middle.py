"""Part of a scan, where all of it would take too long."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..dataset import DiffusionDataset


def middle_of(dataset: DiffusionDataset, n_voxels: int) -> DiffusionDataset:
    """The dataset with its mask cut down to the voxels nearest its middle, if there are more."""
    voxels = np.argwhere(dataset.mask)
    if len(voxels) <= n_voxels:
        return dataset
    distance = np.linalg.norm((voxels - np.median(voxels, axis=0)) * dataset.voxel_size, axis=1)
    nearest = voxels[np.argsort(distance, kind="stable")[:n_voxels]]
    mask = np.zeros_like(dataset.mask)
    mask[tuple(nearest.T)] = True
    return replace(dataset, mask=mask)
