"""An estimate as a field that gives its FOD along with its scalars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..parameters import FOD
from ..signal_model.spherical_harmonics import n_coefficients
from .estimate import Estimate


class WithFod:
    """A fit as a field whose channels are its scalars and, after them, the FOD's SH coefficients."""

    def __init__(self, estimate: Estimate) -> None:
        self._estimate = estimate
        self.affine, self.mask = estimate.affine, estimate.mask
        self.parameters = (*estimate.parameters, *(f"{FOD}{c}" for c in range(n_coefficients(estimate.lmax))))

    def sample(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, C) values at (N, 3) RAS positions [mm]."""
        values = self._estimate.evaluate(points_mm)
        scalars = [values[symbol] for symbol in self._estimate.parameters]
        return np.concatenate([np.stack(scalars, axis=1), values[FOD]], axis=1, dtype=np.float32)
