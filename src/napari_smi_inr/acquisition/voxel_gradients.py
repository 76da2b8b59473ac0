"""Gradient non-uniformity: the protocol as each voxel really saw it.

Gradient coils are linear only near the middle of the scanner. Where the gradient asked for is g, a voxel sees
L g (Bammer et al. 2003, doi:10.1002/mrm.10545), hence L B Lᵀ instead of the b-tensor B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .protocol import SHAPE_RANGE, Acquisition

_CHUNK = 4096
"""Voxels whose tensors are decomposed at a time: tens of MB for any protocol."""


@dataclass(frozen=True, eq=False)
class VoxelGradients:
    """A protocol of N voxels, each with its own b-tensors: axially symmetric ones, and what sets them apart from that.

    Attributes
    ----------
    b
        (N, V) b-value [ms/µm²].
    b_delta
        (N, V) shape in [-0.5, 1].
    directions
        (N, V, 3) unit symmetry axis in scanner (RAS) axes.
    asymmetry
        (N, V, 3) vector ε e₁ across the symmetry axis u. The tensor is
        B = b [(1 - b_delta)/3 I + b_delta u uᵀ + ε (e₁e₁ᵀ - e₂e₂ᵀ)], e₂ = u × e₁, with ε ≥ 0 small. Unlike b_eta,
        ε is no ratio to b_delta, and stays finite where that vanishes.
    """

    b: NDArray[np.float64]
    b_delta: NDArray[np.float64]
    directions: NDArray[np.float64]
    asymmetry: NDArray[np.float64]

    def select(self, volumes: NDArray[np.intp] | NDArray[np.bool_]) -> VoxelGradients:
        """Keep only some of the volumes."""
        return VoxelGradients(*(part[:, volumes] for part in (self.b, self.b_delta, self.directions, self.asymmetry)))


def voxel_gradients(acquisition: Acquisition, deviation: ArrayLike) -> VoxelGradients:
    """Find the b-value, shape, direction and asymmetry of every volume in every voxel.

    Parameters
    ----------
    acquisition
        Protocol asked for, V volumes.
    deviation
        (N, 3, 3) matrices L of N voxels: a gradient g asked for is L g, both in scanner (RAS) axes.

    Returns
    -------
    VoxelGradients
        Linear encoding stays linear: b' = b |Lu|² along Lu. Of any other shape the first three parts are the nearest
        axially symmetric tensors to L B Lᵀ (least squares): the axis is the eigenvector whose eigenvalue lies
        farthest from the mean, the other two are averaged, and half their difference is ε. All four together are
        L B Lᵀ, as :func:`b_tensors` gives it.

    Notes
    -----
    b = 0 stays as it is. A volume without a direction counts as +z, as in the signal model; spherical encoding
    becomes slightly anisotropic along an axis of the coil's making.
    """
    matrices = np.asarray(deviation, dtype=np.float64).reshape(-1, 3, 3)
    n, volumes = len(matrices), acquisition.n_volumes
    b, b_delta, directions = np.empty((n, volumes)), np.empty((n, volumes)), np.empty((n, volumes, 3))
    result = VoxelGradients(b, b_delta, directions, np.zeros((n, volumes, 3)))
    for start in range(0, n, _CHUNK):
        rows = slice(start, start + _CHUNK)
        parts = (result.b, result.b_delta, result.directions, result.asymmetry)
        _fill(acquisition, matrices[rows], *(part[rows] for part in parts))
    return result


def b_tensors(acquisition: Acquisition, deviation: ArrayLike) -> NDArray[np.float64]:
    """Find the exact b-tensors L B Lᵀ of every volume in every voxel.

    Parameters
    ----------
    acquisition, deviation
        As for :func:`voxel_gradients`.

    Returns
    -------
    (N, V, 3, 3) symmetric tensors [ms/µm²] in scanner (RAS) axes.
    """
    matrices = np.asarray(deviation, dtype=np.float64).reshape(-1, 3, 3)
    shapes = _unit_tensors(matrices, acquisition.b_delta, _axes(acquisition))
    return np.asarray(acquisition.b[:, None, None] * shapes)


def _axes(acquisition: Acquisition) -> NDArray[np.float64]:
    """(V, 3) unit symmetry axes, +z where there is none."""
    directed = np.any(acquisition.directions != 0, axis=1, keepdims=True)
    return np.where(directed, acquisition.directions, [0.0, 0.0, 1.0])


def _unit_tensors(
    matrices: NDArray[np.float64], b_delta: NDArray[np.float64], axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, V, 3, 3) tensors L B Lᵀ of b = 1: (1 - b_delta)/3 L Lᵀ + b_delta (Lu)(Lu)ᵀ."""
    turned = np.einsum("nij,vj->nvi", matrices, axes)
    isotropic = matrices @ matrices.transpose(0, 2, 1)
    tensors = (b_delta[:, None] * turned)[..., :, None] * turned[..., None, :]
    tensors += ((1.0 - b_delta) / 3.0)[:, None, None] * isotropic[:, None]
    return np.asarray(tensors)


def _fill(
    acquisition: Acquisition,
    matrices: NDArray[np.float64],
    b: NDArray[np.float64],
    b_delta: NDArray[np.float64],
    directions: NDArray[np.float64],
    asymmetry: NDArray[np.float64],
) -> None:
    """Fill in the (n, V) values of n voxels; only shapes neither linear nor spherical cost much."""
    axes = _axes(acquisition)
    linear, spherical = acquisition.b_delta == 1.0, acquisition.b_delta == 0.0
    turned = np.einsum("nij,vj->nvi", matrices, axes[linear])
    length = np.linalg.norm(turned, axis=2)
    b[:, linear], b_delta[:, linear], directions[:, linear] = length**2, 1.0, turned / length[..., None]
    one = np.flatnonzero(spherical)[:1]  # spherical volumes share one tensor
    for to, of in ((spherical, one), (~(linear | spherical), np.flatnonzero(~(linear | spherical)))):
        if len(of):
            tensors = _unit_tensors(matrices, acquisition.b_delta[of], axes[of])
            b[:, to], b_delta[:, to], directions[:, to], asymmetry[:, to] = axially_symmetric(tensors, axes[of])
    b *= acquisition.b
    unweighted = acquisition.b == 0.0
    b_delta[:, unweighted], directions[:, unweighted] = acquisition.b_delta[unweighted], axes[unweighted]
    asymmetry[:, unweighted] = 0.0


def axially_symmetric(
    tensors: NDArray[np.float64], axes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Find the nearest axially symmetric tensors, by least squares.

    Parameters
    ----------
    tensors
        (N, V, 3, 3) symmetric, of positive trace.
    axes
        (V, 3) near which the symmetry axes shall point, of their two ends.

    Returns
    -------
    trace, shape, axis, asymmetry
        (N, V), (N, V), (N, V, 3) and (N, V, 3), as :class:`VoxelGradients` has them.
    """
    values, vectors = np.linalg.eigh(tensors)
    trace = values.sum(axis=-1)
    # of ascending eigenvalues the first or the last lies farthest from the mean, on the side away from the middle one
    oblate = values[..., 1] > trace / 3.0
    away = np.where(oblate, values[..., 0], values[..., 2])
    shape = np.clip((3.0 * away - trace) / (2.0 * trace), *SHAPE_RANGE)
    axis = np.where(oblate[..., None], vectors[..., 0], vectors[..., 2])
    larger, smaller = np.where(oblate, values[..., 2], values[..., 1]), np.where(oblate, values[..., 1], values[..., 0])
    across = np.where(oblate[..., None], vectors[..., 2], vectors[..., 1])
    asymmetry = ((larger - smaller) / (2.0 * trace))[..., None] * across
    backwards = np.einsum("nvi,vi->nv", axis, axes) < 0.0
    return trace, shape, np.where(backwards[..., None], -axis, axis), asymmetry
