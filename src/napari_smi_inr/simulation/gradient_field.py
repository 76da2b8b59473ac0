"""The non-uniform gradients of a scanner's coils."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TRANSVERSE, _AXIAL = -1.0, 0.7
"""Strength of the third order beside the linear one: where the transverse coils overshoot, the axial falls short."""


def coil_deviation(points_mm: NDArray[np.floating], radius: float) -> NDArray[np.float64]:
    """Non-uniformity of a symmetric set of gradient coils.

    The axial field of each coil is a solution of Laplace's equation. Besides the linear term that is asked for, it
    holds the next order that the coil's symmetry allows:

        Bx = x + a x (4z² - x² - y²)/r²,  By likewise,  Bz = z + c z (2z² - 3x² - 3y²)/r².

    Parameters
    ----------
    points_mm
        (N, 3) RAS positions [mm]; the isocentre is the origin.
    radius
        Length scale r [mm] of the third order.

    Returns
    -------
    (N, 3, 3) matrices L: asked for the gradient g, the coils make L g. Column j is the gradient of coil j's field.
    """
    x, y, z = np.asarray(points_mm, dtype=np.float64).T / radius
    along_x = np.stack([4 * z**2 - 3 * x**2 - y**2, -2 * x * y, 8 * x * z], axis=1)
    along_y = np.stack([-2 * x * y, 4 * z**2 - x**2 - 3 * y**2, 8 * y * z], axis=1)
    along_z = np.stack([-6 * x * z, -6 * y * z, 6 * z**2 - 3 * x**2 - 3 * y**2], axis=1)
    columns = [_TRANSVERSE * along_x, _TRANSVERSE * along_y, _AXIAL * along_z]
    return np.asarray(np.eye(3) + np.stack(columns, axis=2))


def deviation_over(points_mm: NDArray[np.floating], largest: float, within: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Scale :func:`coil_deviation` to a field of view.

    Parameters
    ----------
    points_mm
        (N, 3) RAS positions [mm].
    largest
        Largest entry of L - I among the positions `within`.
    within
        (N,) which positions set the scale.

    Returns
    -------
    (N, 3, 3) matrices L; the identity where all positions lie in the isocentre.
    """
    departure = coil_deviation(points_mm, 1.0) - np.eye(3)
    reached = float(np.abs(departure[within]).max(initial=0.0))
    return np.asarray(np.eye(3) + (largest / reached if reached else 0.0) * departure)
