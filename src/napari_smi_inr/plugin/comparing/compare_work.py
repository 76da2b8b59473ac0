"""What a comparison has done on its thread: fields to draw, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...sampling.field import Field
from ..helper import Attempt
from ..parameter_look import Look
from ..visible import VisiblePlane
from .contenders import Contender, data_limits
from .difference import Difference, difference


@dataclass(frozen=True, eq=False)
class Built:
    """Fields by whom they are of, and contrast limits for them."""

    fields: dict[Contender, Field]
    limits: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Build:
    """Make the fields of one parameter for several contenders."""

    symbol: str
    contenders: Sequence[Contender]

    def do(self, dropped: Callable[[], bool]) -> Built:
        """Make them."""
        fields = {contender: contender.field(self.symbol) for contender in self.contenders}
        limits = Look.of(self.symbol).limits or data_limits(self.contenders[0].fit, self.symbol)
        return Built(fields, limits)


@dataclass(frozen=True)
class Measure:
    """Find the difference of two fields over a view."""

    symbol: str
    first: Field
    second: Field
    plane: VisiblePlane

    def do(self, dropped: Callable[[], bool]) -> Difference | None:
        """Find it; None once it is ``dropped``."""
        return difference(self.symbol, self.first, self.second, self.plane, dropped)


class Work:
    """One job at a time; a newer one makes the older worthless.

    Attributes
    ----------
    wanted
        The job whose outcome is waited for.
    """

    def __init__(self) -> None:
        self.wanted: Build | Measure | None = None

    def do(self, job: Build | Measure) -> tuple[Build | Measure, Attempt]:
        """Do a job, on any thread; never raises."""
        try:
            return job, Attempt(job.do(lambda: self.wanted is not job))
        except Exception as error:  # told to the user
            return job, Attempt(None, error)

    def accept(self, job: Build | Measure) -> bool:
        """Whether the outcome of this job is the one waited for; if so, it is no longer."""
        if job is not self.wanted:
            return False
        self.wanted = None
        return True
