"""Interpolation between voxels that form no full grid, such as every other one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

Interpolation = Literal["cubic", "linear"]

_NEIGHBOURS = 50
_FLAT = 1e-6


def interpolate_scattered(
    places: NDArray[np.floating],
    values: NDArray[np.floating],
    points: NDArray[np.floating],
    kind: Interpolation = "cubic",
) -> NDArray[np.float64]:
    """Interpolate by polyharmonic splines, r³ (cubic) or r (linear), through the nearest 50 places.

    Parameters
    ----------
    places
        (N, 3) where values are known [mm].
    values
        (N, V) the values.
    points
        (M, 3) where they are wanted [mm].
    kind
        ``"cubic"`` or ``"linear"``.

    Returns
    -------
    (M, V) values.
    """
    centre = places.mean(axis=0)
    spread, axes = np.linalg.svd(places - centre, full_matrices=False)[1:]
    used = axes[spread > _FLAT * spread[0]]  # places in one plane leave the third axis undetermined
    neighbours = min(_NEIGHBOURS, len(places))
    degree = 1 if kind == "cubic" else 0
    spline = RBFInterpolator((places - centre) @ used.T, values, neighbors=neighbours, kernel=kind, degree=degree)
    return np.asarray(spline((points - centre) @ used.T), dtype=np.float64)
