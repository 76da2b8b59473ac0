"""Rotational invariants of the signal: what SMI sees of a voxel, whichever way its fibres run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...acquisition import Acquisition
from ...parameters import KERNEL_PARAMETERS
from ...signal_model.kernel import kernel
from ...signal_model.spherical_harmonics import degrees, real_sh
from .shells import find_shells

_ANISOTROPIC = 0.2
"""Smallest |b_delta| of a shell whose invariants of order 2 and more are looked at."""


class Invariant(NamedTuple):
    """One feature: the invariant of order l of a shell."""

    shell: int
    l: int


class Invariants:
    """Rotational invariants S_l of a protocol's shells.

    S_l = ‖S_l·‖ / √(4π(2l+1)) of the SH coefficients of a shell's signal, which is S0 p_l |K_l| for the kernel K_l
    and the FOD's invariant p_l (Coelho et al. 2022, NeuroImage 257:119290).

    Parameters
    ----------
    acquisition
        Protocol of V volumes.

    Attributes
    ----------
    shells
        By ascending b-value; S_0 of the first one is what all is divided by.
    table
        Which invariants are features, in their order: all S_0, then all S_2, then all S_4.

    Raises
    ------
    InputError
        If the protocol has no shells, or too few.
    """

    def __init__(self, acquisition: Acquisition) -> None:
        self.shells = find_shells(acquisition)
        self._operators = [_sh_fit(acquisition.directions[s.volumes], s.lmax) for s in self.shells]
        lmax = 4 if max(shell.lmax for shell in self.shells) >= 4 else 2
        self.table = [Invariant(s, 0) for s in range(len(self.shells))]
        for l in range(2, lmax + 1, 2):
            self.table += [Invariant(s, l) for s in self._with_order(l) if abs(self.shells[s].b_delta) > _ANISOTROPIC]

    @property
    def lmax(self) -> int:
        """Highest order among the features."""
        return max(feature.l for feature in self.table)

    @property
    def noise(self) -> NDArray[np.float64]:
        """(F,) standard deviation of each feature, in units of the noise: 1/√(n(2l+1)) for n even directions."""
        n = np.array([len(self.shells[feature.shell].volumes) for feature in self.table])
        order = np.array([feature.l for feature in self.table])
        return np.asarray(1 / np.sqrt(n * (2 * order + 1)))

    def measure(self, signal: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, F) features of (N, V) signal, in its units.

        Across the shells, the coefficients of one order are proportional to p_lm alone, so that the matrix of them
        has rank one; what of it has not is noise, and is left out. That lowers the floor that noise gives a norm.
        """
        fits = [
            signal[:, s.volumes].astype(np.float64) @ op.T for s, op in zip(self.shells, self._operators, strict=True)
        ]
        found = {Invariant(s, 0): np.abs(fit[:, 0]) for s, fit in enumerate(fits)}
        for l in range(2, self.lmax + 1, 2):
            shells = self._with_order(l)
            part = slice(l * (l - 1) // 2, (l + 1) * (l + 2) // 2)
            norms = _rank_one_norms(np.stack([fits[s][:, part] for s in shells], axis=2))
            found |= {Invariant(s, l): norm for s, norm in zip(shells, norms.T, strict=True)}
        return np.stack([found[feature] for feature in self.table], axis=1)

    def expect(self, values: Mapping[str, NDArray[np.floating]], p: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, F) noise-free features where S_0 of the first shell is 1.

        Parameters
        ----------
        values
            (N,) arrays Di, De, Dp [µm²/ms] and f.
        p
            (N, lmax/2 + 1) invariants p_l of the FOD; p_0 = 1.
        """
        columns = (np.asarray(values[key], dtype=np.float64) for key in KERNEL_PARAMETERS)
        Di, De, Dp, f = (torch.from_numpy(column)[:, None] for column in columns)
        points = torch.tensor([(shell.b, shell.b_delta) for shell in self.shells], dtype=torch.float64)
        response = kernel(points[:, 0], points[:, 1], Di, De, Dp, f, self.lmax).abs().numpy()  # (N, shells, L)
        features = [p[:, l // 2] * response[:, s, l // 2] for s, l in self.table]
        return np.asarray(np.stack(features, axis=1) / response[:, :1, 0])

    def _with_order(self, l: int) -> list[int]:
        return [s for s, shell in enumerate(self.shells) if shell.lmax >= l]


def _sh_fit(directions: NDArray[np.float64], lmax: int) -> NDArray[np.float64]:
    """(C, n) from n signals to their SH coefficients by least squares, divided by √(4π(2l+1))."""
    fit = np.linalg.pinv(real_sh(directions, lmax))
    return np.asarray(fit / np.sqrt(4 * np.pi * (2 * degrees(lmax)[:, None] + 1)))


def _rank_one_norms(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, k) norms of the columns of the best rank-one approximations to (N, 2l+1, k) matrices."""
    _, singular, right = np.linalg.svd(coefficients, full_matrices=False)
    return np.asarray(singular[:, :1] * np.abs(right[:, 0]))
