"""Tissues of the scan at hand, which half the training set is drawn around."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...dataset import DiffusionDataset
from ...estimation.voxel_fit import VoxelFit
from ..nlls.config import NllsConfig
from ..nlls.fit import nlls_steps
from .config import NetworkConfig
from .tissue import N_KERNEL, ORDER

MOST_SEEDS = 2000
"""Voxels fitted by NLLS, at most: their mutants fill the space between them."""


def some_voxels(dataset: DiffusionDataset, seed: int) -> DiffusionDataset:
    """The dataset with its mask thinned at random to :data:`MOST_SEEDS` voxels, if there are more."""
    voxels = np.argwhere(dataset.mask)
    if len(voxels) <= MOST_SEEDS:
        return dataset
    mask = np.zeros_like(dataset.mask)
    mask[tuple(np.random.default_rng(seed).permutation(voxels)[:MOST_SEEDS].T)] = True
    return replace(dataset, mask=mask)


def find_seeds(dataset: DiffusionDataset, config: NetworkConfig) -> Generator[float, None, NDArray[np.float64]]:
    """Fit voxels of a scan by non-linear least squares.

    Yields
    ------
    Share done.

    Returns
    -------
    (P, 9) tissues of at most :data:`MOST_SEEDS` voxels, finite, in or out of bounds.
    """
    device = "cpu" if config.device.startswith("mps") else config.device  # which lacks double precision
    last = None
    for last in nlls_steps(some_voxels(dataset, config.seed), NllsConfig.checked(lmax=ORDER, device=device)):
        yield last.fraction
    assert last is not None  # a fit has at least one step
    fit = last.field()
    assert isinstance(fit, VoxelFit)
    tissue = np.column_stack([fit.scalars[:, :N_KERNEL], fit.fod[:, 1:]]).astype(np.float64)
    return np.asarray(tissue[np.isfinite(tissue).all(axis=1)])
