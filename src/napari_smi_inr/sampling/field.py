"""What anything that can be sampled continuously must offer."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Field(Protocol):
    """A set of scalar maps defined at every point of space.

    The fitted INR, an interpolated voxel map and the analytic phantom are all fields, so the
    sampler, the zoom layer and the figures treat them alike.
    """

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4) from voxel indices of the scan to RAS millimetres."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(X, Y, Z) voxels the field was made from; outside, it is not to be trusted."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Symbols of the C scalar channels, in column order of :meth:`sample`."""

    def sample(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """Values at points.

        Parameters
        ----------
        points_mm
            (N, 3) RAS positions [mm].

        Returns
        -------
        (N, C) values, one column per entry of :attr:`parameters`. Not masked.
        """
