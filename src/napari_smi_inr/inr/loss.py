"""From tissue to loss: predicted measurements, misfit and FOD non-negativity."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..acquisition import Acquisition
from ..signal_model.kernel import compartment_integrals
from ..signal_model.spherical_harmonics import degrees, half_sphere, real_sh
from .network import Tissue

N_SPHERE = 100
"""Half-sphere directions at which the FOD is kept from going negative (200 antipodal points)."""


class _Rows(NamedTuple):
    """One group of volumes that share (b, b_delta), as rows of a linear map of K_l p_lm."""

    basis: NDArray[np.float64]  # (rows, C)
    project: NDArray[np.float64]  # (rows, volumes)


class SignalModel(nn.Module):
    """Predicts measurements, or what a least-squares fit needs of them, from tissue.

    Within volumes of one (b, b_delta) the signal is linear in S0 K_l p_lm: y = Y c. With the thin QR
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
    """

    exponents: torch.Tensor
    legendre: torch.Tensor
    spread: torch.Tensor
    basis: torch.Tensor
    project: torch.Tensor

    def __init__(self, acquisition: Acquisition, lmax: int, *, reduced: bool) -> None:
        super().__init__()
        self.lmax = lmax
        b, b_delta, group = acquisition.kernel_groups()
        order = degrees(lmax)
        rows = [
            _rows(real_sh(acquisition.directions[group == g], lmax), order, b[g] * b_delta[g], reduced)
            for g in range(len(b))
        ]
        n_rows = sum(len(r.basis) for r in rows)
        project, basis, spread = np.zeros((n_rows, acquisition.n_volumes)), [], np.zeros((len(b), n_rows))
        start = 0
        for g, r in enumerate(rows):
            stop = start + len(r.basis)
            project[start:stop, group == g] = r.project
            spread[g, start:stop] = 1.0
            basis.append(r.basis)
            start = stop
        stacked = 4.0 * np.pi * np.concatenate(basis).T  # (C, R)
        by_order = np.stack([stacked * (order == l)[:, None] for l in range(0, lmax + 1, 2)], axis=1)  # (C, L, R)
        exponents, legendre = compartment_integrals(b, b_delta, lmax)
        arrays = {
            "project": project,
            "spread": spread,
            "basis": by_order.reshape(len(order), -1),
            "exponents": exponents,
            "legendre": legendre,
        }
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(array, dtype=torch.float32))

    def measure(self, signal: torch.Tensor) -> torch.Tensor:
        """(N, V) measured signal to the (N, R) numbers that :meth:`forward` predicts."""
        return signal @ self.project.T

    def forward(self, tissue: Tissue, voxels: torch.Tensor | None = None) -> torch.Tensor:
        """(N, R) predictions for N points; which voxels they are of makes no difference here."""
        n, n_orders = len(tissue.kernel), self.lmax // 2 + 1
        decay = torch.exp(tissue.kernel[:, :3] @ self.exponents).view(n, 2, -1)
        stick, zeppelin = (decay @ self.legendre).unbind(1)  # (N, L·G) each
        response = torch.lerp(zeppelin, stick, tissue.kernel[:, 3:]).view(n, n_orders, -1) @ self.spread  # (N, L, R)
        return tissue.S0[:, None] * (response * (tissue.fod @ self.basis).view(n, n_orders, -1)).sum(1)


def _rows(basis: NDArray[np.float64], order: NDArray[np.intp], anisotropy: float, reduced: bool) -> _Rows:
    """Rows for one group; without anisotropy of the b-tensor only l = 0 reaches the signal."""
    seen = basis * (order == 0) if anisotropy == 0 else basis
    if not reduced:
        return _Rows(seen, np.eye(len(basis)))
    columns = order == 0 if anisotropy == 0 else np.ones(len(order), bool)
    q, r = np.linalg.qr(basis[:, columns])
    full = np.zeros((len(r), len(order)))
    full[:, columns] = r
    return _Rows(full, q.T)


class Nonnegativity(nn.Module):
    """Mean square of the FOD's negative part over the sphere (arXiv 2506.15762, section 2.4)."""

    basis: torch.Tensor

    def __init__(self, lmax: int) -> None:
        super().__init__()
        self.register_buffer(
            "basis", torch.as_tensor(real_sh(half_sphere(N_SPHERE), lmax).T.copy(), dtype=torch.float32)
        )

    def forward(self, fod: torch.Tensor) -> torch.Tensor:
        """(N, C) coefficients to a scalar."""
        return torch.clamp(fod @ self.basis, max=0.0).square().mean()


def squared_error(predicted: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """Sum of squares over measurements, mean over voxels; both (N, R)."""
    return (predicted - measured).square().sum(1).mean()


def rician_mean(predicted: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Expected magnitude of Rician data: :func:`~napari_smi_inr.signal_model.noise.rician_mean` in torch.

    Parameters
    ----------
    predicted
        (N, V) noise-free signal.
    sigma
        (N, 1) standard deviation of the noise in each channel, in the signal's units.
    """
    q = (predicted / sigma).square() / 4.0
    laguerre = (1.0 + 2.0 * q) * torch.special.i0e(q) + 2.0 * q * torch.special.i1e(q)
    expected: torch.Tensor = sigma * math.sqrt(math.pi / 2.0) * laguerre
    return expected


def rician_nll(predicted: torch.Tensor, measured: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of Rician data, up to what the prediction cannot change.

    Parameters
    ----------
    predicted, measured
        (N, V) noise-free and measured magnitude. The likelihood depends on the size of the
        prediction alone, so one that dips below zero does no harm.
    sigma
        (N, 1) standard deviation of the noise in each channel, in the signal's units.

    Returns
    -------
    Sum over volumes and mean over voxels of (S - Ŝ)²/(2σ²) - log i0e(SŜ/σ²).
    """
    predicted = predicted.abs()
    z = measured * predicted / sigma.square()
    misfit = (measured - predicted).square() / (2.0 * sigma.square()) - torch.log(torch.special.i0e(z))
    return misfit.sum(1).mean()
