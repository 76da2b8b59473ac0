"""The thread's side of a fit: one generator around :func:`fit_steps` that can be paused, stopped and watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from ...dataset import DiffusionDataset
from ...estimation.settings import Settings
from ...methods import INR
from ..pace import Pace

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate
    from ...estimation.keep import Keep
    from ...estimation.step import Step

Steps = Callable[[DiffusionDataset, Settings], "Iterator[Step]"]

FIELD_INTERVAL = 0.85
"""Time [s] between two states of the field."""

FIELD_SHARE = 0.02
"""Largest share of the thread's time that copies of the network may take from the fit."""

MAP_INTERVAL = 2.0
"""The same between two results of a fit voxel by voxel, whose maps are all drawn anew."""

MAP_SHARE = 0.03
"""Largest share of the thread's time that their maps may take from the fit."""

_PAUSE_POLL = 0.05
_EASE = 0.0005  # seconds the window gets to itself after each step: enough for it to take Python's lock


@dataclass(frozen=True, eq=False)
class Update:
    """What a job has to say after a step; ``field``, the best so far, now and then."""

    step: Step
    field: Estimate | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a job ended.

    Attributes
    ----------
    field
        The best field, its maps and quality already computed; None if there was no step yet.
    stopped
        Whether someone stopped it.
    error
        What went wrong; None if nothing did. `field` then is the best there was before.
    """

    field: Estimate | None
    stopped: bool = False
    error: Exception | None = None


class Job(Protocol):
    """One fit, wherever it is done. :meth:`run` belongs to a worker thread; everything else may be called from any.

    Attributes
    ----------
    dataset, config
        What to fit and how.
    ended
        Set when :meth:`run` has.
    """

    dataset: DiffusionDataset
    config: Settings
    ended: threading.Event

    @property
    def paused(self) -> bool:
        """Whether the job waits, or will after its present step."""

    def pause(self) -> None:
        """Wait after the present step."""

    def resume(self) -> None:
        """Go on."""

    def stop(self) -> None:
        """End after the present step; the outcome has the best field so far."""

    def abandon(self) -> None:
        """End as soon as can be; nobody cares for the outcome."""

    def run(self) -> Generator[Update | None, None, Outcome]:
        """Fit; yields an :class:`Update` a step, None while paused, and returns the :class:`Outcome`.

        Never raises: napari's worker would swallow a RuntimeError, which is what torch raises.
        """


class FitJob(Job):
    """A fit in this process.

    Parameters
    ----------
    dataset, config
        What to fit and how.
    steps
        The fit itself; by default :func:`~napari_smi_inr.fit_steps`.
    keep
        Where that keeps its state.
    """

    def __init__(
        self, dataset: DiffusionDataset, config: Settings, steps: Steps | None = None, keep: Keep | None = None
    ) -> None:
        self.dataset, self.config = dataset, config
        self._given_steps, self._keep = steps, keep
        self._go = threading.Event()
        self._go.set()
        self._stop = threading.Event()
        self.ended = threading.Event()
        self._by_voxel = config.method != INR
        self._pace = Pace(MAP_SHARE, MAP_INTERVAL) if self._by_voxel else Pace(FIELD_SHARE, FIELD_INTERVAL)

    @property
    @override
    def paused(self) -> bool:
        return not self._go.is_set()

    @override
    def pause(self) -> None:
        self._go.clear()

    @override
    def resume(self) -> None:
        self._go.set()

    @override
    def stop(self) -> None:
        self._stop.set()
        self._go.set()

    @override
    def abandon(self) -> None:
        self.stop()

    @override
    def run(self) -> Generator[Update | None, None, Outcome]:
        last: Step | None = None
        try:
            for last in self._steps():
                yield self._update(last)
                yield from self._wait()
                if self._stop.is_set():
                    break
            return Outcome(_finished(last, self.dataset), self._stop.is_set())
        except Exception as error:
            return Outcome(_salvaged(last, self.dataset), self._stop.is_set(), error)
        finally:
            self.ended.set()

    def _steps(self) -> Iterator[Step]:
        from ...methods import fit_steps  # brings torch: seconds, on this thread

        if self._given_steps is not None:
            return self._given_steps(self.dataset, self.config)
        return fit_steps(self.dataset, self.config, self._keep)

    def _wait(self) -> Iterator[None]:
        """Let the window breathe; while paused, come up now and then so that napari can end the thread."""
        time.sleep(_EASE)
        while not self._go.wait(_PAUSE_POLL):
            yield None

    def _update(self, step: Step) -> Update:
        if not self._pace.due:
            return Update(step, None)
        start = time.monotonic()
        field = step.field()
        if self._by_voxel:
            field.maps()  # kept with it: made here, not on the window's thread
        self._pace.spent(time.monotonic() - start)
        return Update(step, field)


def _finished(step: Step | None, dataset: DiffusionDataset) -> Estimate | None:
    """The best field, judged, with its cached maps and quality computed here, not later on the window's thread."""
    from ...estimation.assessment import assessed  # brings torch

    if step is None:
        return None
    field = assessed(step.field(), dataset)
    field.maps()
    field.quality  # noqa: B018 (cached)
    return field


def _salvaged(step: Step | None, dataset: DiffusionDataset) -> Estimate | None:
    """The best field in spite of an error, if it can still be had."""
    try:
        return _finished(step, dataset)
    except Exception:  # whatever broke the fit may have broken the device: the first error is the one to show
        return None
