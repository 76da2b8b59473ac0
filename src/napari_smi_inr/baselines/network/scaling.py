"""The map of each number's range in the training set onto [-1, 1]."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Range(NamedTuple):
    """Least and greatest values of K numbers in the training set.

    Attributes
    ----------
    low, high
        (K,) values; equal where a number never varies, which then always maps to 0.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Self:
        """The range of each column of (N, K) values."""
        return cls(values.min(axis=0), values.max(axis=0))

    @property
    def _half(self) -> NDArray[np.float32]:
        return (self.high - self.low) / np.float32(2)

    @property
    def _middle(self) -> NDArray[np.float32]:
        return (self.high + self.low) / np.float32(2)

    def to_unit(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, K) values mapped: -1 at the least, 1 at the greatest."""
        half = self._half
        gain = np.divide(np.float32(1), half, out=np.zeros_like(half), where=half > 0)
        return (values - self._middle) * gain

    def from_unit(self, units: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, K) values from what :meth:`to_unit` gives."""
        return units * self._half + self._middle
