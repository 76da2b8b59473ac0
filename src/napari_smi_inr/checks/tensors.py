"""Diffusion tensors by weighted linear least squares: quick, and good enough to see which way fibres run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition

_LIMITS = (1.6, 3.2, np.inf)
"""Largest b-values [ms/µm²] to try: the lower, the nearer is the signal to that of a tensor."""

_ANISOTROPIC = 0.3
"""Least |b_delta| whose signal depends enough on direction."""

_CONDITION = 1e4
"""Above this condition number the directions do not span a tensor."""

_FLOOR, _CEILING = 0.01, 10.0
"""Signals count as no less and no more than these shares of b = 0, for any voxel to have a tensor."""


def tensor_volumes(acquisition: Acquisition) -> NDArray[np.bool_] | None:
    """(V,) volumes a tensor is fitted to: b = 0 and directed ones of low b; None if there are none that span one."""
    directed = (np.abs(acquisition.b_delta) >= _ANISOTROPIC) & (np.linalg.norm(acquisition.directions, axis=1) > 0)
    for limit in _LIMITS:
        volumes = acquisition.is_b0 | (directed & (acquisition.b <= limit))
        if np.linalg.cond(_design(acquisition.select(volumes))) < _CONDITION:
            return np.asarray(volumes)
    return None


def fit_tensors(signal: NDArray[np.floating], acquisition: Acquisition) -> NDArray[np.float64]:
    """Fit ln S = ln S0 - B : D, each measurement weighted by its signal squared (Salvador et al. 2005).

    Parameters
    ----------
    signal
        (N, V) of N voxels.
    acquisition
        Protocol of the V volumes, b = 0 among them, of any b-tensor shapes.

    Returns
    -------
    (N, 3, 3) tensors [µm²/ms] in the frame of the acquisition's directions.
    """
    design = _design(acquisition)
    b0 = np.nan_to_num(signal[:, acquisition.is_b0].mean(axis=1, keepdims=True))
    scaled = np.clip(np.nan_to_num(np.where(b0 > 0, signal, 1.0)) / np.where(b0 > 0, b0, 1.0), _FLOOR, _CEILING)
    weights = scaled**2
    pairs = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    normal = (weights @ pairs).reshape(-1, 7, 7) + 1e-9 * np.eye(7)
    fitted = np.linalg.solve(normal, ((weights * np.log(scaled)) @ design)[..., None])[..., 0]
    return np.asarray(fitted[:, [1, 4, 5, 4, 2, 6, 5, 6, 3]].reshape(-1, 3, 3))


def principal(tensors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(N,) fractional anisotropy, (N,) mean diffusivity and (N, 3) principal axis of tensors."""
    values, vectors = np.linalg.eigh(tensors)
    values = values.clip(min=0.0)
    mean = values.mean(axis=1)
    spread = ((values - mean[:, None]) ** 2).sum(axis=1)
    anisotropy = np.sqrt(1.5 * spread / np.maximum((values**2).sum(axis=1), np.finfo(np.float64).tiny))
    return anisotropy, mean, vectors[:, :, 2]


def _design(acquisition: Acquisition) -> NDArray[np.float64]:
    """(V, 7) columns 1, -Bxx, -Byy, -Bzz, -2Bxy, -2Bxz, -2Byz."""
    b, shape, u = acquisition.b, acquisition.b_delta, acquisition.directions
    x, y, z = u.T
    isotropic, axial = b * (1.0 - shape) / 3.0, b * shape
    diagonal = [-(isotropic + axial * c**2) for c in (x, y, z)]
    mixed = [-2.0 * axial * c * d for c, d in ((x, y), (x, z), (y, z))]
    return np.column_stack([np.ones_like(b), *diagonal, *mixed])
