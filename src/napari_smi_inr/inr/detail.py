"""How fine a field may be, read from the data before any network is trained."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from .common_signal import SignalModel
from .config import FitConfig
from .model import published_detail
from .problem import Problem

DEFAULT_DETAIL = 3.0
"""Detail, in voxels, where there is nothing to tell by: too few voxels, or no volumes to know the noise from."""

FINEST, COARSEST = 1.2, 7.0
"""Bounds of what is chosen, in voxels."""

_FACTOR, _SIGNAL_POWER = 1.6, -0.15
"""Detail = _FACTOR · length · (signal / 500)^_SIGNAL_POWER.

Measured with fits at five details each: on phantoms of 1,600 to 10,000 voxels at SNR 20 to 100, of one slice and of
many, by the error of the six parameters, and on slices of a human brain, by the error on volumes never trained on.
docs/methods.md has what this choice costs against the best of the five.
"""

_LENGTHS = np.geomspace(0.8, 10.0, 8)
"""Correlation lengths whose likelihood is computed, in voxels; the likeliest is read between them."""

_AMPLITUDES = np.geomspace(1e-3, 1e6, 46)
"""Variances tried for each number measured, in units of the noise's."""

_FEWEST, _BLOCK, _BLOCKS = 30, 200, 8
"""Fewest voxels to tell by; voxels of a block, and blocks, at most."""


def choose_detail(dataset: DiffusionDataset, config: FitConfig, problem: Problem) -> float:
    """Finest detail of the field [mm]: as given, by the published rule, or as the data have it."""
    if config.detail == "field-of-view":
        return published_detail(dataset.shape, dataset.voxel_size)
    if config.detail != "auto":
        return config.detail
    return _detail_in_voxels(dataset, config, problem) * float(np.cbrt(np.prod(dataset.voxel_size)))


def _detail_in_voxels(dataset: DiffusionDataset, config: FitConfig, problem: Problem) -> float:
    noise = problem.noise_variance
    if noise <= 0.0 or dataset.n_voxels < _FEWEST:
        return DEFAULT_DETAIL
    voxels = np.argwhere(dataset.mask)
    points = voxels * dataset.voxel_size / np.cbrt(np.prod(dataset.voxel_size))
    blocks = blocks_of(points)
    values = _shell_signal(dataset, config, problem, voxels[blocks])
    values -= values.mean(axis=(0, 1))
    signal = float(np.square(values).mean(axis=(0, 1)).sum()) / noise - values.shape[2]
    if not signal > 0.0:
        return COARSEST  # nothing but noise
    length = correlation_length(points[blocks], values, noise)
    return float(np.clip(_FACTOR * length * (signal / 500.0) ** _SIGNAL_POWER, FINEST, COARSEST))


def _shell_signal(
    dataset: DiffusionDataset, config: FitConfig, problem: Problem, voxels: NDArray[np.intp]
) -> NDArray[np.float64]:
    """(B, m, R) what the trained volumes say of each shell's spherical harmonics, each with the noise's variance.

    Deviating gradients change the signal slowly over space, and so not its correlation length.
    """
    shells = SignalModel(dataset.acquisition.select(~problem.held), config.lmax, reduced=True)
    signal = dataset.signal[tuple(voxels.reshape(-1, 3).T)][:, ~problem.held].astype(np.float32) / problem.scale
    measured = shells.measure(torch.from_numpy(signal.astype(np.float32))).numpy().astype(np.float64)
    return measured.reshape(*voxels.shape[:2], -1)


def correlation_length(points: NDArray[np.float64], values: NDArray[np.float64], noise: float) -> float:
    """Length over which values are alike, as the likeliest of Gaussian processes has it.

    The processes are stationary, with the kernel 1 / (1 + r²/(2 length²)), and share the length; each number measured
    has a variance of its own, the likeliest for each length. Blocks are taken as independent. (Rasmussen & Williams
    2006, eq. 4.19 with alpha 1, and eq. 5.8.)

    Parameters
    ----------
    points
        (B, m, 3) positions in B blocks of neighbours; the length is in their unit.
    values
        (B, m, R) numbers measured there, of mean zero.
    noise
        Variance of their noise, above zero.
    """
    offsets = points[:, :, None] - points[:, None]  # (B, m, m, 3)
    squared = np.einsum("bijk,bijk->bij", offsets, offsets)
    misfits = np.array([_misfit(1.0 / (1.0 + squared / (2.0 * length**2)), values, noise) for length in _LENGTHS])
    i = int(np.clip(np.argmin(misfits), 1, len(_LENGTHS) - 2))
    near = slice(i - 1, i + 2)
    curvature, slope, _ = np.polyfit(np.log(_LENGTHS[near]), misfits[near], 2)
    if curvature <= 0.0:
        return float(_LENGTHS[np.argmin(misfits)])
    return float(np.clip(np.exp(-slope / (2.0 * curvature)), _LENGTHS[0], _LENGTHS[-1]))


def _misfit(kernel: NDArray[np.float64], values: NDArray[np.float64], noise: float) -> float:
    """Twice the negative log-likelihood, each number with its likeliest variance, up to a constant."""
    spread, axes = np.linalg.eigh(kernel)  # (B, m), (B, m, m)
    power = np.square(axes.mT @ values).reshape(-1, values.shape[2]) / noise  # (B m, R)
    expected = 1.0 + _AMPLITUDES[:, None] * np.clip(spread.ravel(), 0.0, None)  # (amplitudes, B m)
    misfit = (1.0 / expected) @ power + np.log(expected).sum(axis=1)[:, None]
    return float(misfit.min(axis=0).sum())


def blocks_of(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """(B, m) indices of blocks of neighbours among (N, 3) points, spread over all of them."""
    parts = [np.arange(len(points))]
    while len(parts[0]) > _BLOCK:
        parts = [half for part in parts for half in _halves(points, part)]
    size = min(map(len, parts))
    chosen = np.unique(np.linspace(0, len(parts) - 1, _BLOCKS).round().astype(int))
    return np.stack([parts[i][:size] for i in chosen])


def _halves(points: NDArray[np.float64], part: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The two halves of some of the points, along their longest side."""
    along = points[part][:, np.argmax(np.ptp(points[part], axis=0))]
    return np.array_split(part[np.argsort(along, kind="stable")], 2)
