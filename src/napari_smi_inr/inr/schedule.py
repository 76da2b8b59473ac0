"""How fast to learn, and when to stop."""

from __future__ import annotations

import math

from .state import State

WARM_UP = 0.3
"""Share of a one-cycle schedule spent raising the learning rate."""

COOL_DOWN = 0.2
"""A fit that has begun to memorise noise cools down for this share of the epochs it has done."""

_RISE = 1.002
"""Held-out error this much above its best, with no better one for :data:`_PATIENCE`, means memorising."""

_PATIENCE = 0.15
"""Share of the planned epochs to wait before believing so: while the learning rate is high, the error goes up for some
epochs and down again."""


_CORRECTED_EVERY, _SETTLED = 8, 0.05
"""Corrections of the signal are found anew in every so many epochs, and in all once the rate is below this."""


class Schedule:
    """Learning rate, as a factor of its peak, at each step; can be told to end early.

    Parameters
    ----------
    kind
        ``"one-cycle"``: a cosine up and a cosine down to nothing (Smith 2018); ``"decay"``: 1 % less
        every epoch, as published.
    epochs, batches
        Length of the plan, and of an epoch.
    """

    def __init__(self, kind: str, epochs: int, batches: int) -> None:
        self.kind, self.batches = kind, batches
        self.end = epochs * batches
        self._cool_from: int | None = None
        self._hot = 1.0

    def rate(self, step: int) -> float:
        """Factor for a step, 0 to 1."""
        if self.kind == "decay":
            return 0.99 ** (step // self.batches)
        if self._cool_from is not None:
            return self._hot * _falling((step - self._cool_from) / (self.end - self._cool_from))
        warm = WARM_UP * self.end
        return 1.0 - _falling(step / warm) if step < warm else _falling((step - warm) / (self.end - warm))

    def corrects(self, step: int) -> bool:
        """Whether corrections that change slowly with the tissue are to be found anew in a step."""
        return step // self.batches % _CORRECTED_EVERY == 0 or self.rate(step) < _SETTLED

    def cool_down(self, step: int) -> None:
        """End soon: let the rate fall to nothing from here. Does nothing the second time, or near the end."""
        end = step + max(self.batches, round(COOL_DOWN * step / self.batches) * self.batches)
        if self._cool_from is None and end < self.end:
            self._hot = self.rate(step)
            self._cool_from, self.end = step, end

    def end_at(self, step: int) -> None:
        """End before this step."""
        self.end = min(self.end, step)

    def state(self) -> State:
        """All that has been decided on the way."""
        return State({}, {"end": self.end, "cool_from": self._cool_from, "hot": self._hot})

    def restore(self, state: State) -> None:
        """Decide as in another fit of the same plan; a ValueError if it cannot be one."""
        self.end, self._hot = state.count("end"), state.number("hot")
        self._cool_from = None if state.numbers["cool_from"] is None else state.count("cool_from")
        if self._cool_from is not None and self._cool_from >= self.end:
            raise ValueError("it cools down after its end")


def _falling(progress: float) -> float:
    """Half a cosine from 1 to 0."""
    return 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


class Watch:
    """Remembers the best held-out error and notices when it only gets worse while what is trained on gets better.

    Parameters
    ----------
    epochs
        Planned length of the fit.
    """

    def __init__(self, epochs: int) -> None:
        self.best = math.inf
        self._trained = math.inf
        self._patience = max(3, round(_PATIENCE * epochs))
        self._worse = 0

    def is_best(self, held_out: float, trained: float) -> bool:
        """Note an epoch's errors; True if the held-out one is the lowest yet. NaN, where nothing is held out, never is.

        Where the other has gone up as well, the fit has stumbled, and does not memorise: it will find its feet.
        """
        if held_out < self.best:
            self.best, self._trained, self._worse = held_out, trained, 0
            return True
        memorised = held_out > _RISE * self.best and trained < self._trained
        self._worse = self._worse + 1 if memorised else 0
        return False

    @property
    def memorising(self) -> bool:
        """The error has stayed clearly above its best for long: what is learnt now is noise."""
        return self._worse >= self._patience

    def state(self) -> State:
        """All that the next judgement depends on."""
        return State({}, {"best": self.best, "trained": self._trained, "worse": self._worse})

    def restore(self, state: State) -> None:
        """Judge on from there."""
        self.best, self._trained = state.number("best"), state.number("trained")
        self._worse = state.count("worse")
