"""The FOD of each voxel, by linear least squares once its kernel is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...acquisition import Acquisition
from ...signal_model.spherical_harmonics import P00, degrees, n_coefficients, real_sh

_LEAST_NOISE = 1e-3
"""Noise, as a share of S0, that the prior reckons with at least."""

_PRIOR_VARIANCE = 1 / (4 * np.pi)
"""Variance of each SH coefficient of a single sharp peak that may point anywhere: no FOD has more."""


class FodFit:
    """Solves S/S0 - K_0 = 4π Σ_(l>0) K_l p_lm Y_lm over all volumes of a protocol (Coelho et al. 2022).

    Where the kernel passes hardly anything of an order (K_l near 0), the measurements do not tell its coefficients,
    and plain least squares would fill them with noise. A Gaussian prior bounds them: that is a ridge of
    4π (σ/S0)², far below what well-measured orders weigh.

    Parameters
    ----------
    acquisition
        Protocol of V volumes.
    lmax
        Order of the FOD.
    """

    def __init__(self, acquisition: Acquisition, lmax: int) -> None:
        self.b, self.b_delta, group = acquisition.kernel_groups()
        self.lmax = lmax
        self._order = degrees(lmax)[1:] // 2
        self._volumes = [np.flatnonzero(group == g) for g in range(len(self.b))]
        basis = 4 * np.pi * real_sh(acquisition.directions, lmax)[:, 1:]
        self._bases = [basis[volumes] for volumes in self._volumes]

    def solve(
        self, signal: NDArray[np.floating], response: NDArray[np.float64], noise: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """(N, C) SH coefficients, MRtrix basis, p_00 = 1/√(4π).

        Parameters
        ----------
        signal
            (N, V) where S0 is 1.
        response
            (N, G, lmax/2 + 1) kernel K_l of the protocol's G groups (:meth:`Acquisition.kernel_groups`).
        noise
            (N,) standard deviation, where S0 is 1.
        """
        fod = np.full((len(signal), n_coefficients(self.lmax)), P00)
        n = fod.shape[1] - 1
        if n == 0:
            return fod
        normal = np.zeros((len(signal), n, n))
        right = np.zeros((len(signal), n))
        for g, (volumes, basis) in enumerate(zip(self._volumes, self._bases, strict=True)):
            weight = response[:, g, self._order]  # (N, n)
            right += weight * ((signal[:, volumes] - response[:, g, :1]) @ basis)
            normal += weight[:, :, None] * (basis.T @ basis) * weight[:, None, :]
        normal[:, np.arange(n), np.arange(n)] += (np.maximum(noise, _LEAST_NOISE) ** 2 / _PRIOR_VARIANCE)[:, None]
        fod[:, 1:] = np.linalg.solve(normal, right[..., None])[..., 0]
        return fod
