"""The only place where voxels, scanner millimetres and napari's axes are turned into one another.

Three frames meet in this project. *Voxel* indices (i, j, k) of the scan, integers at voxel centres;
*world*: scanner millimetres, RAS (x to the patient's right, y anterior, z superior); and *napari*'s
world, the same millimetres in reversed order (z, y, x), because napari counts rows before columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

NAPARI_AXES = ("z", "y", "x")
"""Names of napari's world axes: superior, anterior, right."""

OBLIQUE_TOLERANCE = 1e-6
"""Largest off-axis direction cosine of an affine that still counts as axis-aligned."""


def voxel_to_world(affine: NDArray[np.floating], voxels: NDArray[np.number[Any]]) -> NDArray[np.float64]:
    """(..., 3) voxel indices to RAS positions [mm]."""
    matrix = np.asarray(affine, np.float64)
    return np.asarray(voxels, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def world_to_voxel(affine: NDArray[np.floating], points_mm: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3) RAS positions [mm] to (fractional) voxel indices."""
    return voxel_to_world(np.linalg.inv(np.asarray(affine, np.float64)), points_mm)


def world_to_napari(points_mm: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3) RAS positions [mm] in napari's order (z, y, x)."""
    return np.asarray(points_mm, np.float64)[..., ::-1]


def napari_to_world(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3) positions in napari's order (z, y, x) as RAS [mm]."""
    return np.asarray(points, np.float64)[..., ::-1]


def voxel_sizes(affine: NDArray[np.floating]) -> NDArray[np.float64]:
    """(3,) edge lengths of a voxel along its own axes [mm]."""
    sizes: NDArray[np.float64] = np.linalg.norm(np.asarray(affine, np.float64)[:3, :3], axis=0)
    return sizes


def nearest_voxel_axes(affine: NDArray[np.floating]) -> tuple[int, int, int]:
    """For each world axis x, y, z the voxel axis that runs along it most closely, each used once.

    Raises
    ------
    InputError
        If the affine is singular, so voxels have no place in space.
    """
    matrix = np.asarray(affine, np.float64)[:3, :3]
    sizes = voxel_sizes(affine)
    if not np.all(np.isfinite(matrix)) or abs(np.linalg.det(matrix)) < 1e-12 * max(float(np.prod(sizes)), 1e-300):
        raise InputError("affine", "does not span three dimensions.", "Give the scan's (4, 4) voxel-to-RAS matrix.")
    cosines = np.abs(matrix / sizes)
    axes = [0, 0, 0]
    for _ in range(3):  # strongest pairing first, as in nibabel's io_orientation
        world, voxel = np.unravel_index(int(np.argmax(cosines)), (3, 3))
        axes[world] = int(voxel)
        cosines[world, :] = cosines[:, voxel] = -1.0
    return axes[0], axes[1], axes[2]


def is_axis_aligned(affine: NDArray[np.floating]) -> bool:
    """Whether every voxel axis runs along one world axis (permuted and flipped ones included)."""
    axes = nearest_voxel_axes(affine)
    cosines = np.asarray(affine, np.float64)[:3, :3] / voxel_sizes(affine)
    cosines[(0, 1, 2), axes] = 0.0
    return bool(np.abs(cosines).max() <= OBLIQUE_TOLERANCE)


def bounding_box(
    affine: NDArray[np.floating], shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest RAS corner (3,), (3,) [mm] of a volume, out to the faces of its outer voxels."""
    edges = np.stack(np.meshgrid(*[(-0.5, n - 0.5) for n in shape[:3]], indexing="ij"), axis=-1).reshape(-1, 3)
    corners = voxel_to_world(affine, edges)
    return corners.min(axis=0), corners.max(axis=0)


def world_array(
    values: NDArray[Any], affine: NDArray[np.floating]
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """View of an axis-aligned (X, Y, Z) or (X, Y, Z, V) image in napari's axis order, without copying.

    Returns
    -------
    values, scale, translate
        (Z, Y, X) or (V, Z, Y, X) view with every spatial axis increasing, its spacing and its first voxel centre [mm],
        both (3,) in napari's order.

    Raises
    ------
    InputError
        If the affine is oblique: then no array shows the volume in place, only resampling does.
    """
    if not is_axis_aligned(affine):
        raise InputError("affine", "is oblique to the scanner axes.", "Show the map through the zoom layer instead.")
    axes = nearest_voxel_axes(affine)
    signs = np.asarray(affine, np.float64)[(0, 1, 2), axes]
    view = np.transpose(values, (*axes, *range(3, values.ndim)))
    view = view[tuple(slice(None, None, -1 if s < 0 else 1) for s in signs)]
    low, _ = bounding_box(affine, values.shape)
    return view.T, np.abs(signs)[::-1], (low + np.abs(signs) / 2)[::-1]


def refined(
    affine: NDArray[np.floating], shape: tuple[int, int, int], factor: float
) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """Affine and shape of a grid over the same field of view with ``factor`` times as many samples per axis.

    Raises
    ------
    InputError
        If the factor is not positive.
    """
    if not factor > 0:
        raise InputError("factor", f"is {factor:g}.", "Give a positive number, e.g. 8 for eight times finer.")
    finer = tuple(max(1, round(n * factor)) for n in shape)
    ratio = np.array([n / m for n, m in zip(shape, finer, strict=True)])
    result = np.array(affine, np.float64)
    result[:3, :3] = result[:3, :3] * ratio
    result[:3, 3] = voxel_to_world(affine, (ratio - 1) / 2)  # outer faces stay where they are
    return result, (finer[0], finer[1], finer[2])
