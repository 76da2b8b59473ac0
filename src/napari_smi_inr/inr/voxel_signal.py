"""From tissue to signal where every voxel has a protocol of its own: non-uniform gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..acquisition import Acquisition, b_tensors, voxel_gradients
from ..signal_model.kernel import ASYMMETRY_LMAX, asymmetry_integrals, compartment_integrals
from ..signal_model.kernel_grid import KernelGrid
from ..signal_model.spherical_harmonics import n_coefficients
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

    exponents: torch.Tensor
    legendre: torch.Tensor
    across: torch.Tensor
    select: torch.Tensor
    spread: torch.Tensor
    design: torch.Tensor
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
        select = _by_order(lmax, asymmetric)
        seen = voxel_gradients(acquisition.select(np.concatenate(shells)), deviation)
        self.shells = _slices([len(volumes) for volumes in shells])
        self.grids = [KernelGrid.over(seen.b[:, shell], seen.b_delta[:, shell]) for shell in self.shells]
        self.n_nodes = [len(grid.tensors) for grid in self.grids]
        nodes = np.concatenate([grid.tensors for grid in self.grids]).T
        exponents, legendre = compartment_integrals(nodes[0], nodes[1], lmax)
        self._keep({"exponents": exponents, "legendre": legendre, "select": select.reshape(len(select), -1)})
        if asymmetric:
            self._keep({"across": asymmetry_integrals(nodes[0], nodes[1], lmax)})
        self.n_rows, self.n_weights = select.shape[2], max(grid.mixtures.shape[1] for grid in self.grids)
        self._keep({"spread": self._spread().reshape(nodes.shape[1], -1)})
        size = seen.b.size * (self.n_rows + self.n_weights)
        self._keep({name: getattr(seen, name) for name in ("b", "b_delta", "directions", "asymmetry")})
        self.kept = size <= _KEPT
        if self.kept:
            self._keep_designs()

    def forward(self, tissue: Tissue, voxels: torch.Tensor) -> torch.Tensor:
        """(n·K, V) predictions of n of the voxels, from the tissue at K points of each."""
        basis, weights = torch.split(self._design(voxels), [self.n_rows, self.n_weights], dim=1)
        n, n_volumes = len(voxels), basis.shape[2]
        nodes = (self._responses(tissue.kernel) @ self.spread).view(n, -1, self.n_weights, n_volumes)  # (n, K·L, W, V)
        response = (nodes * weights[:, None]).sum(2)
        fod = ((tissue.S0[:, None] * tissue.fod) @ self.select).view(n, -1, self.n_rows)
        return (response * (fod @ basis)).view(len(tissue.S0), -1, n_volumes).sum(1)

    def _spread(self) -> NDArray[np.float64]:
        """(M, W, V) from the nodes to what each weight of each volume is for: a mixture of those of its shell."""
        spread = np.zeros((sum(self.n_nodes), self.n_weights, self.shells[-1].stop))
        for nodes, grid, shell in zip(_slices(self.n_nodes), self.grids, self.shells, strict=True):
            spread[nodes, : grid.mixtures.shape[1], shell] = grid.mixtures[:, :, None]
        return spread

    def _responses(self, parameters: torch.Tensor) -> torch.Tensor:
        """(N, 4) Di, De, Dp, f to the (N, L, M) kernel at the nodes of all shells."""
        n, fraction = len(parameters), parameters[:, 3:]
        stick, zeppelin = torch.exp(parameters[:, :3] @ self.exponents).view(n, 2, -1).unbind(1)
        nodes = torch.lerp(zeppelin, stick, fraction) @ self.legendre
        if self.asymmetric:
            spread = parameters[:, 1:2] - parameters[:, 2:3]
            nodes = torch.cat(
                [nodes, torch.lerp(spread * zeppelin, parameters[:, :1] * stick, fraction) @ self.across], 1
            )
        return nodes.view(n, -1, sum(self.n_nodes))

    def _design(self, voxels: torch.Tensor) -> torch.Tensor:
        """(n, rows + W, V) basis and, after it, the weights of what the nodes of each volume's shell tell."""
        if self.kept:
            return self.design.index_select(0, voxels)
        b, b_delta = self.b[voxels], self.b_delta[voxels]
        design = b.new_zeros(len(b), self.n_rows + self.n_weights, b.shape[1])
        design[:, : self.n_rows] = self._basis(self.directions[voxels], b, self.asymmetry[voxels])
        for grid, shell in zip(self.grids, self.shells, strict=True):
            mixtures = torch.as_tensor(grid.mixtures.T, dtype=b.dtype, device=b.device)
            weights = mixtures @ grid.weights(b[:, shell], b_delta[:, shell])
            design[:, self.n_rows : self.n_rows + weights.shape[1], shell] = weights
        return design

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
        chunks = [self._design(torch.arange(len(self.b))[i : i + _CHUNK]) for i in range(0, len(self.b), _CHUNK)]
        self.register_buffer("design", torch.cat(chunks))
        self.kept = True
        del self.b, self.b_delta, self.directions, self.asymmetry

    def _keep(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(array, dtype=torch.float32))


def _by_order(lmax: int, asymmetric: bool) -> NDArray[np.float64]:
    """(C, L, rows) which coefficient goes with which row of the basis, by the order of the response it is times."""
    orders = [np.arange(n_coefficients(l - 2), n_coefficients(l)) for l in range(0, lmax + 1, 2)]
    orders += orders[1 : ASYMMETRY_LMAX // 2 + 1] if asymmetric else []
    coefficients = np.concatenate(orders)
    select = np.zeros((n_coefficients(lmax), len(orders), len(coefficients)))
    select[coefficients, np.repeat(np.arange(len(orders)), [len(o) for o in orders]), np.arange(len(coefficients))] = (
        1.0
    )
    return select


def _slices(sizes: Sequence[int]) -> list[slice]:
    """Places of parts of these sizes, one after another."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
