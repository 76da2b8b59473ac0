"""What befalls a fit on its way, and how it goes on."""

from __future__ import annotations

import math

from .state import State

_MOST_ATTEMPTS = 20
"""Times a stretch of a fit is tried, each with steps half as long: a millionth of what was planned at last."""

LOST_EPOCHS = 2
"""Epochs that a loss may be lost: often it comes back by itself."""

_RISE = 10.0
"""A loss is lost where the misfit is this many times the lowest yet."""


class Setbacks:
    """Notices when a loss is lost, counts the attempts to mend it, and tells.

    Attributes
    ----------
    caution
        Factor of the learning rate, 1 as long as all is well.
    attempts
        Times in a row that the present stretch of the fit has failed.
    lost
        Epochs in a row in which the loss has been lost.
    """

    def __init__(self) -> None:
        self.caution = 1.0
        self.attempts = self.lost = 0
        self._lowest = math.inf
        self._notes: dict[str, str] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened, a sentence each."""
        return tuple(self._notes.values())

    @property
    def hopeless(self) -> bool:
        """More attempts would be of no use."""
        return self.attempts >= _MOST_ATTEMPTS

    def note(self, what: str, sentence: str) -> None:
        """Tell of something; of one thing only the latest is kept, and nothing if that has no words."""
        self._notes.pop(what, None)
        if sentence:
            self._notes[what] = sentence

    def start_from(self, misfit: float) -> None:
        """Take in the misfit before the first step."""
        self._lowest = misfit

    def judge(self, misfit: float) -> None:
        """Take in the misfit of an epoch."""
        if misfit > _RISE * self._lowest:
            self.lost += 1
        elif math.isfinite(misfit):
            self._lowest = min(self._lowest, misfit)
            self.lost = self.attempts = 0

    def failed(self, fault: str, epoch: float, back_to: float) -> None:
        """An epoch went wrong: the next attempt is a more careful one."""
        self.attempts += 1
        self.lost = 0
        self.caution /= 2.0
        sentence = f"In epoch {epoch:.0f} {fault}: the fit went back to "
        sentence += f"the end of epoch {back_to:.0f}" if back_to else "its beginning"
        if not self.hopeless:
            sentence += f" and on with steps {1.0 / self.caution:.0f} times smaller."
        else:
            sentence += " and ended there, for smaller steps were of no use."
        self.note(f"back to {back_to:.0f}", sentence)

    def state(self) -> State:
        """All that later decisions depend on."""
        numbers = {"caution": self.caution, "attempts": self.attempts, "lost": self.lost, "lowest": self._lowest}
        return State({}, {**numbers, "notes": dict(self._notes)})

    def restore(self, state: State) -> None:
        """Go on from there; a ValueError if it cannot be."""
        self.caution, self._lowest = state.number("caution"), state.number("lowest")
        self.attempts, self.lost = state.count("attempts"), state.count("lost")
        self._notes = {str(what): str(sentence) for what, sentence in state.numbers["notes"].items()}
        if not 0.0 < self.caution <= 1.0:
            raise ValueError("its steps have no length")
