"""The forward model for b-tensors of any kind, without any symmetry asked of them.

The spherical harmonics of :mod:`~.standard_model` need an axially symmetric b-tensor. For any other the integral
over fibre directions is taken as a sum over the sphere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import lebedev_rule

from ..parameters import KERNEL_PARAMETERS
from .spherical_harmonics import lmax_of, real_sh

_AT_ONCE = 1 << 20
"""Exponentials held at a time (8 MB): what a processor's cache can take."""

_SMALLEST_RULE, _LARGEST_RULE = 23, 131  # degrees; scipy has every sixth one between


def half_sphere_rule(alpha_max: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and weights that integrate even functions over the sphere (Lebedev's rules, one of each pair ±n).

    Parameters
    ----------
    alpha_max
        Strongest anisotropy of the exponent: exp(-alpha_max x²) is the sharpest response.

    Returns
    -------
    (J, 3) unit vectors and (J,) weights that add up to 4π.

    Notes
    -----
    Measured against :func:`~.kernel.legendre_projections` for FODs of a single peak up to lmax 8 and alpha_max of
    2 to 48: the error stays below 1e-6 of S0.
    """
    steps = max(0, int(np.ceil((20.0 + 1.2 * alpha_max - _SMALLEST_RULE) / 6.0)))
    return _half_sphere_rule(min(_LARGEST_RULE, _SMALLEST_RULE + 6 * steps))


@lru_cache(maxsize=8)
def _half_sphere_rule(degree: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points, weights = lebedev_rule(degree)
    x, y, z = points
    upper = (z > 0) | ((z == 0) & ((y > 0) | ((y == 0) & (x > 0))))
    return np.asarray(points.T[upper]), np.asarray(2.0 * weights[upper])


def largest_alpha(tensors: NDArray[np.float64]) -> float:
    """Bound of the difference between the extreme eigenvalues of (…, 3, 3) symmetric tensors, over all of them."""
    isotropic = np.trace(tensors, axis1=-2, axis2=-1)[..., None, None] / 3.0 * np.eye(3)
    return float(np.sqrt(2.0 * np.square(tensors - isotropic).sum(axis=(-2, -1)).max(initial=0.0)))


def predict_tensor_signal(values: Mapping[str, ArrayLike], fod: ArrayLike, tensors: ArrayLike) -> NDArray[np.float64]:
    """Noise-free signal of the Standard Model for b-tensors of any kind.

    Parameters
    ----------
    values
        (N,) arrays by symbol: Di, De, Dp [µm²/ms], f and S0 (any unit, the signal's own).
    fod
        (N, C) orthonormal real SH coefficients in the MRtrix basis and scanner axes.
    tensors
        (N, V, 3, 3) symmetric b-tensors B of each voxel [ms/µm²], scanner axes.

    Returns
    -------
    (N, V) signal S0 ∫ P(n) [f exp(-Di nᵀBn) + (1 - f) exp(-Dp tr B - (De - Dp) nᵀBn)] dn in float64.
    """
    coefficients = np.atleast_2d(np.asarray(fod, dtype=np.float64))
    exact = np.asarray(tensors, dtype=np.float64)
    b = exact.reshape(*exact.shape[:2], 9)
    columns = {key: np.asarray(values[key], dtype=np.float64) for key in (*KERNEL_PARAMETERS, "S0")}
    if not b.size:
        return np.empty(b.shape[:2])
    trace = b[..., [0, 4, 8]].sum(axis=-1)
    fastest = max(columns[key].max() for key in ("Di", "De", "Dp"))
    points, weights = half_sphere_rule(float(fastest * largest_alpha(exact)))
    density = weights * (coefficients @ real_sh(points, lmax_of(coefficients.shape[1])).T)  # (N, J)
    quadratic = torch.as_tensor((points[:, :, None] * points[:, None, :]).reshape(-1, 9).T)  # (9, J)
    signal = np.empty(b.shape[:2])
    size = max(1, _AT_ONCE // (b.shape[1] * len(points)))
    for start in range(0, len(b), size):
        rows = slice(start, start + size)
        along = torch.as_tensor(b[rows]) @ quadratic  # (n, V, J): nᵀBn
        Di, De, Dp, f = (torch.as_tensor(columns[key][rows])[:, None, None] for key in KERNEL_PARAMETERS)
        across = torch.as_tensor(trace[rows])[..., None] - along
        response = f * torch.exp(-Di * along) + (1.0 - f) * torch.exp(-(De * along + Dp * across))
        signal[rows] = (response @ torch.as_tensor(density[rows])[..., None])[..., 0].numpy()
    return np.asarray(columns["S0"][:, None] * signal)
