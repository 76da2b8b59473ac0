"""From tissue to signal where every voxel has a protocol of its own: non-uniform gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..acquisition import Acquisition, b_tensors, voxel_gradients
from ..parameters import PARAMETERS
from ..signal_model.kernel import kernel, quadrature_nodes
from ..signal_model.kernel_grid import KernelGrid
from ..signal_model.spherical_harmonics import n_coefficients
from ..signal_model.spherical_harmonics_torch import real_sh_torch
from .network import Tissue
from .sphere_signal import SphereSignal

_KEPT = 2**26
"""Floats of basis and weights kept in memory (256 MB); beyond, they are computed anew for each batch."""

_CHUNK = 1024
"""Voxels whose basis is computed at a time."""


class VoxelSignalModel(nn.Module):
    """Predicts the volumes of a scan with non-uniform gradients.

    Parameters
    ----------
    acquisition
        Protocol asked for, V volumes.
    deviation
        (N, 3, 3) matrices L of the N voxels to be predicted.
    lmax
        Order of the FOD.
    exact
        Take all b-tensors as they are. Otherwise those of planar and other shapes are replaced by the nearest
        axially symmetric ones (:func:`~napari_smi_inr.acquisition.voxel_gradients.voxel_gradients`). Measured where
        the entries of L - I reach 0.1: that moves the signal by 0.15 % of S0 (root mean square; 0.5 % at most) for
        the field of a coil on the phantom, and by 0.6 % (3 %) for L drawn at random. Linear encoding is exact either
        way. A fit with all tensors exact takes about eight times as long.

    Attributes
    ----------
    volumes
        (V,) the volume each prediction is of.
    """

    volumes: torch.Tensor

    def __init__(self, acquisition: Acquisition, deviation: NDArray[np.floating], lmax: int, *, exact: bool) -> None:
        super().__init__()
        shells = [shell.volumes for shell in acquisition.shells()]
        linear = [bool((acquisition.b_delta[volumes] == 1.0).all()) for volumes in shells]
        symmetric = [volumes for volumes, is_linear in zip(shells, linear, strict=True) if is_linear or not exact]
        others = [volumes for volumes, is_linear in zip(shells, linear, strict=True) if exact and not is_linear]
        self.parts = nn.ModuleList([_SymmetricSignal(acquisition, symmetric, deviation, lmax)] if symmetric else [])
        for volumes in others:
            self.parts.append(SphereSignal(b_tensors(acquisition.select(volumes), deviation), lmax))
        self.register_buffer("volumes", torch.as_tensor(np.concatenate([*symmetric, *others])))

    def measure(self, signal: torch.Tensor) -> torch.Tensor:
        """(N, V) measured signal in the order that :meth:`forward` predicts."""
        return signal[:, self.volumes.to(signal.device)]

    def forward(self, tissue: Tissue, voxels: torch.Tensor) -> torch.Tensor:
        """(n, V) predictions for n of the voxels, by their indices."""
        return torch.cat([part(tissue, voxels) for part in self.parts], dim=1)


class _SymmetricSignal(nn.Module):
    """Volumes whose b-tensors are axially symmetric in every voxel, shell by shell.

    The response is found at the nodes of each shell's :class:`~..signal_model.kernel_grid.KernelGrid`, one kernel for
    all voxels; weights spread it to the volumes. Volumes stand last, side by side in memory.
    """

    nodes_b: torch.Tensor
    nodes_b_delta: torch.Tensor
    b: torch.Tensor
    b_delta: torch.Tensor
    directions: torch.Tensor

    def __init__(
        self, acquisition: Acquisition, shells: list[NDArray[np.intp]], deviation: NDArray[np.floating], lmax: int
    ) -> None:
        super().__init__()
        self.lmax = lmax
        seen = voxel_gradients(acquisition.select(np.concatenate(shells)), deviation)
        self.shells = _slices([len(volumes) for volumes in shells])
        self.grids = [KernelGrid.over(seen.b[:, shell], seen.b_delta[:, shell]) for shell in self.shells]
        self.of_shell = _slices([len(grid.tensors) for grid in self.grids])
        nodes = np.concatenate([grid.tensors for grid in self.grids])
        self._keep({"nodes_b": nodes[:, 0], "nodes_b_delta": nodes[:, 1]})
        fastest = max(bounds[1] for key in ("Di", "De", "Dp") if (bounds := PARAMETERS[key].bounds))
        self.nodes = quadrature_nodes(float(np.abs(nodes.prod(axis=1)).max()) * fastest, torch.float32)
        size = seen.b.size * n_coefficients(lmax)
        size += sum(
            len(seen.b) * (m.stop - m.start) * (v.stop - v.start)
            for m, v in zip(self.of_shell, self.shells, strict=True)
        )
        self._keep({name: getattr(seen, name) for name in ("b", "b_delta", "directions")})
        self.kept = size <= _KEPT
        if self.kept:
            self._keep_designs()

    def forward(self, tissue: Tissue, voxels: torch.Tensor) -> torch.Tensor:
        """(n, V) predictions for n of the voxels."""
        basis, *weights = self._designs(voxels)
        Di, De, Dp, f = tissue.kernel[:, :, None].unbind(1)  # (n, 1) each, against M nodes
        nodes = kernel(self.nodes_b, self.nodes_b_delta, Di, De, Dp, f, self.lmax, self.nodes).transpose(1, 2)
        response = torch.cat(
            [nodes[:, :, part] @ weight for part, weight in zip(self.of_shell, weights, strict=True)], dim=2
        )  # (n, L, V)
        parts = []
        for l in range(0, self.lmax + 1, 2):
            order = slice(l * (l - 1) // 2, (l + 1) * (l + 2) // 2)
            parts.append(response[:, l // 2] * (tissue.fod[:, None, order] @ basis[:, order])[:, 0])
        return tissue.S0[:, None] * torch.stack(parts).sum(0)

    def _designs(self, voxels: torch.Tensor) -> list[torch.Tensor]:
        """(n, C, V) basis, and for each shell the (n, M, volumes) weights of its nodes."""
        if self.kept:
            return [getattr(self, f"design{i}")[voxels] for i in range(1 + len(self.shells))]
        b, b_delta = self.b[voxels], self.b_delta[voxels]
        basis = 4.0 * torch.pi * real_sh_torch(self.directions[voxels], self.lmax).movedim(-1, 1)
        weights = [
            grid.weights(b[:, shell], b_delta[:, shell]) for grid, shell in zip(self.grids, self.shells, strict=True)
        ]
        return [basis, *weights]

    def _keep_designs(self) -> None:
        """Compute every voxel's design once; what it was made from is no longer needed."""
        self.kept = False
        n = len(self.b)
        chunks = [self._designs(torch.arange(start, min(start + _CHUNK, n))) for start in range(0, n, _CHUNK)]
        for i, parts in enumerate(zip(*chunks, strict=True)):
            self.register_buffer(f"design{i}", torch.cat([part.contiguous() for part in parts]))
        self.kept = True
        del self.b, self.b_delta, self.directions

    def _keep(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(array, dtype=torch.float32))


def _slices(sizes: Sequence[int]) -> list[slice]:
    """Places of parts of these sizes, one after another."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
