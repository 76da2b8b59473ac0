"""How tissue enters the signal: the linear map from an FOD to measurements, and its dependence on the kernel.

A measurement of b-tensor (b, b_delta) along u is y = Σ_lm K_l(b, b_delta; Di, De, Dp, f) 4π Y_lm(u) x_lm with
x = S0 p (arXiv 2506.15762, eq. 7): linear in x, and nonlinear in the kernel alone.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ...acquisition import Acquisition
from ...acquisition.voxel_gradients import VoxelGradients
from ...parameters import PARAMETERS
from ...signal_model.kernel import quadrature_nodes
from ...signal_model.kernel_slopes import kernel_and_slopes
from ...signal_model.spherical_harmonics import degrees, n_coefficients, real_sh
from ...signal_model.spherical_harmonics_torch import real_sh_torch

_FASTEST = max(bounds[1] for key in ("Di", "De", "Dp") if (bounds := PARAMETERS[key].bounds))

_EXPONENTIALS = {"cpu": 1 << 17, "cuda": 1 << 26}
"""Held at a time: what a processor's cache holds (1 MB), or enough for a GPU."""


class Design(Protocol):
    """The signal of N voxels in R rows, which are volumes or orthonormal combinations of volumes.

    Attributes
    ----------
    basis
        By order l/2: (R, 2l + 1) or (N, R, 2l + 1) values 4π Y_lm.
    n_volumes, n_rows
        V and R.
    """

    basis: tuple[torch.Tensor, ...]
    n_volumes: int
    n_rows: int

    def measure(self, signal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, V) signal to (N, R) rows and the (N,) sum of squares no tissue can explain."""

    def take(self, voxels: torch.Tensor) -> Self:
        """The design of some of the voxels, by index; repeats are welcome."""

    def join(self, other: Any) -> Self:
        """The design of these voxels and those of another design of its kind."""

    def kernel(self, parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, L, R) kernel in every row, and its (N, 4, L, R) derivatives."""

    def normal(self, kernel: torch.Tensor) -> torch.Tensor:
        """(N, C, C) normal matrix AᵀA of the map A from x to rows, for a kernel in every row."""


def predict_orders(design: Design, x: torch.Tensor) -> torch.Tensor:
    """(N, L, R) what each order of (N, C) coefficients gives in every row, were its kernel 1."""
    parts = (x[:, None, _columns(i)] @ basis.mT for i, basis in enumerate(design.basis))
    return torch.cat(list(parts), dim=1)


def back_project(design: Design, kernel: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """(N, k, C) transposed map Aᵀ of (N, k, R) rows."""
    return torch.cat([(kernel[:, i, None] * rows) @ basis for i, basis in enumerate(design.basis)], dim=-1)


class SharedDesign:
    """One protocol for all voxels, compressed without loss.

    Volumes of one (b, b_delta) share their kernel. With the thin QR factorisation of their basis, Y = Q R, no x can
    explain more of y than Qᵀ y, so a handful of numbers stands for the whole shell; and its part of the normal matrix
    is a fixed matrix times products K_l K_l'.

    Parameters
    ----------
    acquisition
        Protocol of V volumes.
    lmax
        Order of the FOD.
    device
        Where to compute.
    """

    def __init__(self, acquisition: Acquisition, lmax: int, device: torch.device | None = None) -> None:
        b, b_delta, group = acquisition.kernel_groups()
        order = degrees(lmax)
        factors = [
            _factors(acquisition.directions[group == g], lmax, isotropic=b[g] * b_delta[g] == 0) for g in range(len(b))
        ]
        sizes = [len(r) for _, r in factors]
        self.lmax, self.n_volumes, self.n_rows = lmax, acquisition.n_volumes, sum(sizes)
        project = np.zeros((acquisition.n_volumes, self.n_rows))
        ends = np.cumsum(sizes)
        for g, (q, _) in enumerate(factors):
            project[np.ix_(group == g, np.arange(ends[g] - sizes[g], ends[g]))] = q
        rows = np.concatenate([r for _, r in factors])
        self._project = _tensor(project, device)
        self._b, self._b_delta = _tensor(b, device), _tensor(b_delta, device)
        self._group = torch.as_tensor(np.repeat(np.arange(len(b)), sizes), device=device)  # (R,)
        self._first = torch.as_tensor(ends - sizes, device=device)  # (G,) a row of each group
        self._pairs = torch.tril_indices(lmax // 2 + 1, lmax // 2 + 1, device=device)
        self._gram = _tensor(_gram_blocks([r for _, r in factors], order), device)
        self._nodes = _nodes(float(np.abs(b * b_delta).max()))
        self.basis = tuple(_tensor(rows[:, order == l], device) for l in range(0, lmax + 1, 2))

    def measure(self, signal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, V) signal to (N, R) rows and the (N,) sum of squares no tissue can explain."""
        rows = signal @ self._project
        return rows, (signal - rows @ self._project.T).square().sum(1)

    def take(self, voxels: torch.Tensor) -> Self:
        """The design of some of the voxels: the same for all."""
        return self

    def join(self, other: SharedDesign) -> Self:
        """The design of these voxels and more: the same."""
        return self

    def kernel(self, parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, L, R) kernel in every row, and its (N, 4, L, R) derivatives."""
        kernel, slopes = kernel_and_slopes(self._b, self._b_delta, parameters, self.lmax, self._nodes)
        return kernel.index_select(-1, self._group), slopes.index_select(-1, self._group)

    def normal(self, kernel: torch.Tensor) -> torch.Tensor:
        """(N, C, C) normal matrix, for a kernel in every row."""
        groups = kernel.index_select(-1, self._first)
        products = groups[:, self._pairs[0]] * groups[:, self._pairs[1]]  # (N, P, G)
        n_c = n_coefficients(self.lmax)
        return (products.flatten(1) @ self._gram).reshape(-1, n_c, n_c)


class VoxelDesign:
    """A protocol of its own for each voxel, as non-uniform gradients make it; nothing to compress.

    Parameters
    ----------
    gradients
        b-values, shapes and directions of V volumes in N voxels. Their asymmetry is left out: measured on the phantom
        with a coil that deviates by 0.1, that moves Di and De by 0.02 µm²/ms (root mean square, lmax 2), against
        0.13 and 0.43 that noise of SNR 50 does.
    lmax
        Order of the FOD.
    device
        Where to compute.
    """

    def __init__(self, gradients: VoxelGradients, lmax: int, device: torch.device | None = None) -> None:
        self.lmax = lmax
        self.n_volumes = self.n_rows = gradients.b.shape[1]
        self._b, self._b_delta = _tensor(gradients.b, device), _tensor(gradients.b_delta, device)
        self._nodes = _nodes(float(np.abs(gradients.b * gradients.b_delta).max(initial=0.0)))
        values = 4.0 * np.pi * real_sh_torch(_tensor(gradients.directions, device), lmax)  # (N, V, C)
        self.basis = tuple(values[..., _columns(i)].contiguous() for i in range(lmax // 2 + 1))

    def measure(self, signal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, V) signal as it is; all of it counts."""
        return signal, torch.zeros_like(signal[:, 0])

    def take(self, voxels: torch.Tensor) -> Self:
        """The design of some of the voxels, by index; repeats are welcome."""
        return self._of(self._b[voxels], self._b_delta[voxels], tuple(values[voxels] for values in self.basis))

    def join(self, other: VoxelDesign) -> Self:
        """The design of these voxels and more."""
        joined = self._of(
            torch.cat([self._b, other._b]),
            torch.cat([self._b_delta, other._b_delta]),
            tuple(torch.cat(pair) for pair in zip(self.basis, other.basis, strict=True)),
        )
        joined._nodes = max(self._nodes, other._nodes)
        return joined

    def _of(self, b: torch.Tensor, b_delta: torch.Tensor, basis: tuple[torch.Tensor, ...]) -> Self:
        other = copy(self)
        other._b, other._b_delta, other.basis = b, b_delta, basis
        return other

    def kernel(self, parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, L, V) kernel in every volume, and its (N, 4, L, V) derivatives."""
        size = max(1, _EXPONENTIALS[parameters.device.type] // (self.n_rows * self._nodes))
        pieces = [
            kernel_and_slopes(
                self._b[i : i + size], self._b_delta[i : i + size], parameters[i : i + size], self.lmax, self._nodes
            )
            for i in range(0, len(parameters), size)
        ]
        return torch.cat([kernel for kernel, _ in pieces]), torch.cat([slopes for _, slopes in pieces])

    def normal(self, kernel: torch.Tensor) -> torch.Tensor:
        """(N, C, C) normal matrix, for a kernel in every volume."""
        matrix = torch.cat([kernel[:, i, :, None] * basis for i, basis in enumerate(self.basis)], dim=-1)
        return matrix.mT @ matrix


def _columns(i: int) -> slice:
    """Coefficients of order l = 2i."""
    return slice(i * (2 * i - 1), (i + 1) * (2 * i + 1))


def _tensor(array: NDArray[np.float64], device: torch.device | None) -> torch.Tensor:
    return torch.as_tensor(array, dtype=torch.float64, device=device)


def _nodes(anisotropy: float) -> int:
    return quadrature_nodes(anisotropy * _FASTEST, torch.float64)


def _factors(
    directions: NDArray[np.float64], lmax: int, *, isotropic: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q (volumes, rows) and R (rows, C) of one group; without anisotropy only l = 0 reaches the signal."""
    basis = 4.0 * np.pi * real_sh(directions, lmax)
    seen = np.arange(basis.shape[1]) < (1 if isotropic else basis.shape[1])
    q, r = np.linalg.qr(basis[:, seen])
    full = np.zeros((len(r), len(seen)))
    full[:, seen] = r
    return q, full


def _gram_blocks(rows: list[NDArray[np.float64]], order: NDArray[np.intp]) -> NDArray[np.float64]:
    """(P·G, C·C) for each pair of orders l ≥ l' and each group: RᵀR where its columns have these orders."""
    high = np.maximum(order[:, None], order) // 2
    low = np.minimum(order[:, None], order) // 2
    pairs = [(i, j) for i in range(order[-1] // 2 + 1) for j in range(i + 1)]
    return np.stack([(r.T @ r * ((high == i) & (low == j))).ravel() for i, j in pairs for r in rows])
