"""Measurement noise: Gaussian, and Rician as in magnitude images."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import i0e, i1e

from ..errors import InputError

NoiseKind = Literal["gaussian", "rician"]


def add_noise(
    signal: NDArray[np.floating], sigma: ArrayLike, kind: NoiseKind, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A noisy copy of a signal.

    Parameters
    ----------
    signal
        (...) noise-free signal.
    sigma
        Standard deviation of the noise in the signal's units; broadcasts against ``signal``. For ``"rician"``
        that of the real and of the imaginary channel.
    kind
        ``"gaussian"`` adds real noise (values may turn negative); ``"rician"`` is the magnitude of the signal
        with complex noise.
    rng
        Source of the random numbers.

    Returns
    -------
    (...) float64.

    Raises
    ------
    InputError
        If ``kind`` is neither of the two, or sigma is negative.
    """
    scale = np.asarray(sigma, dtype=np.float64)
    if np.any(scale < 0) or np.any(np.isnan(scale)):
        raise InputError("sigma", "is negative or not a number.", "Give a standard deviation of 0 or more.")
    noisy = signal + scale * rng.standard_normal(signal.shape)
    if kind == "gaussian":
        return noisy
    if kind == "rician":
        return np.hypot(noisy, scale * rng.standard_normal(signal.shape))
    raise InputError("noise", f"'{kind}' is no kind of noise.", "Choose 'gaussian' or 'rician'.")


def rician_mean(nu: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """Mean of a Rician magnitude.

    σ √(π/2) L_{1/2}(-ν²/2σ²) (Rice 1944), with the Laguerre function written in exponentially scaled Bessel
    functions, so that it holds at any SNR.

    Parameters
    ----------
    nu, sigma
        Noise-free signal (>= 0) and standard deviation of each channel (> 0); they broadcast.
    """
    scale = np.asarray(sigma, dtype=np.float64)
    q = np.square(np.asarray(nu, dtype=np.float64) / scale) / 4
    laguerre = (1 + 2 * q) * i0e(q) + 2 * q * i1e(q)
    return np.asarray(scale * np.sqrt(np.pi / 2) * laguerre, dtype=np.float64)


def rician_mean_square(nu: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """Mean square of a Rician magnitude, ν² + 2σ²."""
    return np.asarray(np.square(nu, dtype=np.float64) + 2 * np.square(sigma, dtype=np.float64))
