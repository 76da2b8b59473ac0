"""Whether the gradient directions agree with the fibres: neighbours along a fibre must go its way.

White matter changes less along its fibres than across them. Where the axes of the directions are mistaken, tensors are
turned by as much in every voxel, and the fibres no longer lead to voxels like themselves (Schilling et al. 2019,
doi:10.1016/j.mri.2019.01.019). Tensors are fitted once, for turning the directions turns the tensors with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..io.fsl_axes import fsl_axes
from .axes import BVEC_AXES, axes_matrix
from .some_voxels import signals, some_tiles
from .tensors import fit_tensors, principal, tensor_volumes

_MOST_ANISOTROPIC = 0.4
"""Share of the voxels whose fibres are followed: those with the highest anisotropy."""

_LEAST_ANISOTROPY = 0.15
"""What noise alone reaches, and grey matter."""

_FLUID = 1.5
"""Mean diffusivity [µm²/ms] above which there is fluid in a voxel."""

_BLOCK = 4
"""Edge [voxels] of the pieces whose differences tell how sure the sum is."""

_ROUNDS = 2
"""Of removing the means of voxels and of neighbours in turn; more change nothing."""

FEWEST = 200
"""Voxels below which fibres tell nothing."""

_SURE, _CLEAR, _VERY_SURE = 2.5, 0.035, 5.0
"""One set of axes is better than another where their coherences differ by `_SURE` standard errors and by `_CLEAR`, or
by `_VERY_SURE` standard errors. Chosen on fields of random directions, where none is better."""

NEIGHBOURS = np.array([step for step in product((-1, 0, 1), repeat=3) if any(step)])


@dataclass(frozen=True, eq=False)
class Coherence:
    """How well each of the axes of :data:`~.axes.BVEC_AXES` agrees with the fibres.

    Attributes
    ----------
    values
        (24,) correlation between how alike neighbours are and how far they lie along the fibre, over and above what
        voxel and neighbour are in themselves: 0 where directions have nothing to do with fibres; about 0.2 in a brain.
    pieces
        (pieces, 24) parts of the values, from blocks of voxels; they add up to them.
    n_voxels
        Voxels whose fibres were followed.
    """

    values: NDArray[np.float64]
    pieces: NDArray[np.float64]
    n_voxels: int

    @property
    def best(self) -> int:
        """Index of the axes that agree best."""
        return int(np.argmax(self.values))

    def beats(self, this: int, other: int) -> bool:
        """Whether these axes agree better than others beyond doubt."""
        if self.n_voxels < FEWEST:
            return False
        difference = self.pieces[:, this] - self.pieces[:, other]
        error = float(np.sqrt(np.sum((difference - difference.mean()) ** 2)))
        gain = float(self.values[this] - self.values[other])
        return gain > _SURE * error and (gain > _CLEAR or gain > _VERY_SURE * error)

    def rivals(self) -> tuple[int, ...]:
        """The others that the best ones do not beat beyond doubt, best first."""
        order = np.argsort(-self.values)[1:]
        return tuple(int(other) for other in order if not self.beats(self.best, int(other)))


def fibre_coherence(dataset: DiffusionDataset) -> Coherence | None:
    """Compare all axes that the .bvec file may have.

    Returns
    -------
    The comparison, or None where the volumes do not tell a tensor.
    """
    volumes = tensor_volumes(dataset.acquisition)
    if volumes is None:
        return None
    chosen = some_tiles(dataset.mask)
    region = scipy.ndimage.binary_dilation(chosen, np.ones((3, 3, 3), dtype=bool))
    frame = fsl_axes(dataset.affine)
    tensors = fit_tensors(signals(dataset, region, volumes), dataset.acquisition.select(volumes))
    inverse = np.linalg.inv(frame)
    return _compare(chosen, region, principal(inverse @ tensors @ inverse.T), _steps(dataset.affine, frame))


def _steps(affine: NDArray[np.float64], frame: NDArray[np.float64]) -> NDArray[np.float64]:
    """(26, 3) unit vectors to the neighbours in FSL's axes."""
    steps = NEIGHBOURS @ (np.linalg.inv(frame) @ affine[:3, :3]).T
    return np.asarray(steps / np.linalg.norm(steps, axis=1, keepdims=True))


def _compare(
    chosen: NDArray[np.bool_],
    region: NDArray[np.bool_],
    fibres: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    steps: NDArray[np.float64],
) -> Coherence:
    """Correlate likeness with lying along the fibre, for all axes."""
    anisotropy, diffusivity, axis = _in_region(region, *fibres)
    followed = chosen & (diffusivity < _FLUID) & (anisotropy > _LEAST_ANISOTROPY)
    if followed.any():
        followed &= anisotropy >= np.quantile(anisotropy[followed], 1 - _MOST_ANISOTROPIC)
    voxels = np.argwhere(followed)
    at, here = voxels[:, None] + NEIGHBOURS, tuple(voxels.T)
    known = ((at >= 0) & (at < region.shape)).all(axis=2)
    there = tuple(np.moveaxis(np.clip(at, 0, np.array(region.shape) - 1), 2, 0))
    known &= region[there]
    cosine = np.einsum("nki,ni->nk", axis[there], axis[here])
    alike = _freed(cosine**2 * np.minimum(anisotropy[there], anisotropy[here][:, None]) ** 2, known)
    values, per_voxel = [], []
    for axes in BVEC_AXES:
        along = _freed(_sharpened(axis[here] @ axes_matrix(axes).T @ steps.T), known)
        norm = max(float(np.sqrt((alike**2).sum() * (along**2).sum())), np.finfo(np.float64).tiny)
        per_voxel.append((alike * along).sum(axis=1) / norm)
        values.append(per_voxel[-1].sum())
    return Coherence(np.array(values), _in_blocks(voxels, np.stack(per_voxel, axis=1)), len(voxels))


def _sharpened(cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a neighbour lies along a fibre: the sixth power, half of it at 27°."""
    square = cosine**2
    return np.asarray(square * square * square)


def _in_region(region: NDArray[np.bool_], *columns: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Put values of a region's voxels where they belong, 0 elsewhere."""
    grids = [np.zeros((*region.shape, *column.shape[1:])) for column in columns]
    for grid, column in zip(grids, columns, strict=True):
        grid[region] = column
    return grids


def _freed(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N, 26) values without the mean of each voxel and that of each direction to a neighbour, 0 where not known.

    Else anisotropic voxels, thin slabs and the shape of the mask would favour some axes.
    """
    values = np.where(known, values, 0.0)
    in_column, in_row = np.maximum(known.sum(axis=0), 1), np.maximum(known.sum(axis=1, keepdims=True), 1)
    for _ in range(_ROUNDS):
        values = np.where(known, values - values.sum(axis=0) / in_column, 0.0)
        values = np.where(known, values - values.sum(axis=1, keepdims=True) / in_row, 0.0)
    return values


def _in_blocks(voxels: NDArray[np.intp], per_voxel: NDArray[np.float64]) -> NDArray[np.float64]:
    """(pieces, 24) sums over the voxels of each block."""
    if not len(voxels):
        return np.zeros((1, per_voxel.shape[1]))
    _, block = np.unique(voxels // _BLOCK, axis=0, return_inverse=True)
    return np.stack([np.bincount(block.reshape(-1), column) for column in per_voxel.T], axis=1)
