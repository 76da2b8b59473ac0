"""How far a fit can be trusted: its error against the noise, judged on some voxels at its end."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..signal_model.spherical_harmonics import n_coefficients
from .estimate import Estimate
from .noise_floor import floor_of, snr_of
from .residual import Comparison

_JUDGED, _JUDGED_BENT = 2048, 256
"""Voxels looked at, at most, and where gradients deviate, which takes long: a fraction of a second either way."""

DENOISED, MISFIT = 0.9, 1.3
"""Errors over the noise below and above which something is wrong."""

HELD_OUT, FITTED = "volumes never fitted", "volumes fitted"
"""What the error is of, in words."""

_LEARNT = ("nn", "smi")
"""Methods that read parameters by what they have learnt from simulations, and minimise no error."""

_Fit = TypeVar("_Fit", bound=Estimate)


def assessed(estimate: _Fit, dataset: DiffusionDataset) -> _Fit:
    """Give the same fit, telling in its ``quality`` how its error compares with the noise.

    Under ``"noise"`` the level (median), where it is known from, and the SNR at b = 0; under ``"error_over_noise"`` the
    ratio of the error on held-out volumes (where there are none: on those fitted, corrected for the numbers that a
    voxel-wise fit has to spend) and of the error that noise alone would leave; under ``"verdict"`` what that means.

    Whatever goes wrong here must not cost the fit: it is told instead.
    """
    try:
        told = _assess(estimate, dataset)
    except Exception as error:
        told = {"verdict": f"The fit could not be judged ({type(error).__name__}: {error})."}
    return estimate.telling(told)


def _assess(estimate: Estimate, dataset: DiffusionDataset) -> dict[str, Any]:
    comparison = Comparison(estimate, dataset)
    voxels = _some(comparison.n_voxels, _JUDGED if dataset.deviation is None else _JUDGED_BENT)
    if not len(voxels):
        return {}
    measured, expected = comparison.at(voxels)
    known = np.isfinite(measured).all(axis=1) & np.isfinite(expected).all(axis=1)
    measured, expected, voxels = measured[known], expected[known], voxels[known]
    if comparison.noise is None or not len(voxels):
        return {"verdict": "The noise level is not known, so nothing tells how small the error should be."}
    sigma = comparison.noise.sigma[voxels]
    magnitude = comparison.rician or not bool((measured < 0).any())  # Gaussian noise would reach below zero
    floor = floor_of(expected, sigma[:, None], magnitude=magnitude)
    ratio, of = _ratio(estimate, measured - expected, floor)
    return {
        "noise": {
            "median": float(np.median(sigma)),
            "source": comparison.noise.source,
            "snr": snr_of(measured, dataset.acquisition, sigma),
        },
        "error_over_noise": {"ratio": ratio, "of": of},
        "verdict": verdict(ratio, of, estimate.config.method),
    }


def verdict(ratio: float, of: str, method: str = "") -> str:
    """Say what an error, as a multiple of the noise, means."""
    told = f"The error on {of} is {ratio:.2f} times the noise: "
    if ratio > MISFIT:
        learnt = f", or what {method} has learnt does not suit them" if method in _LEARNT else ""
        return told + (
            f"the model or the data do not fit{learnt}, or the fit ended too soon, or the noise level is too low. Look "
            "where the residual map is bright: motion, distortion, fluid or grey matter, or wrong gradients."
        )
    if ratio < DENOISED:
        learnt = ", or the fit has learnt noise" if of == FITTED else ""
        return told + f"the data look denoised or interpolated, or the noise level is too high{learnt}."
    return told + "the fit explains the data to within it."


def _ratio(estimate: Estimate, error: NDArray[np.float64], floor: NDArray[np.float64]) -> tuple[float, str]:
    """The error over the noise, and of which volumes."""
    held_out = float(estimate.training.get("held_out_rmse", math.nan))
    if math.isfinite(held_out):
        volumes = list(estimate.training["held_out_volumes"])
        return held_out / math.sqrt(floor[:, volumes].mean()), HELD_OUT
    n_volumes = error.shape[1]
    free = max(1.0, n_volumes - _spent(estimate)) / n_volumes
    return math.sqrt(np.square(error).mean() / (floor.mean() * free)), FITTED


def _spent(estimate: Estimate) -> int:
    """Numbers that a voxel-wise fit by least squares takes from each voxel's measurements."""
    n_fod = n_coefficients(estimate.lmax)  # S0 is that of order 0
    return {"nlls": 4 + n_fod, "smi": n_fod}.get(estimate.config.method, 0)


def _some(n: int, most: int) -> NDArray[np.intp]:
    """Indices of some of n voxels, spread by chance, the same every time."""
    return np.sort(np.random.default_rng(0).permutation(n)[:most])
