"""From tissue to the signal of b-tensors without symmetry, by a sum over the sphere."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.checkpoint import checkpoint

from ..parameters import FASTEST
from ..signal_model.spherical_harmonics import real_sh
from ..signal_model.tensor_signal import half_sphere_rule, largest_alpha
from .network import Tissue

_AT_ONCE = 2**23
"""Exponentials kept for the way back (32 MB each of a few); of larger batches they are computed twice instead."""

_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


class SphereSignal(nn.Module):
    """Predicts volumes of one shell whose b-tensors are of any kind, each voxel with its own.

    Parameters
    ----------
    tensors
        (N, V, 3, 3) b-tensors [ms/µm²] of the N voxels to be predicted, scanner axes.
    lmax
        Order of the FOD.
    """

    tensors: torch.Tensor
    trace: torch.Tensor
    quadratic: torch.Tensor
    density: torch.Tensor

    def __init__(self, tensors: NDArray[np.float64], lmax: int) -> None:
        super().__init__()
        points, weights = half_sphere_rule(FASTEST * largest_alpha(tensors))
        twice = np.array([1.0, 1, 1, 2, 2, 2])  # off-diagonal entries count twice in nᵀBn
        arrays = {
            "tensors": np.stack([tensors[..., i, j] for i, j in _PAIRS], axis=1),  # (N, 6, V)
            "trace": np.trace(tensors, axis1=2, axis2=3)[:, None],  # (N, 1, V)
            "quadratic": twice * np.stack([points[:, i] * points[:, j] for i, j in _PAIRS], axis=1),  # (J, 6)
            "density": (weights[:, None] * real_sh(points, lmax)).T,  # (C, J)
        }
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(array, dtype=torch.float32))

    def forward(self, tissue: Tissue, voxels: torch.Tensor) -> torch.Tensor:
        """(n·K, V) predictions of n of the voxels, from the tissue at K points of each."""
        density = tissue.S0[:, None] * (tissue.fod @ self.density)
        given = (*(part.view(len(voxels), -1, part.shape[1]) for part in (tissue.kernel, density)), voxels)
        n_chunks = min(len(voxels), -(-len(density) * self.trace.shape[2] * len(self.quadratic) // _AT_ONCE))
        if n_chunks <= 1:
            return self._predict(*given)
        chunks = zip(*(part.tensor_split(n_chunks) for part in given), strict=True)
        return torch.cat([checkpoint(self._predict, *chunk, use_reentrant=False) for chunk in chunks])

    def _predict(self, parameters: torch.Tensor, density: torch.Tensor, voxels: torch.Tensor) -> torch.Tensor:
        """S0 Σ_j P(n_j) [f exp(-Di nᵀBn) + (1 - f) exp(-De nᵀBn - Dp (tr B - nᵀBn))], weights within `density`."""
        Di, De, Dp, f = parameters[..., None, None].unbind(2)  # (n, K, 1, 1)
        along = (self.quadratic @ self.tensors[voxels])[:, None]  # (n, 1, J, V)
        stick = torch.exp(-Di * along)
        zeppelin = torch.exp((Dp - De) * along - Dp * self.trace[voxels][:, None])
        share = density[:, :, None]
        return ((f * share) @ stick + ((1.0 - f) * share) @ zeppelin).flatten(0, 2)
