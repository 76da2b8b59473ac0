"""What was measured: b-value, shape and direction of every volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

B0_THRESHOLD = 0.05
"""Largest b-value [ms/µm²] still counted as b = 0 (50 s/mm²)."""


@dataclass(frozen=True, eq=False)
class Acquisition:
    """A b-tensor protocol, one entry a volume.

    Attributes
    ----------
    b
        (V,) b-value, trace of the b-tensor [ms/µm²]; exact, never rounded.
    b_delta
        (V,) shape of the b-tensor in [-0.5, 1]: 1 linear, 0 spherical, -0.5 planar.
    directions
        (V, 3) unit symmetry axis of the b-tensor in scanner (RAS) axes; zero where it has none.
    """

    b: NDArray[np.float64]
    b_delta: NDArray[np.float64]
    directions: NDArray[np.float64]

    @property
    def n_volumes(self) -> int:
        """Number of volumes V."""
        return len(self.b)

    @property
    def is_b0(self) -> NDArray[np.bool_]:
        """(V,) volumes without diffusion weighting to speak of."""
        return self.b <= B0_THRESHOLD

    def select(self, volumes: NDArray[np.intp] | NDArray[np.bool_]) -> Acquisition:
        """The same protocol for some of its volumes."""
        return Acquisition(self.b[volumes], self.b_delta[volumes], self.directions[volumes])
