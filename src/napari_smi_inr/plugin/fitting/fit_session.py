"""What is happening, for whoever wants to know: the state of a fit as events, without Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np
from psygnal import Signal

from ...dataset import DiffusionDataset
from ...errors import InputError
from ...estimation.settings import Settings
from ..pace import Pace
from .fit_job import FitJob, Job, Outcome, Update
from .fit_process import FitProcess, ProcessJob
from .kept_fits import forget_fit

if TYPE_CHECKING:
    from ...estimation.keep import Keep
    from ...estimation.step import Step


class MakeJob(Protocol):
    """Makes the job of a fit."""

    def __call__(self, dataset: DiffusionDataset, config: Settings, *, keep: Keep | None) -> Job:
        """Of these data, with these settings, kept there."""


DRAWING_SHARE = 0.05
"""Largest share of the time that drawing may take: without a graphics card one picture of a window costs 0.1 s."""


class State(StrEnum):
    """Where a session stands."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Status:
    """What is happening.

    Attributes
    ----------
    state
        Idle before and after a fit.
    fraction
        Share of the work done, 0 to 1.
    text
        The same in words.
    """

    state: State = State.IDLE
    fraction: float = 0.0
    text: str = "Ready."

    @property
    def busy(self) -> bool:
        """Whether a fit is under way."""
        return self.state is not State.IDLE


@dataclass
class Curves:
    """The three curves of a fit over all its phases, one entry an epoch at most.

    Attributes
    ----------
    seconds
        Work since the start, pauses left out.
    data, nonnegativity, held_out
        The losses then; NaN at the seam between two phases, so that curves break there.
    phases
        When each phase began [s], and its name.
    expected
        Seconds of work when all will be done.
    """

    seconds: list[float] = field(default_factory=list)
    data: list[float] = field(default_factory=list)
    nonnegativity: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    phases: list[tuple[float, str]] = field(default_factory=list)
    expected: float = 0.0
    _phase: str | None = None

    def add(self, step: Step) -> None:
        """Take in a step, if it has anything new."""
        if self._phase != step.phase:
            if self._phase is not None:
                self._append(step.elapsed, math.nan, math.nan, math.nan)
            self.phases.append((step.elapsed, step.phase))
        self._phase = step.phase
        self.expected = step.elapsed + step.remaining
        losses = step.losses
        if math.isnan(losses.data) or (self.data and losses.data == self.data[-1]):
            return
        self._append(step.elapsed, losses.data, losses.nonnegativity, losses.held_out)

    def _append(self, seconds: float, data: float, nonnegativity: float, held_out: float) -> None:
        self.seconds.append(seconds)
        self.data.append(data)
        self.nonnegativity.append(nonnegativity)
        self.held_out.append(held_out)


class FitSession:
    """One fit after another, never two at once. Lives on one thread; only :meth:`Job.run` belongs on another.

    Parameters
    ----------
    make_job
        Makes the job of a fit; by default one in a process of its own, where there can be one.

    Attributes
    ----------
    pace
        When to tell about progress: whoever draws it says what that cost.
    """

    status_changed = Signal(Status)
    curves_grew = Signal(Curves)
    field_ready = Signal(object)
    ended = Signal(Outcome)

    def __init__(self, make_job: MakeJob | None = None) -> None:
        self.make_job = make_job or self._apart
        self._process: FitProcess | None = None  # waits for the next fit
        self._job: Job | None = None
        self._keep: Keep | None = None
        self._closed = False
        self.status = Status()
        self.curves = Curves()
        self.pace = Pace(DRAWING_SHARE)
        self._untold: Step | None = None

    @property
    def job(self) -> Job | None:
        """The fit under way."""
        return self._job

    def prepare(self) -> None:
        """Start what the next fit needs, so that it need not wait for it."""
        if self.make_job == self._apart and not self._closed:
            self._process = self._waiting() or FitProcess.started()

    def close(self) -> None:
        """End the fit under way, and what was prepared for the next: none is expected."""
        self._closed = True
        if self._job is not None:
            self._job.abandon()
        if self._process is not None:
            self._process.end()
            self._process = None

    def _waiting(self) -> FitProcess | None:
        """The process that was prepared, unless something has ended it since."""
        process, self._process = self._process, None
        if process is None or process.alive:
            return process
        process.end()
        return None

    def _apart(self, dataset: DiffusionDataset, config: Settings, *, keep: Keep | None) -> Job:
        process = self._waiting() or FitProcess.started()
        return ProcessJob(process, dataset, config, keep) if process else FitJob(dataset, config, keep=keep)

    def begin(self, dataset: DiffusionDataset, config: Settings, keep: Keep | None = None) -> Job:
        """Prepare a fit, whose :meth:`Job.run` the caller puts on a thread; what it kept goes once it has ended well.

        Raises
        ------
        InputError
            If one is under way.
        """
        if self._job is not None:
            raise InputError("fit", "one is already running.", "Stop it first, or wait for it.")
        self._job = self.make_job(dataset, config, keep=keep)
        self._keep = keep
        self.curves = Curves()
        self.curves_grew.emit(self.curves)
        self._set(State.RUNNING, 0.0, f"Preparing {dataset.n_voxels:,} voxels …")
        return self._job

    def pause(self) -> None:
        """Hold the fit after its present step."""
        if self._job and self.status.state is State.RUNNING:
            self._job.pause()
            self._tell()
            self._set(State.PAUSED, self.status.fraction, f"Paused at {self.status.fraction:.0%}.")

    def resume(self) -> None:
        """Go on with a paused fit."""
        if self._job and self.status.state is State.PAUSED:
            self._job.resume()
            self._set(State.RUNNING, self.status.fraction, "Going on …")

    def stop(self) -> None:
        """End the fit, keeping the best so far."""
        if self._job:
            self._job.stop()
            self._set(State.STOPPING, self.status.fraction, "Stopping; the best so far is kept …")

    def take(self, update: Update | None) -> bool:
        """Take in what the job yielded; says whether it was told as events, which waits until it is due."""
        if update is None or self._job is None:
            return False
        self.curves.add(update.step)
        self._untold = update.step
        due = self.pace.due
        if due:
            self._tell()
        if update.field is not None:  # at once: whoever shows it evaluates it on a thread of its own
            self.field_ready.emit(update.field)
        return due

    def _tell(self) -> None:
        """Turn what is known since the last time into events."""
        step, self._untold = self._untold, None
        if step is None or self._job is None:
            return
        self.curves_grew.emit(self.curves)
        if self.status.state is State.RUNNING:
            self._set(State.RUNNING, step.fraction, _progress_text(step))

    def finish(self, outcome: Outcome) -> None:
        """Take the outcome of the job; the next may begin."""
        self._tell()
        job, self._job = self._job, None
        asked = job.dataset.n_voxels if job else 0
        if job is not None:
            job.abandon()  # nobody may have waited until it had ended
        if self._keep is not None and outcome.field and not (outcome.stopped or outcome.error):
            forget_fit(self._keep)
        fraction = self.status.fraction if outcome.stopped or outcome.error else 1.0
        self._set(State.IDLE, fraction, _end_text(outcome, asked))
        self.ended.emit(outcome)
        self.prepare()

    def _set(self, state: State, fraction: float, text: str) -> None:
        self.status = Status(state, fraction, text)
        self.status_changed.emit(self.status)


def _progress_text(step: Step) -> str:
    return f"{step.text} · {_duration(step.remaining)} left"


def _end_text(outcome: Outcome, n_asked: int) -> str:
    n_voxels = int(np.count_nonzero(outcome.field.mask)) if outcome.field else 0
    if 0 < n_voxels < n_asked:
        return f"Ended early: {n_voxels:,} of {n_asked:,} voxels are known, and kept."
    if outcome.error is not None:
        return "Failed; the best so far is kept." if outcome.field else "Failed."
    if outcome.field is None:
        return "Stopped before the first result."
    return "Stopped; the best so far is kept." if outcome.stopped else "Done."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
