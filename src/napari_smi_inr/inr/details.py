"""How fine a field may be: which lengths to try, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..dataset import DiffusionDataset
from .config import FitConfig
from .model import published_detail

DETAILS = (2.0, 3.5, 6.0)
"""Lengths tried by ``detail="auto"``, in voxels: what is chosen may lie anywhere between.

Measured on phantoms of 3,000 to 60,000 voxels at SNR 20 and 50, the best lay between 2 and 6, the coarser the larger
the head and the lower the SNR; trying five lengths instead of three moved the choice by 5 % at most.
"""

DEFAULT_DETAIL = 3.0
"""Length, in voxels, where nothing is held out to choose by."""

PROBE_VOXELS = 1600
"""Voxels a probe looks at, at most: detail is a matter of the voxels' density, not of their number.

A probe takes as many epochs as the fit, for a shorter one favours fine detail, which is learnt sooner; it
takes half the batch, so that its few voxels are still seen in enough steps. Measured on the phantom: probes
of a fifth of the epochs chose lengths that cost 10 to 20 % in RMSE, these cost 3 % at most.
"""

PROBE_HELD_OUT = 0.2
"""Share of the volumes that probes are judged on: with the few that a fit spares, chance decides between lengths.

Measured on 15,000 voxels at SNR 50: judged on a twentieth of the volumes, probes of two scans that differ in
noise alone chose 3 and 4.5 voxels, and the wrong one cost a fifth of the accuracy; judged on a fifth they agree.
"""


def candidate_details(dataset: DiffusionDataset, config: FitConfig, can_judge: bool) -> tuple[float, ...]:
    """Details [mm] to choose from: one where it is given, or where nothing is held out to judge by."""
    if config.detail == "field-of-view":
        return (published_detail(dataset.shape, dataset.voxel_size),)
    if config.detail != "auto":
        return (config.detail,)
    voxel = float(np.cbrt(np.prod(dataset.voxel_size)))
    return tuple(voxel * length for length in (DETAILS if can_judge else (DEFAULT_DETAIL,)))


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


def probe_config(config: FitConfig) -> FitConfig:
    """How a probe is trained: as the fit, in batches of half the size, and judged on more volumes."""
    return config.model_copy(
        update={
            "batch_size": max(1, config.batch_size // 2),
            "held_out": max(config.held_out, PROBE_HELD_OUT),
        }
    )


def best_detail(errors: Mapping[float, float]) -> float:
    """The detail with the lowest held-out error, read between those tried.

    Errors differ by some tenths of a percent and are themselves noisy, so that the lowest of three is often
    the lowest by chance. The lowest point of the parabola through all of them, in the logarithm of the detail
    and no further than the ends, is steadier, and is not bound to the lengths tried.

    Parameters
    ----------
    errors
        Held-out error by detail [mm].
    """
    details = np.array(sorted(errors))
    values = np.array([errors[detail] for detail in details])
    if len(details) < 3 or not np.isfinite(values).all():
        return min(errors, key=lambda detail: errors[detail])
    curvature, slope, _ = np.polyfit(np.log(details), values, 2)
    if curvature <= 0.0:
        return float(details[np.argmin(values)])
    return float(np.clip(np.exp(-slope / (2.0 * curvature)), details[0], details[-1]))
