"""Where a fit stands, whatever its method."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from .estimate import Estimate

STEP_SECONDS = 0.1
"""Work done between two steps: short enough to stop, pause or draw at once."""


@dataclass(frozen=True, eq=False)
class Losses:
    """One reading of the curves of a fit.

    Attributes
    ----------
    data
        Error on the measurements trained on: for a squared loss its root mean square, in units of the scan's typical
        b = 0 signal, so that it compares with `held_out`; for the Rician loss the negative log-likelihood of a
        measurement.
    nonnegativity
        Mean square of the FOD's negative part; NaN where a method has no such term.
    held_out
        Root mean square error on measurements kept from the fit, in those units; NaN where there are none.
    """

    data: float = math.nan
    nonnegativity: float = math.nan
    held_out: float = math.nan


@dataclass(frozen=True, eq=False)
class Step:
    """Where a fit stands.

    Attributes
    ----------
    phase
        What is being done, in a word or two.
    iteration, n_iterations
        Pieces of work done and planned, over all phases.
    losses
        The curves.
    elapsed, remaining
        Seconds worked, and expected until the end.
    notes
        What befell the fit, and how it went on, a sentence each.
    """

    phase: str
    iteration: int
    n_iterations: int
    losses: Losses
    elapsed: float
    remaining: float
    _field: Callable[[], Estimate] = field(repr=False)
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def fraction(self) -> float:
        """Share of the work done, 0 to 1."""
        return self.iteration / self.n_iterations

    @property
    def text(self) -> str:
        """The phase as a sentence begins."""
        return self.phase.capitalize()

    def field(self) -> Estimate:
        """The best result so far: a copy, safe to keep while the fit goes on.

        Its mask holds only the voxels it knows.
        """
        return self._field()
