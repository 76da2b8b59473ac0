"""What befalls a fit on its way, and how it goes on."""

from __future__ import annotations

import math

from .state import State

_MOST_ATTEMPTS = 10
"""Times a stretch of a fit is tried, each with steps half as long: a thousandth of what was planned at last."""

_RISE = 10.0
"""A misfit this many times the lowest yet, and that of no signal at all, will not come back by itself; nor will a
held-out error this many times that of no signal."""


class Setbacks:
    """Notices when a loss is lost, counts the attempts to mend it, and tells.

    Parameters
    ----------
    misfit_of_nothing, held_out_error_of_nothing
        What tissue without any signal would score.

    Attributes
    ----------
    caution
        Factor of the learning rate, 1 as long as all is well.
    attempts
        Times in a row that the present stretch of the fit has failed.
    """

    def __init__(self, misfit_of_nothing: float, held_out_error_of_nothing: float) -> None:
        self.caution = 1.0
        self.attempts = 0
        self._nothing, self._held_out_nothing = misfit_of_nothing, held_out_error_of_nothing
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
        """Tell of something; of one thing only the latest is kept."""
        self._notes.pop(what, None)
        self._notes[what] = sentence

    def start_from(self, misfit: float) -> None:
        """Take in the misfit before the first step."""
        self._lowest = misfit

    def passed(self, misfit: float) -> None:
        """An epoch went well, with this misfit."""
        self._lowest = min(self._lowest, misfit)
        self.attempts = 0

    def lost(self, misfit: float, held_out: float) -> bool:
        """Whether the misfit, or the error on what is held out, has grown so far that the fit had better go back."""
        return misfit > _RISE * max(self._nothing, self._lowest) or held_out > _RISE * self._held_out_nothing

    def failed(self, fault: str, epoch: float, back_to: float) -> None:
        """An epoch went wrong: the next attempt is a more careful one."""
        self.attempts += 1
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
        numbers = {"caution": self.caution, "attempts": self.attempts, "lowest": self._lowest}
        return State({}, {**numbers, "notes": dict(self._notes)})

    def restore(self, state: State) -> None:
        """Go on from there; a ValueError if it cannot be."""
        self.caution, self._lowest = state.number("caution"), state.number("lowest")
        self.attempts = state.count("attempts")
        self._notes = {str(what): str(sentence) for what, sentence in state.numbers["notes"].items()}
        if not 0.0 < self.caution <= 1.0:
            raise ValueError("its steps have no length")
