"""Where in its voxel a measurement is predicted: at the centre, or at points that stand for the whole of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CENTRE = np.zeros((1, 3))

_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(12.0)
"""Four points in units of the voxel's edges whose mean is that over the voxel for any polynomial of order 2."""


def voxel_offsets(affine: NDArray[np.floating], average: bool) -> NDArray[np.float64]:
    """Points of a voxel at which its signal is predicted; their mean is the prediction.

    A scanner's voxel holds the average over its volume. To second order four points do for that average what
    a dense grid does: they are the coarsest rule that sees curvature along every direction.

    Parameters
    ----------
    affine
        (4, 4) from voxel indices to RAS millimetres.
    average
        Predict the average over the voxel rather than its centre.

    Returns
    -------
    (K, 3) offsets from the centre of a voxel [mm].
    """
    return np.asarray((_TETRAHEDRON if average else _CENTRE) @ affine[:3, :3].T, dtype=np.float64)
