"""The shells that SMI reduces a scan to, and the SH order each of them can hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fclusterdata

from ...acquisition import Acquisition
from ...errors import InputError
from ...signal_model.spherical_harmonics import n_coefficients

_MERGE = 0.1
"""Distance in (b, b_delta) within which volumes are linked into one shell, and largest distance from its mean."""

_B0 = 0.05
"""Below this b-value [ms/µm²] a shape means nothing."""

_ISOTROPIC = 0.1
"""Smallest |b_delta|, and smallest b-value [ms/µm²], at which the signal depends on direction."""

_ORDER_BY_B = ((1.2, 2), (2.5, 4), (6.5, 6), (np.inf, 8))
"""b-value [ms/µm²] up to which so high an SH order carries signal."""

_SPARE = 1.3
"""Directions for each SH coefficient, at least."""

_SAME_AXIS = 1e-3
"""Components of unit vectors this close belong to one axis."""


@dataclass(frozen=True, eq=False)
class SmiShell:
    """Volumes taken for equal but for their direction.

    Attributes
    ----------
    b, b_delta
        Means over the shell [ms/µm², dimensionless].
    volumes
        Indices of its volumes.
    lmax
        Highest even SH order its directions and its b-value allow for.
    """

    b: float
    b_delta: float
    volumes: NDArray[np.intp]
    lmax: int


def find_shells(acquisition: Acquisition) -> tuple[SmiShell, ...]:
    """Shells by ascending b-value, then b_delta.

    Single linkage in (b, b_delta), cut at 0.1.

    Raises
    ------
    InputError
        If a shell is so wide that its volumes are not alike, fewer than two are diffusion-weighted, or none has
        directions enough for the order 2.
    """
    b_delta = np.where(acquisition.b < _B0, 1.0, acquisition.b_delta)
    points = np.column_stack([acquisition.b, b_delta])
    label = fclusterdata(points, _MERGE, criterion="distance", method="single")
    shells = [_shell(acquisition, points, np.flatnonzero(label == k)) for k in np.unique(label)]
    _refuse_too_few(shells)
    return tuple(sorted(shells, key=lambda shell: (shell.b, shell.b_delta)))


def _shell(acquisition: Acquisition, points: NDArray[np.float64], volumes: NDArray[np.intp]) -> SmiShell:
    b, b_delta = points[volumes].mean(axis=0).tolist()
    if np.abs(points[volumes] - (b, b_delta)).max() > _MERGE:
        low, high = (1000 * bound(acquisition.b[volumes]) for bound in (np.min, np.max))
        fault = f"has volumes from {low:.0f} to {high:.0f} s/mm² too close together to be shells of their own."
        raise InputError("acquisition", fault, "SMI works on shells: fit with another method, such as 'inr'.")
    return SmiShell(b, b_delta, volumes, _order(b, b_delta, _n_axes(acquisition.directions[volumes])))


def _order(b: float, b_delta: float, n_axes: int) -> int:
    """The rule of Coelho et al. 2022: what the b-value lets through, lowered until directions are spare."""
    if abs(b_delta) < _ISOTROPIC or b < _ISOTROPIC:
        return 0
    lmax = next(order for limit, order in _ORDER_BY_B if b < limit)
    while lmax > 0 and n_coefficients(lmax) >= n_axes / _SPARE:
        lmax -= 2
    return lmax


def _n_axes(directions: NDArray[np.float64]) -> int:
    """Distinct directions, u and -u being one: repetitions add no order."""
    cosines = np.abs(directions @ directions.T)
    return int(np.count_nonzero(np.triu(cosines > 1 - _SAME_AXIS**2, 1).sum(axis=0) == 0))


def _refuse_too_few(shells: list[SmiShell]) -> None:
    n_weighted = sum(shell.b >= _B0 for shell in shells)
    if n_weighted < 2:
        fault = f"has {n_weighted} diffusion-weighted shell; SMI needs two."
        raise InputError("acquisition", fault, "Give all shells of the scan together.")
    if max(shell.lmax for shell in shells) < 2:
        fault = "has no shell with directions enough (8 or more) to tell how coherent fibres are."
        raise InputError("acquisition", fault, "Fit with another method, such as 'inr'.")
