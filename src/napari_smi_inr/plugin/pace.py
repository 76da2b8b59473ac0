"""How often to do something on the side of work that needs the processor."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Says when the next turn is due, from what the last one cost.

    Parameters
    ----------
    share
        Largest share of the time that the turns may take.
    least
        Least time between two turns [s].
    clock
        Gives the time [s].
    """

    def __init__(self, share: float, least: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._share, self._least, self._clock = share, least, clock
        self._next = clock()

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return self._clock() >= self._next

    def spent(self, seconds: float) -> None:
        """Take in what a turn that has just ended cost [s]."""
        self._next = self._clock() + max(self._least, seconds * (1 / self._share - 1))
