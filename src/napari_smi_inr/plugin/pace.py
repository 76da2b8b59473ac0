"""How often to draw while something else needs the processor."""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE = 0.15
"""Largest share of the time that drawing may take: without a graphics card one picture of a window costs 0.1 s."""


class Pace:
    """Says when the next drawing is due, from what the last one cost.

    Parameters
    ----------
    clock
        Gives the time [s].
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock()

    @property
    def due(self) -> bool:
        """Whether to draw now."""
        return self._clock() >= self._next

    def spent(self, seconds: float) -> None:
        """Take in what a drawing that has just ended cost [s]."""
        self._next = self._clock() + seconds * (1 / SHARE - 1)
