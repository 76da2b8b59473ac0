"""The clock of a fit in several phases of unlike pieces."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TypeVar

from ..estimation.estimate import Estimate
from ..estimation.step import Losses, Step

T = TypeVar("T")
R = TypeVar("R")

PIECES = 1000
"""Pieces the whole work counts as."""


class Course:
    """Where a fit of several phases stands.

    Parameters
    ----------
    phases
        Share of the whole work by phase, in their order; the shares sum to one.
    """

    def __init__(self, phases: dict[str, float]) -> None:
        self._phases = phases
        self.worked = 0.0

    def working(self, parts: Generator[T, None, R]) -> Generator[T, None, R]:
        """The same parts and result; time spent making them counts, time the caller takes between them does not."""
        while True:
            began = time.perf_counter()
            try:
                part = next(parts)
            except StopIteration as end:
                result: R = end.value
                return result
            finally:
                self.worked += time.perf_counter() - began
            yield part

    def step(self, phase: str, share: float, losses: Losses, field: Callable[[], Estimate]) -> Step:
        """A step with this share of a phase done."""
        names = list(self._phases)
        before = sum(self._phases[name] for name in names[: names.index(phase)])
        done = min(PIECES, max(1, round(PIECES * (before + share * self._phases[phase]))))
        left = self.worked * (PIECES - done) / done
        return Step(phase, done, PIECES, losses, self.worked, left, field)
