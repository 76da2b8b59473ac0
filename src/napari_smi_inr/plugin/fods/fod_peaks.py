"""Peaks of FODs: the directions of fibre populations."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...signal_model.spherical_harmonics import lmax_of
from .unit_sphere import basis, tangents, unit_sphere

_FREQUENCY = 10  # 1002 directions about 7 degrees apart
_CHUNK = 256


def find_peaks(
    fod: NDArray[np.floating], n: int = 3, threshold: float = 0.3, separation: float = 25.0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the largest peaks of FODs.

    A peak is a direction of a dense sphere whose value none of its neighbours exceeds; a paraboloid through it and
    them then gives the maximum between directions, to a fraction of a degree.

    Parameters
    ----------
    fod
        (N, C) SH coefficients.
    n
        Most peaks per FOD.
    threshold
        Least amplitude, relative to the FOD's largest.
    separation
        Least angle between two peaks [degrees]; the larger one stays.

    Returns
    -------
    directions, amplitudes
        (N, n, 3) unit vectors and (N, n), largest first; zero where there are fewer peaks.
    """
    directions = np.zeros((len(fod), n, 3), np.float32)
    amplitudes = np.zeros((len(fod), n), np.float32)
    for start in range(0, len(fod), _CHUNK):
        rows = slice(start, start + _CHUNK)
        directions[rows], amplitudes[rows] = _largest(np.asarray(fod[rows], np.float32), n, threshold, separation)
    return directions, amplitudes


def _largest(
    fod: NDArray[np.float32], n: int, threshold: float, separation: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    half, around, _ = _half_sphere()
    values = fod @ basis(_FREQUENCY, lmax_of(fod.shape[1]))[:, 0]
    here = values[:, half]
    summit = (here >= values[:, around[half]].max(axis=-1)) & (here > 0)
    left = np.where(summit & (here >= threshold * here.max(axis=1, keepdims=True)), here, 0.0)
    sphere = unit_sphere(_FREQUENCY).directions[half].astype(np.float32)
    directions, amplitudes = np.zeros((len(fod), n, 3), np.float32), np.zeros((len(fod), n), np.float32)
    for k in range(n):
        best = np.argmax(left, axis=1)
        there = left[np.arange(len(fod)), best] > 0
        refined, height = _refine(values, half[best])
        directions[:, k], amplitudes[:, k] = refined * there[:, None], height * there
        left[np.abs(sphere[best] @ sphere.T) > np.cos(np.radians(separation))] = 0.0
    return directions, amplitudes


def _refine(values: NDArray[np.float32], vertex: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Top of the paraboloid through a vertex and its neighbours."""
    _, around, fit = _half_sphere()
    rows = np.arange(len(values))[:, None]
    seen = values[rows, np.concatenate([vertex[:, None], around[vertex]], axis=1)]  # (N, 7)
    _, gx, gy, xx, xy, yy = np.einsum("nij,nj->in", fit[vertex], seen)
    determinant = 4 * xx * yy - xy**2
    sound = (determinant > 1e-9) & (xx < 0)
    safe = np.where(sound, determinant, 1.0)
    u, v = np.where(sound, (xy * gy - 2 * yy * gx) / safe, 0.0), np.where(sound, (xy * gx - 2 * xx * gy) / safe, 0.0)
    far = np.maximum(np.hypot(u, v) / 0.12, 1.0)  # no further than a neighbour
    u, v = u / far, v / far
    first, second = tangents(_FREQUENCY)[:, vertex]
    found = unit_sphere(_FREQUENCY).directions[vertex] + u[:, None] * first + v[:, None] * second
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    height = seen[:, 0] + 0.5 * (gx * u + gy * v)
    return found.astype(np.float32), height.astype(np.float32)


@lru_cache(maxsize=1)
def _half_sphere() -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.float64]]:
    """Vertices of one half, (V, 6) neighbours, and (V, 6, 7) fits of 1, u, v, u², uv, v² to a vertex and these."""
    sphere = unit_sphere(_FREQUENCY)
    n, around = sphere.directions, sphere.neighbours()
    x, y, z = np.round(n, 6).T
    half = np.flatnonzero((z > 0) | ((z == 0) & (y > 0)) | ((z == 0) & (y == 0) & (x > 0)))
    seven = np.concatenate([np.arange(len(n))[:, None], around], axis=1)
    offsets = n[seven] / np.einsum("vki,vi->vk", n[seven], n)[..., None]  # on the tangent plane
    first, second = tangents(_FREQUENCY)
    u, v = np.einsum("vki,vi->vk", offsets, first), np.einsum("vki,vi->vk", offsets, second)
    return half, around, np.linalg.pinv(np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=-1))
