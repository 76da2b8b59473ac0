"""Each shell's signal as smooth functions of direction: what they explain, and the noise that is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition, Shell
from ..signal_model.spherical_harmonics import n_coefficients, real_sh

_ORDERS = (6, 4, 2, 0)
_SPARE = 1.5
"""A shell needs as many volumes as this many times its coefficients, for noise to be left over."""


@dataclass(frozen=True, eq=False)
class ShellFit:
    """Signal of N voxels in one shell, fitted by spherical harmonics.

    Attributes
    ----------
    shell
        Its volumes.
    mean
        (N,) mean signal over directions.
    residual
        (N, V') what is left.
    freedom
        Degrees of freedom of the residual, of V'.
    """

    shell: Shell
    mean: NDArray[np.float64]
    residual: NDArray[np.float64]
    freedom: int

    @property
    def sigma(self) -> NDArray[np.float64]:
        """(N,) standard deviation of the noise."""
        return np.asarray(np.sqrt((self.residual**2).sum(axis=1) / self.freedom))


def fit_shell(signal: NDArray[np.float64], acquisition: Acquisition, shell: Shell, lmax: int = 6) -> ShellFit | None:
    """Fit (N, V') signal of a shell; None where it has too few volumes to leave any noise."""
    directions = acquisition.directions[shell.volumes]
    directed = not (shell.is_b0 or shell.is_spherical) and bool(np.linalg.norm(directions, axis=1).all())
    for order in _ORDERS:
        if order > (lmax if directed else 0):
            continue
        basis = real_sh(directions, order)
        rank = int(np.linalg.matrix_rank(basis, tol=1e-3))
        if rank == n_coefficients(order) and len(directions) >= max(_SPARE * rank, rank + 1):
            explained = signal @ np.linalg.pinv(basis).T @ basis.T
            return ShellFit(shell, signal.mean(axis=1), signal - explained, len(directions) - rank)
    return None
