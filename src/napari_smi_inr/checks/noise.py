"""What the noise of a scan gives away: a floor under magnitude images, and neighbours whose noise is alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Shell
from ..dataset import DiffusionDataset
from .finding import Finding, Severity
from .shell_fits import ShellFit, fit_shell
from .some_voxels import signals, some_tiles

_LOW_SNR = 3.0
"""SNR at which the mean magnitude is 6 % above the signal; it is 13 % at 2 (Gudbjartsson & Patz 1995)."""

_NEGATIVE = 1e-4
"""Share of negative values from which the noise is not that of magnitudes."""

_ALIKE = 0.25
"""Correlation of the noise of neighbours from which it has been smoothed, as by a Gaussian of half a voxel;
the filters of scanners leave up to 0.2."""

_VOXELS = 6000
_FEWEST_PAIRS = 100
_AXES = "first", "second", "third"


def check_noise(dataset: DiffusionDataset) -> tuple[Finding, ...]:
    """Warn of a noise floor, and of noise that is not independent."""
    chosen = some_tiles(dataset.mask, _VOXELS)
    fits = list(filter(None, (_fit(dataset, chosen, shell) for shell in dataset.acquisition.shells())))
    if not fits:
        return ()
    return tuple(filter(None, (_floor(dataset, chosen, fits), _correlated(chosen, fits))))


def _fit(dataset: DiffusionDataset, where: NDArray[np.bool_], shell: Shell) -> ShellFit | None:
    volumes = np.zeros(dataset.acquisition.n_volumes, dtype=bool)
    volumes[shell.volumes] = True
    return fit_shell(signals(dataset, where, volumes), dataset.acquisition, shell)


def _floor(dataset: DiffusionDataset, chosen: NDArray[np.bool_], fits: list[ShellFit]) -> Finding | None:
    darkest = min(fits, key=lambda fit: float(np.median(fit.mean)))
    values = signals(dataset, chosen, np.isin(np.arange(dataset.acquisition.n_volumes), darkest.shell.volumes))
    if np.mean(values < 0) > _NEGATIVE:
        return None
    # the spread of magnitudes shrinks where the signal sinks into the floor, so the brightest shell tells it
    sigma = _given(dataset, chosen)
    if sigma is None:
        sigma = max(fits, key=lambda fit: float(np.median(fit.mean))).sigma
    level = float(np.median(sigma))
    snr = float(np.median(darkest.mean)) / level if level > 0 else np.inf
    if snr >= _LOW_SNR:
        return None
    return Finding(
        "Noise floor",
        f"at b = {1000 * darkest.shell.b:.0f} s/mm² the SNR is {snr:.1f} (median over the mask): magnitudes lie above "
        "the signal there, which least squares takes for slower diffusion.",
        "Choose the Rician loss (--loss rician) and give the noise level (--noise mppca, b0, a number or a map).",
        loss="mse",
    )


def _given(dataset: DiffusionDataset, where: NDArray[np.bool_]) -> NDArray[np.floating] | None:
    if dataset.noise is None:
        return None
    return np.broadcast_to(np.asarray(dataset.noise), dataset.shape)[where]


def _correlated(chosen: NDArray[np.bool_], fits: list[ShellFit]) -> Finding | None:
    """Correlate what shells leave unexplained between neighbours along each axis of the image."""
    shared = [_neighbours_alike(chosen, fits, axis) for axis in range(3)]
    axis = int(np.argmax(shared))
    if shared[axis] < _ALIKE:
        return None
    return Finding(
        "Noise is smooth",
        f"the noise of voxels that are neighbours along the {_AXES[axis]} axis is alike (correlation "
        f"{shared[axis]:.2f}; 0 in what a scanner measures): the scan seems interpolated, filtered or denoised.",
        "Noise levels estimated from it come out too low, and detail too fine is no detail. Fit the scan as it was "
        "before, if you can.",
        Severity.NOTICE,
    )


def _neighbours_alike(chosen: NDArray[np.bool_], fits: list[ShellFit], axis: int) -> float:
    """Correlation of residuals of neighbours along an axis, that of the middle shell; 0 where there are too few."""
    index = np.full(chosen.shape, -1)
    index[chosen] = np.arange(np.count_nonzero(chosen))
    first, second = (
        np.take(index, range(start, start + chosen.shape[axis] - 1), axis=axis).ravel() for start in (0, 1)
    )
    pairs = (first >= 0) & (second >= 0)
    if np.count_nonzero(pairs) < _FEWEST_PAIRS:
        return 0.0
    first, second = first[pairs], second[pairs]
    return float(np.median([_correlation(fit.residual[first], fit.residual[second]) for fit in fits]))


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Correlation of (n, V) residuals where they are not unusually large: what moves, neighbours share."""
    power = (a**2).sum(axis=1) + (b**2).sum(axis=1)
    calm = power <= 2 * np.median(power)
    total = float(power[calm].sum())
    return 2 * float((a[calm] * b[calm]).sum()) / total if total > 0 else 0.0
