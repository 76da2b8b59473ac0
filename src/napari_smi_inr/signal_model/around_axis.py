"""The signal of one piece of tissue around its main fibre, as curves: against b-value and against angle.

The Standard Model's signal along u is 4π S0 Σ_lm K_l p_lm Y_lm(u) (arXiv 2506.15762, eq. 7). Its mean over all
directions keeps l = 0 alone (the powder average); its mean over all u at one angle θ to an axis n is, by the addition
theorem, 4π S0 Σ_l K_l P_l(cos θ) Σ_m p_lm Y_lm(n).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import eval_legendre

from ..parameters import KERNEL_PARAMETERS
from .kernel import kernel
from .spherical_harmonics import P00, degrees, half_sphere, lmax_of, real_sh

_DIRECTIONS = 1000
"""Of the first look for a peak: 4.5 degrees apart, a third of the width of a peak at lmax 8."""

_CONE = np.radians(4.0)
_FINE = 150
"""Directions of the second look, half a degree apart."""


def main_axis(fod: ArrayLike) -> NDArray[np.float64]:
    """(3,) unit direction, in scanner axes, in which an FOD of (C,) SH coefficients is highest; to half a degree."""
    coefficients = np.asarray(fod, dtype=np.float64)
    lmax = lmax_of(len(coefficients))
    directions, basis = _first_look(lmax)
    rough = directions[np.argmax(basis @ coefficients)]
    near = _cone(rough)
    return np.asarray(near[np.argmax(real_sh(near, lmax) @ coefficients)])


@lru_cache(maxsize=4)
def _first_look(lmax: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    directions = half_sphere(_DIRECTIONS)
    return directions, real_sh(directions, lmax)


def _cone(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) unit vectors spread over the surroundings of an axis, which is one of them."""
    first, second = across(axis)
    turn = np.arange(_FINE) * np.pi * (3.0 - np.sqrt(5.0))
    tilt = _CONE * np.sqrt(np.arange(_FINE) / _FINE)
    sideways = np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second
    return np.asarray(np.cos(tilt)[:, None] * axis + np.sin(tilt)[:, None] * sideways)


def across(axis: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors perpendicular to a unit vector and to each other."""
    first = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    first /= np.linalg.norm(first)
    return first, np.cross(axis, first)


def response(values: Mapping[str, float], b: ArrayLike, b_delta: ArrayLike, lmax: int) -> NDArray[np.float64]:
    """4π S0 K_l of one piece of tissue for several kinds of weighting.

    Parameters
    ----------
    values
        Di, De, Dp [µm²/ms], f and S0 (the signal's own unit) by symbol.
    b, b_delta
        (G,) b-values [ms/µm²] and shapes.
    lmax
        Highest order of the FOD.

    Returns
    -------
    (G, lmax/2 + 1) in the unit of S0.
    """
    Di, De, Dp, f = (torch.as_tensor(float(values[key]), dtype=torch.float64) for key in KERNEL_PARAMETERS)
    strength, shape = (torch.as_tensor(np.asarray(w, dtype=np.float64)) for w in (b, b_delta))
    return np.asarray(4.0 * np.pi * float(values["S0"]) * kernel(strength, shape, Di, De, Dp, f, lmax).numpy())


def powder_average(responses: NDArray[np.float64], fod: ArrayLike) -> NDArray[np.float64]:
    """(G,) mean signal over all directions, of (G, L) responses and a (C,) FOD."""
    return np.asarray(responses[:, 0] * np.asarray(fod, dtype=np.float64)[0] * P00)


def signal_at_angles(
    responses: NDArray[np.float64], fod: ArrayLike, axis: NDArray[np.float64], cosines: ArrayLike
) -> NDArray[np.float64]:
    """(G, T) signal, averaged around a (3,) axis, at T angles to it given by their cosines."""
    lmax = 2 * (responses.shape[1] - 1)
    orders = np.arange(0, lmax + 1, 2)
    along = np.asarray(fod, dtype=np.float64) * real_sh(axis[None], lmax)[0]
    moments = np.bincount(degrees(lmax) // 2, weights=along)
    return np.asarray((responses * moments) @ eval_legendre(orders[:, None], np.asarray(cosines, dtype=np.float64)))


def range_at_angles(
    responses: NDArray[np.float64], fod: ArrayLike, axis: NDArray[np.float64], cosines: ArrayLike, turns: int = 16
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(G, T) lowest and highest signal at T angles to a (3,) axis, over so many directions around it."""
    lmax = 2 * (responses.shape[1] - 1)
    cosine = np.asarray(cosines, dtype=np.float64)[:, None, None]
    turn = np.arange(turns)[:, None] * (2.0 * np.pi / turns)
    first, second = across(axis)
    directions = cosine * axis + np.sqrt(1.0 - cosine**2) * (np.cos(turn) * first + np.sin(turn) * second)
    basis = real_sh(directions.reshape(-1, 3), lmax)
    coefficients = responses[:, degrees(lmax) // 2] * np.asarray(fod, dtype=np.float64)
    signal = (coefficients @ basis.T).reshape(len(responses), -1, turns)
    return signal.min(axis=-1), signal.max(axis=-1)
