"""Volumes of nearly equal b-value and shape, for display and counting, never for fitting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

B0_THRESHOLD = 0.05
"""Largest b-value [ms/µm²] still counted as b = 0 (50 s/mm²), unless another is asked for."""

HIGHEST_B0_THRESHOLD = 0.5
"""Largest threshold that can be asked for [ms/µm²]: beyond, tissue differs from b = 0 by more than the noise."""

SPHERICAL_TOLERANCE = 0.05
"""Largest |b_delta| whose direction dependence is too small to need a direction."""

_LINKAGE = 0.075
"""Distance in (b, b_delta) within which volumes are linked into one shell."""

_NAMED_SHAPES = {1.0: "linear", 0.0: "spherical", -0.5: "planar"}


@dataclass(frozen=True)
class Shell:
    """One group of volumes.

    Attributes
    ----------
    b, b_delta
        Means over the shell [ms/µm², dimensionless].
    volumes
        Indices of its volumes, ascending.
    is_b0
        Whether it has no diffusion weighting to speak of.
    """

    b: float
    b_delta: float
    volumes: NDArray[np.intp]
    is_b0: bool = False

    @property
    def is_spherical(self) -> bool:
        """Whether its signal depends on direction too little to matter."""
        return abs(self.b_delta) <= SPHERICAL_TOLERANCE

    @property
    def shape(self) -> str:
        """The shape in words: linear, planar, spherical, or its b_delta."""
        if self.is_b0:
            return "b = 0"
        near = (name for b_delta, name in _NAMED_SHAPES.items() if abs(self.b_delta - b_delta) <= SPHERICAL_TOLERANCE)
        return next(near, f"b_delta {self.b_delta:.2f}")


def group_into_shells(
    b: NDArray[np.float64], b_delta: NDArray[np.float64], is_b0: NDArray[np.bool_]
) -> tuple[Shell, ...]:
    """Put all b = 0 volumes in one shell, the rest by single linkage in (b, b_delta).

    Parameters
    ----------
    b, b_delta
        (V,) b-value [ms/µm²] and shape of each volume.
    is_b0
        (V,) volumes that count as b = 0.

    Returns
    -------
    Shells by ascending b-value, then descending b_delta (linear first).
    """
    distance = np.hypot(b[:, None] - b, b_delta[:, None] - b_delta)
    linked = np.where(is_b0[:, None] | is_b0, is_b0[:, None] & is_b0, distance <= _LINKAGE)
    _, label = scipy.sparse.csgraph.connected_components(linked, directed=False)
    members = [np.flatnonzero(label == k) for k in np.unique(label)]
    shells = [Shell(float(b[v].mean()), float(b_delta[v].mean()), v, bool(is_b0[v[0]])) for v in members]
    return tuple(sorted(shells, key=lambda shell: (round(shell.b, 1), -shell.b_delta)))
