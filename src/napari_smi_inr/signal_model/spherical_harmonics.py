"""Real, even, orthonormal spherical harmonics in the MRtrix basis.

Coefficients run over l = 0, 2, … lmax and m = -l … l, so (l, m) stands at index l(l+1)/2 + m.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

P00 = 1.0 / np.sqrt(4.0 * np.pi)
"""The l = 0 coefficient of any FOD that integrates to one."""

P2_SCALE = np.sqrt(4.0 * np.pi / 5.0)
"""p2 is this times the norm of an FOD's five l = 2 coefficients (orthonormal SH)."""

_GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))


def n_coefficients(lmax: int) -> int:
    """Number of even SH coefficients up to order `lmax`."""
    return (lmax + 1) * (lmax + 2) // 2


def lmax_of(n: int) -> int:
    """Highest order of a vector of `n` even SH coefficients.

    Raises
    ------
    ValueError
        If no even order has that many coefficients.
    """
    lmax = round((math.sqrt(8 * n + 1) - 3) / 2)
    if lmax % 2 or n_coefficients(lmax) != n:
        raise ValueError(f"{n} is not the number of even SH coefficients of any order (1, 6, 15, 28, 45, …)")
    return lmax


def degrees(lmax: int) -> NDArray[np.intp]:
    """(C,) order l of each coefficient."""
    return np.repeat(np.arange(0, lmax + 1, 2), 2 * np.arange(0, lmax + 1, 2) + 1)


def real_sh(directions: ArrayLike, lmax: int) -> NDArray[np.float64]:
    """Basis functions at directions.

    Parameters
    ----------
    directions
        (N, 3) vectors in scanner axes; length is ignored, a zero vector counts as +z.
    lmax
        Highest even order.

    Returns
    -------
    (N, C) values: √2 Im Y_l^|m| for m < 0, Y_l^0, √2 Re Y_l^m for m > 0, with the
    Condon-Shortley phase (MRtrix3; dipy's ``real_sh_tournier(legacy=False)``).
    """
    x, y, z = np.asarray(directions, dtype=np.float64).T
    polar = np.arctan2(np.hypot(x, y), z)
    polar = np.where((x == 0) & (y == 0) & (z == 0), 0.0, polar)[:, None]
    l = degrees(lmax)
    m = np.arange(len(l)) - l * (l + 1) // 2
    complex_sh = scipy.special.sph_harm_y(l, np.abs(m), polar, np.arctan2(y, x)[:, None])
    sqrt2 = np.sqrt(2.0)
    return np.where(m < 0, sqrt2 * complex_sh.imag, np.where(m > 0, sqrt2, 1.0) * complex_sh.real)


def rotational_invariants(fod: ArrayLike) -> NDArray[np.float64]:
    """Power of an FOD per order, p_l = √(4π/(2l+1)) ‖p_l·‖ (1 for a single sharp peak).

    Parameters
    ----------
    fod
        (…, C) SH coefficients.

    Returns
    -------
    (…, lmax/2 + 1) with p_0 first and p_2 second.
    """
    coefficients = np.asarray(fod, dtype=np.float64)
    l = degrees(lmax_of(coefficients.shape[-1]))
    power = [np.sum(coefficients[..., l == order] ** 2, axis=-1) for order in range(0, l[-1] + 1, 2)]
    return np.asarray(np.sqrt(4.0 * np.pi / (2.0 * np.unique(l) + 1.0) * np.stack(power, axis=-1)))


def half_sphere(n: int) -> NDArray[np.float64]:
    """(n, 3) unit vectors spread evenly over the upper half-sphere (a Fibonacci spiral).

    Even functions, such as FODs, take all their values there.
    """
    z = (np.arange(n) + 0.5) / n
    azimuth = _GOLDEN_ANGLE * np.arange(n)
    radius = np.sqrt(1.0 - z**2)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=1)


def second_moments(second: NDArray[np.floating]) -> NDArray[np.floating]:
    """(3, ...) second moments of FODs along x, y and z, less those of an isotropic one.

    The integral of P(n) (n_k² - 1/3), which a single direction n brings to n_k² - 1/3.

    Parameters
    ----------
    second
        (5, ...) coefficients of l = 2; all other orders integrate to nothing.
    """
    weights = _second_moment_weights().astype(second.dtype)
    moments: NDArray[np.floating] = (weights @ second.reshape(5, -1)).reshape(3, *second.shape[1:])
    return moments


@cache
def _second_moment_weights() -> NDArray[np.float64]:
    """(3, 5) coefficients of n_k² - 1/3, which lies within l = 2."""
    directions = half_sphere(60)
    weights, *_ = np.linalg.lstsq(real_sh(directions, 2)[:, 1:], directions**2 - 1 / 3)
    return np.asarray(weights.T, np.float64)
