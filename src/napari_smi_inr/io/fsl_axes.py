"""FSL's axes of directions, which follow the image, and the scanner's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fsl_to_scanner(bvecs: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn directions from FSL's image axes to scanner (RAS) axes.

    FSL counts the first image axis from the subject's right to left whatever way it is stored, so it is
    flipped where the affine has a positive determinant; the affine's direction cosines do the rest.

    Parameters
    ----------
    bvecs
        (V, 3) unit or zero vectors as in a .bvec file.
    affine
        (4, 4) of the image they belong to.

    Returns
    -------
    (V, 3) unit or zero vectors.
    """
    return unit_vectors(bvecs @ fsl_axes(affine).T)


def scanner_to_fsl(directions: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo :func:`fsl_to_scanner`."""
    return unit_vectors(np.linalg.solve(fsl_axes(affine), directions.T).T)


def fsl_axes(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) scanner (RAS) directions of FSL's three axes, in columns."""
    axes = image_axes(affine)
    if np.linalg.det(axes) > 0:
        axes[:, 0] *= -1
    return axes


def image_axes(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) scanner (RAS) directions of the image's own axes, in columns."""
    return np.asarray(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))


def unit_vectors(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale to unit length, except zero vectors."""
    with np.errstate(invalid="ignore", over="ignore"):  # infinite ones are refused later
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(length > 0, length, 1), dtype=np.float64)
