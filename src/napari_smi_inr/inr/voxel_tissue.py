"""What a network says of voxels."""

from __future__ import annotations

from typing import cast

import torch

from .model import FieldModel
from .network import Tissue
from .problem import Problem

_CACHED_FEATURES = 2**26
"""Floats of encoded positions kept in memory (256 MB); beyond, they are computed anew for each batch."""


class VoxelTissue:
    """The tissue at the points of voxels, as a network has it at the moment.

    Parameters
    ----------
    model
        The network.
    problem
        Has the points.
    """

    def __init__(self, model: FieldModel, problem: Problem) -> None:
        self._model, self._problem = model, problem
        self._n_features = model.encoding.n_features
        n = problem.n_voxels * problem.points_per_voxel * self._n_features
        few = n <= _CACHED_FEATURES
        self._features = model.encode(problem.points()).view(problem.n_voxels, -1) if few else None

    def of(self, voxels: torch.Tensor) -> Tissue:
        """The tissue at the n·K points of n voxels."""
        if self._features is None:
            return cast(Tissue, self._model(self._problem.points(voxels)))
        return self._model.decode(self._features.index_select(0, voxels).view(-1, self._n_features))

    def forget(self) -> None:
        """Let go of the encoded positions: memory is short."""
        self._features = None
