"""From tissue to signal where all voxels share one protocol."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..acquisition import Acquisition
from ..signal_model.kernel import compartment_integrals
from ..signal_model.kernel_grid import KernelGrid
from ..signal_model.spherical_harmonics import degrees, real_sh
from .network import Tissue
from .state import State


class _Shell(NamedTuple):
    """Volumes of nearly equal b and b_delta, linear in K_l p_lm at a few nodes of the kernel."""

    nodes: NDArray[np.float64]  # (K, 2) b, b_delta
    design: NDArray[np.float64]  # (rows, K, C)
    project: NDArray[np.float64]  # (rows, V) from all volumes of the protocol


class SignalModel(nn.Module):
    """Predicts measurements, or what a least-squares fit needs of them, from tissue.

    Within volumes of one (b, b_delta) the signal is linear in S0 K_l p_lm: y = Y c. Within a shell whose b-values
    scatter, as scanners and tables of gradients have them, it is so in K_l at a few nodes, which tell the kernel at
    each volume's exact b and b_delta (:class:`~napari_smi_inr.signal_model.kernel_grid.KernelGrid`). With the thin QR
    factorisation Y = Q R, ‖y - Y c‖² = ‖Qᵀ y - R c‖² + const: for a squared loss the fit can run on
    Qᵀ y, a handful of numbers for each shell instead of one for each volume, with nothing lost.

    Parameters
    ----------
    acquisition
        Protocol of V volumes.
    lmax
        Order of the FOD.
    reduced
        Predict Qᵀ y (R rows in all) rather than the V volumes themselves.

    Attributes
    ----------
    project
        (R, V) from measured volumes to what is predicted of them.
    """

    exponents: torch.Tensor
    legendre: torch.Tensor
    select: torch.Tensor
    design: torch.Tensor
    kept: torch.Tensor
    project: torch.Tensor

    def __init__(self, acquisition: Acquisition, lmax: int, *, reduced: bool) -> None:
        super().__init__()
        shells = [_shell(acquisition, shell.volumes, lmax, reduced) for shell in acquisition.shells()]
        most_rows = max(len(shell.design) for shell in shells)
        most_nodes = max(len(shell.nodes) for shell in shells)
        nodes = np.concatenate([shell.nodes for shell in shells])
        order = degrees(lmax) // 2
        design = np.zeros((len(shells), most_rows, most_nodes, len(order)))
        select = np.zeros((len(shells), most_nodes, len(order)), dtype=np.int64)
        first = np.cumsum([0, *(len(shell.nodes) for shell in shells)])
        for s, shell in enumerate(shells):
            n_rows, n_nodes = shell.design.shape[:2]
            design[s, :n_rows, :n_nodes] = shell.design
            select[s, :n_nodes] = order * len(nodes) + np.arange(first[s], first[s + 1])[:, None]
        exponents, legendre = compartment_integrals(nodes[:, 0], nodes[:, 1], lmax)
        arrays = {
            "exponents": exponents.T,
            "legendre": legendre.T,
            "design": 4.0 * np.pi * design.reshape(len(shells), most_rows, -1),
            "project": np.concatenate([shell.project for shell in shells]),
        }
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32))
        kept = [s * most_rows + np.arange(len(shell.design)) for s, shell in enumerate(shells)]
        self.register_buffer("select", torch.as_tensor(select.ravel()))
        self.register_buffer("kept", torch.as_tensor(np.concatenate(kept)))

    def measure(self, signal: torch.Tensor) -> torch.Tensor:
        """(N, V) measured signal to the (N, R) numbers that :meth:`forward` predicts."""
        return signal @ self.project.T

    def forward(self, tissue: Tissue, voxels: torch.Tensor | None = None) -> torch.Tensor:
        """(N, R) predictions for N points; which voxels they are of makes no difference here.

        Points stand last within, side by side in memory: matrices are then few and large.
        """
        n, n_coefficients = tissue.fod.shape
        decay = torch.exp(self.exponents @ tissue.kernel[:, :3].T).view(2, -1, n)
        stick, zeppelin = (self.legendre @ decay).unbind(0)  # (L·M, N) each
        response = torch.lerp(zeppelin, stick, tissue.kernel[:, 3]).index_select(0, self.select)
        seen = response.view(-1, n_coefficients, n) * (tissue.S0[:, None] * tissue.fod).T  # (shells·K, C, N)
        rows = self.design @ seen.view(len(self.design), -1, n)
        return rows.view(-1, n).index_select(0, self.kept).T

    def correct(self, tissue: Tissue, voxels: torch.Tensor) -> None:
        """Bring up to date what voxels have of their own: nothing, here."""

    def state(self) -> State:
        """What changes as a fit goes on: nothing, here."""
        return State({}, {})

    def restore(self, state: State) -> None:
        """Go on from another state."""


def _shell(acquisition: Acquisition, volumes: NDArray[np.intp], lmax: int, reduced: bool) -> _Shell:
    """One shell's part of the model; without anisotropy of its b-tensors only l = 0 reaches the signal."""
    b, b_delta = acquisition.b[volumes], acquisition.b_delta[volumes]
    nodes, weights = _nodes(b, b_delta)
    basis = real_sh(acquisition.directions[volumes], lmax)
    basis = basis * ((degrees(lmax) == 0) | (b * b_delta != 0).any())
    design = weights[:, :, None] * basis[:, None]  # (volumes, K, C)
    project = np.eye(acquisition.n_volumes)[volumes]
    if reduced:
        q, r = _thin_qr(design.reshape(len(volumes), -1))
        design, project = r.reshape(-1, *design.shape[1:]), q.T @ project
    return _Shell(nodes, design, project)


def _nodes(b: NDArray[np.float64], b_delta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(K, 2) tensors that tell the kernel of V, and (V, K) how: the distinct ones themselves where these are few."""
    distinct, which = np.unique(np.column_stack([b, b_delta]), axis=0, return_inverse=True)
    grid = KernelGrid.over(b, b_delta)
    if len(distinct) <= len(grid.tensors):
        return distinct, np.eye(len(distinct))[which.reshape(-1)]
    weights = grid.weights(torch.as_tensor(b)[None], torch.as_tensor(b_delta)[None])[0]
    return grid.tensors, weights.T.numpy()


def _thin_qr(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q and R, without columns that are zero throughout."""
    used = matrix.any(axis=0)
    q, some = np.linalg.qr(matrix[:, used])
    r = np.zeros((len(some), matrix.shape[1]))
    r[:, used] = some
    return q, r
