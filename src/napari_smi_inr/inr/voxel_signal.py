"""From tissue to signal where every voxel has a protocol of its own: non-uniform gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..acquisition import Acquisition, b_tensors, voxel_gradients
from ..parameters import FASTEST
from ..signal_model.kernel import ASYMMETRY_LMAX, kernel, quadrature_nodes
from ..signal_model.kernel_grid import KernelGrid
from ..signal_model.spherical_harmonics_torch import real_sh_torch
from .network import Tissue
from .sphere_signal import SphereSignal

_KEPT = 2**26
"""Floats of basis and weights kept in memory (256 MB) for linear shells, and as many for the others; beyond, they are
computed anew for each batch."""

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
        Take all b-tensors as they are. Otherwise those that are not linear are taken to first order in the asymmetry
        that the gradients give them (:func:`~napari_smi_inr.acquisition.voxel_gradients.voxel_gradients`). Measured
        where the entries of L - I reach 0.1: that moves their signal by 0.005 % of S0 (root mean square; 0.03 % at
        most) for the field of a coil on the phantom, and by up to 0.1 % (0.8 %) for L drawn at random; half the
        deviation, a quarter of that. A fit with all tensors exact takes about eight times as long.

    Attributes
    ----------
    volumes
        (V,) the volume each prediction is of.
    """

    volumes: torch.Tensor

    def __init__(self, acquisition: Acquisition, deviation: NDArray[np.floating], lmax: int, *, exact: bool) -> None:
        super().__init__()
        shells = [shell.volumes for shell in acquisition.shells()]
        linear = [volumes for volumes in shells if (acquisition.b_delta[volumes] == 1.0).all()]
        others = [volumes for volumes in shells if not (acquisition.b_delta[volumes] == 1.0).all()]
        self.parts = nn.ModuleList()
        if linear:
            self.parts.append(_ShellSignal(acquisition, linear, deviation, lmax, asymmetric=False))
        if exact:
            self.parts.extend(SphereSignal(b_tensors(acquisition.select(shell), deviation), lmax) for shell in others)
        elif others:
            self.parts.append(_ShellSignal(acquisition, others, deviation, lmax, asymmetric=True))
        self.register_buffer("volumes", torch.as_tensor(np.concatenate([*linear, *others])))

    def measure(self, signal: torch.Tensor) -> torch.Tensor:
        """(N, V) measured signal in the order that :meth:`forward` predicts."""
        return signal[:, self.volumes.to(signal.device)]

    def forward(self, tissue: Tissue, voxels: torch.Tensor) -> torch.Tensor:
        """(n·K, V) predictions of n voxels, by their indices, from the tissue at K points of each."""
        return torch.cat([part(tissue, voxels) for part in self.parts], dim=1)


class _ShellSignal(nn.Module):
    """Volumes whose b-tensors are axially symmetric, or nearly so, in every voxel, shell by shell.

    The response is found at the nodes of each shell's :class:`~..signal_model.kernel_grid.KernelGrid`, one kernel for
    all voxels; weights spread it to the volumes. Volumes stand last, side by side in memory. The basis and the
    response of asymmetry come after those of symmetry: by order l = 0, 2, …, then 2 and 4.
    """

    nodes_b: torch.Tensor
    nodes_b_delta: torch.Tensor
    b: torch.Tensor
    b_delta: torch.Tensor
    directions: torch.Tensor
    asymmetry: torch.Tensor

    def __init__(
        self,
        acquisition: Acquisition,
        shells: list[NDArray[np.intp]],
        deviation: NDArray[np.floating],
        lmax: int,
        *,
        asymmetric: bool,
    ) -> None:
        super().__init__()
        self.lmax, self.asymmetric = lmax, asymmetric
        self.orders = [_order(l) for l in range(0, lmax + 1, 2)]
        if asymmetric:
            self.orders += self.orders[1 : ASYMMETRY_LMAX // 2 + 1]
        self.rows = _slices([order.stop - order.start for order in self.orders])
        seen = voxel_gradients(acquisition.select(np.concatenate(shells)), deviation)
        self.shells = _slices([len(volumes) for volumes in shells])
        self.grids = [KernelGrid.over(seen.b[:, shell], seen.b_delta[:, shell]) for shell in self.shells]
        self.n_nodes = [len(grid.tensors) for grid in self.grids]
        nodes = np.concatenate([grid.tensors for grid in self.grids])
        self._keep({"nodes_b": nodes[:, 0], "nodes_b_delta": nodes[:, 1]})
        self.nodes = quadrature_nodes(float(np.abs(nodes.prod(axis=1)).max()) * FASTEST, torch.float32)
        size = seen.b.size * self.rows[-1].stop
        size += len(seen.b) * sum(m * len(volumes) for m, volumes in zip(self.n_nodes, shells, strict=True))
        self._keep({name: getattr(seen, name) for name in ("b", "b_delta", "directions", "asymmetry")})
        self.kept = size <= _KEPT
        if self.kept:
            self._keep_designs()

    def forward(self, tissue: Tissue, voxels: torch.Tensor) -> torch.Tensor:
        """(n·K, V) predictions of n of the voxels, from the tissue at K points of each."""
        basis, *weights = self._designs(voxels)
        Di, De, Dp, f = tissue.kernel[:, :, None].unbind(1)  # (n·K, 1) each, against M nodes
        tensors = (self.nodes_b, self.nodes_b_delta)
        nodes = kernel(*tensors, Di, De, Dp, f, self.lmax, self.nodes, asymmetric=self.asymmetric).mT  # (n·K, L, M)
        shape = (len(voxels), -1, len(self.orders), basis.shape[2])
        response = torch.cat(
            [
                part.reshape(len(voxels), -1, part.shape[2]) @ weight
                for part, weight in zip(torch.split(nodes, self.n_nodes, dim=2), weights, strict=True)
            ],
            dim=2,
        ).view(shape)  # (n, K, L, V)
        fod = (tissue.S0[:, None] * tissue.fod).view(len(voxels), -1, tissue.fod.shape[1])
        parts = [
            response[:, :, i] * (fod[:, :, order] @ basis[:, rows])
            for i, (order, rows) in enumerate(zip(self.orders, self.rows, strict=True))
        ]
        return torch.stack(parts).sum(0).flatten(0, 1)

    def _designs(self, voxels: torch.Tensor) -> list[torch.Tensor]:
        """(n, rows, V) basis, and for each shell the (n, M, volumes) weights of its nodes."""
        if self.kept:
            return [getattr(self, f"design{i}").index_select(0, voxels) for i in range(1 + len(self.shells))]
        b, b_delta = self.b[voxels], self.b_delta[voxels]
        basis = self._basis(self.directions[voxels], b, self.asymmetry[voxels])
        weights = [
            grid.weights(b[:, shell], b_delta[:, shell]) for grid, shell in zip(self.grids, self.shells, strict=True)
        ]
        return [basis, *weights]

    def _basis(self, directions: torch.Tensor, b: torch.Tensor, asymmetry: torch.Tensor) -> torch.Tensor:
        """(n, rows, V) of harmonics at the axes and, times b ε, the differences of those at e₁ and e₂."""
        basis = 4.0 * torch.pi * real_sh_torch(directions, self.lmax).movedim(-1, 1)
        if not self.asymmetric:
            return basis
        along, across = (
            real_sh_torch(axis, min(self.lmax, ASYMMETRY_LMAX)).movedim(-1, 1)[:, 1:]
            for axis in (asymmetry, torch.linalg.cross(directions, asymmetry))
        )
        size = b * torch.linalg.vector_norm(asymmetry, dim=-1)
        return torch.cat([basis, 4.0 * torch.pi * size[:, None] * (along - across)], dim=1)

    def _keep_designs(self) -> None:
        """Compute every voxel's design once; what it was made from is no longer needed."""
        self.kept = False
        n = len(self.b)
        chunks = [self._designs(torch.arange(start, min(start + _CHUNK, n))) for start in range(0, n, _CHUNK)]
        for i, parts in enumerate(zip(*chunks, strict=True)):
            self.register_buffer(f"design{i}", torch.cat([part.contiguous() for part in parts]))
        self.kept = True
        del self.b, self.b_delta, self.directions, self.asymmetry

    def _keep(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(array, dtype=torch.float32))


def _order(l: int) -> slice:
    """Coefficients of order l."""
    return slice(l * (l - 1) // 2, (l + 1) * (l + 2) // 2)


def _slices(sizes: Sequence[int]) -> list[slice]:
    """Places of parts of these sizes, one after another."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
