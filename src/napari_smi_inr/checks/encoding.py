"""Whether volumes without a b_delta file are linearly encoded, as is then assumed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition, Shell
from ..dataset import DiffusionDataset
from .finding import Finding
from .shell_fits import fit_shell
from .some_voxels import signals, some_tiles

_VOXELS = 4000
_FEWEST = 8
"""Volumes of a shell from which its signal is looked at."""

_GAP = 0.06
"""Least relative difference between two kinds of volumes: one b-value, tissue in many directions."""

_SEPARATE = 4.0
"""So many times further apart than spread, at least."""

_PLAIN = 1.25
"""Mean F statistic of order 2 below which a shell has no direction; linear encoding gives several times as much."""

_ENOUGH_SIGNAL = 8.0
"""SNR below which nothing can be told from a shell."""

_ROUNDING = 1e-3  # ms/µm²; b-values that other programs have turned to text and back differ by less
_REMEDY = (
    "If other b-tensor shapes were measured, give b_delta of each volume (a .bdelta file beside the scan: 1 linear, "
    "0 spherical, -0.5 planar)."
)


def check_encoding(dataset: DiffusionDataset) -> tuple[Finding, ...]:
    """Say where volumes that count as linear do not look it."""
    where = some_tiles(dataset.mask, _VOXELS)
    found = []
    for shell in dataset.acquisition.shells():
        if shell.is_b0 or shell.b_delta < 1.0 or len(shell.volumes) < _FEWEST:
            continue
        volumes = np.zeros(dataset.acquisition.n_volumes, dtype=bool)
        volumes[shell.volumes] = True
        seen = _look(signals(dataset, where, volumes), dataset.acquisition, shell)
        if seen:
            found.append(f"b = {1000 * shell.b:.0f} s/mm² {seen}")
    if not found:
        return ()
    text = f"All volumes there count as linearly encoded, but {'; '.join(found)}."
    return (Finding("Encoding may not be linear", text, _REMEDY),)


def _look(signal: NDArray[np.float64], acquisition: Acquisition, shell: Shell) -> str:
    """What speaks against one linear encoding, or nothing."""
    return _two_kinds(signal, acquisition.b[shell.volumes]) or _no_direction(signal, acquisition, shell)


def _two_kinds(signal: NDArray[np.float64], b: NDArray[np.float64]) -> str:
    """Two kinds of volumes: means that a gap divides, by far wider than what lies on both sides of it."""
    level = signal.mean(axis=0)
    if np.ptp(b) > _ROUNDING:  # small differences of b within the shell
        slope, offset = np.polyfit(b, level, 1)
        level = level - slope * (b - b.mean()) if np.ptp(slope * b) < _GAP * abs(offset) else level
    order = np.sort(level)
    cut = 2 + int(np.argmax(np.diff(order)[1:-1])) if len(order) > 4 else 1  # neither side has one volume alone
    low, high = order[:cut], order[cut:]
    gap, middle = float(high.mean() - low.mean()), float(abs(order.mean()))
    spread = float(np.sqrt(np.mean(np.concatenate([low - low.mean(), high - high.mean()]) ** 2)))
    if gap < _GAP * middle or gap < _SEPARATE * spread or high[0] - low[-1] < gap / 2:
        return ""
    return f"has two kinds of volumes: {len(high)} are {100 * gap / middle:.0f} % brighter than the other {len(low)}"


def _no_direction(signal: NDArray[np.float64], acquisition: Acquisition, shell: Shell) -> str:
    """A signal that is the same for all directions."""
    flat, round_ = fit_shell(signal, acquisition, shell, 0), fit_shell(signal, acquisition, shell, 2)
    if flat is None or round_ is None or flat.freedom <= round_.freedom:
        return ""
    left = (round_.residual**2).sum(axis=1)
    told = (flat.residual**2).sum(axis=1) - left
    noise = float(np.median(left)) / round_.freedom
    ratio = float(np.median(told)) / (flat.freedom - round_.freedom) / max(noise, np.finfo(np.float64).tiny)
    if ratio > _PLAIN or float(np.median(flat.mean)) < _ENOUGH_SIGNAL * np.sqrt(noise):
        return ""
    return "does not depend on direction, as that of spherical encoding"
