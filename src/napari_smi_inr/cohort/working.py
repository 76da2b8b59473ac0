"""The fit itself, from the scan to its results, and how it goes on where another worker was lost."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .. import api
from ..checks import Severity, concerning, with_findings
from ..dataset import DiffusionDataset
from ..errors import InputError
from ..estimation.assessment import assessed
from ..estimation.estimate import Estimate
from ..estimation.keep import Keep
from ..estimation.residual import residual_map
from ..estimation.settings import Settings
from ..estimation.step import Step
from ..io.files import output_folder, sha256
from ..io.json_text import read_json
from ..io.sidecar import write_json
from ..methods import LEAST_SQUARES
from ..results import label_of, record_of, write_residual, write_results
from .done import SECTION
from .leaving import worker_is_leaving
from .picture import save_picture
from .summary import summary_of
from .task import Outcome, Task

_LOOK = 1.0
"""Seconds between two looks for the file that asks to stop: it may lie on another machine's disk."""


@dataclass(frozen=True)
class Attempt:
    """How often a fit has been begun.

    Attributes
    ----------
    number
        1 for the first.
    host, pid
        Who works on it.
    """

    number: int
    host: str
    pid: int

    @classmethod
    def begin(cls, task: Task) -> Attempt:
        """Note that this process begins, and look who did before."""
        before = 0
        if task.begun.is_file():
            with suppress(InputError, ValueError, TypeError):
                before = int(read_json(task.begun, "note of a fit under way")["number"])
        output_folder(task.begun.parent)
        made = cls(before + 1, platform.node(), os.getpid())
        write_json(task.begun, {"number": made.number, "host": made.host, "pid": made.pid})
        return made


def fit_and_write(
    task: Task, attempt: Attempt, config: Settings, given: Mapping[str, Any], notes: list[str]
) -> Outcome:
    """Fit a scan and write what comes of it.

    Parameters
    ----------
    task, attempt
        What to fit, and for the how many-th time.
    config
        Settings, checked.
    given
        Arguments of :func:`napari_smi_inr.load` beside the scan.
    notes
        What is to be known already.

    Raises
    ------
    InputError
        If the scan cannot be fitted, or results not be written.
    """
    clock, story = _Clock(), _Story(attempt, notes)
    dataset = api.load(task.scan.dwi, check=False, **given)  # below, for the loss of the fit to come
    found = concerning(api.check(dataset), getattr(config, "loss", LEAST_SQUARES))
    story.warnings = [finding.what for finding in found if finding.severity is Severity.WARNING]
    dataset = with_findings(dataset, found)
    clock.read = clock.lap()
    keep = _keep(task, story)
    try:
        estimate = _fitted(task, dataset, config, keep)
    except InputError:
        if not keep.resume:
            raise
        # of another version or of other settings, or spoilt: what there is no going on from is in the way
        story.resumed_at, story.notes = 0.0, [*notes, "A checkpoint was of no use: begun anew."]
        estimate = _fitted(task, dataset, config, replace(keep, resume=False))
    if estimate is None:
        return Outcome(task.name, "stopped")
    clock.fit = clock.lap()
    _write(task, story, clock, estimate, dataset)
    for path in (task.checkpoint, task.begun):
        path.unlink(missing_ok=True)
    return Outcome(task.name, "fitted", notes=tuple(story.notes))


@dataclass
class _Story:
    """What befell a fit."""

    attempt: Attempt
    notes: list[str]
    warnings: list[str] = field(default_factory=list)
    resumed_at: float = 0.0


class _Clock:
    """Seconds by what was done."""

    def __init__(self) -> None:
        self.read = self.fit = self.write = 0.0
        self._last = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last time."""
        before, self._last = self._last, time.monotonic()
        return self._last - before


def _keep(task: Task, story: _Story) -> Keep:
    """Where the fit is kept; how much of it is there from before goes into the story."""
    path = task.checkpoint
    if path.is_file():
        from ..inr.checkpoint import peek

        try:
            story.resumed_at = peek(path).fraction
            story.notes = [*story.notes, f"Went on from a checkpoint at {story.resumed_at:.0%} of the work."]
        except InputError:  # spoilt
            path.unlink(missing_ok=True)
    return Keep(path, path.is_file(), task.request.keep_every)


def _fitted(task: Task, dataset: DiffusionDataset, config: Settings, keep: Keep) -> Estimate | None:
    """The fit at its end; None if it was asked to stop, or its worker was, with its state kept."""
    stop, looked = task.request.stop, time.monotonic()
    last: Step | None = None
    with closing(api.fit_steps(dataset, config, keep)) as steps:
        for step in steps:
            last = step
            if worker_is_leaving():
                return None
            if stop is not None and time.monotonic() - looked > _LOOK:
                looked = time.monotonic()
                if stop.exists():
                    return None
    assert last is not None  # a fit has at least one step
    return assessed(last.field(), dataset)


def _write(task: Task, story: _Story, clock: _Clock, estimate: Estimate, dataset: DiffusionDataset) -> None:
    """Write results, and the record once they are there."""
    task.record.unlink(missing_ok=True)  # it would vouch for results that are about to be replaced
    desc = label_of(estimate)
    paths = write_results(estimate, task.folder, task.name, desc, task.told)
    residual = residual_map(estimate, dataset)
    assert residual is not None  # nobody cancels it
    paths.append(write_residual(estimate, residual, task.folder, task.name, desc, task.told))
    if fault := save_picture(task.picture, estimate, residual):
        story.notes = [*story.notes, fault]
    clock.write = clock.lap()
    told = {
        "asked": task.request.identity,
        "outputs": {path.name: sha256(path) for path in paths},
        "summary": summary_of(estimate, residual),
        "seconds": {"read": round(clock.read, 3), "fit": round(clock.fit, 3), "write": round(clock.write, 3)},
        "attempts": story.attempt.number,
        "resumed_at": round(story.resumed_at, 4),
        "host": story.attempt.host,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "warnings": story.warnings,
        "notes": story.notes,
    }
    write_json(task.record, {**record_of(estimate), SECTION: told})
