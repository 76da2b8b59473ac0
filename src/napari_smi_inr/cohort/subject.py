"""Fitting one scan of a cohort, on whatever machine; whatever is wrong with it is told and not raised."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.files import output_folder, replacing
from ..io.noise import is_noise_file
from ..memory import give_back_memory
from ..methods import make_settings
from .companions import Companions, companions_of, deviation_of
from .done import FilesNow, why_not_done
from .leaving import leave_to_others, worker_is_leaving
from .shapes import as_text, shapes_in
from .task import Outcome, Task

_ONE = threading.Lock()
"""A process fits one scan at a time: torch's threads and memory belong to the process."""

BDELTA = "_dwi.bdelta"
"""Ending of the name of the shapes that a fit went by, where they came from a side-car or a table."""


def fit_scan(task: Task) -> Outcome:
    """Fit a scan, unless that is done; leave maps, FOD, field, residual, picture and, last of all, the record.

    Never raises for what is wrong with a scan: a cohort goes on without it. Where the worker has been told to end, the
    fit stands still, is kept, and dask is told to have another go on with it.
    """
    with _ONE:
        began = time.monotonic()
        outcome = _attempted(task)
        give_back_memory()
        if outcome.status == "stopped" and worker_is_leaving():
            raise leave_to_others()
        return replace(outcome, seconds=time.monotonic() - began)


def _attempted(task: Task) -> Outcome:
    try:
        return _fit(task)
    except InputError as error:
        outcome = Outcome(task.name, "failed", error=str(error))
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        outcome = Outcome(task.name, "failed", error=told, notes=(traceback.format_exc(),))
    with suppress(OSError):
        task.begun.unlink(missing_ok=True)  # it has ended by itself: the next attempt is a first one
    return outcome


@dataclass(frozen=True)
class Files:
    """A scan's files by the roles that reading it gives them."""

    dwi: Path
    more: Mapping[str, Path]

    @property
    def by_role(self) -> dict[str, Path]:
        """In the order in which they are read: a later one of the same name is told with its role."""
        order = ("gradients", "bval", "bvec", "bdelta", "mask", "grad_dev")
        return {"dwi": self.dwi} | {role: self.more[role] for role in order if role in self.more}


def files_of(task: Task) -> Files:
    """Find what belongs to a scan; shapes that a side-car or table tells are written beside its results.

    Raises
    ------
    InputError
        If something is ambiguous, unreadable, contradicts something else, or is asked for and not there.
    """
    request = task.request
    found = companions_of(task.scan, request.masks, request.mask_root)
    shapes = _told_shapes(task, found)
    bdelta = found.bdelta
    if shapes is not None:
        bdelta = output_folder(task.folder) / f"{task.name}{BDELTA}"
        _write_if_new(bdelta, as_text(shapes))
    tables = {"gradients": found.gradients, "bval": found.bval, "bvec": found.bvec, "bdelta": bdelta}
    named = {**tables, "mask": found.mask, "grad_dev": deviation_of(task.scan) if request.grad_dev else None}
    return Files(task.scan.dwi, {role: path for role, path in named.items() if path is not None})


def _told_shapes(task: Task, found: Companions) -> list[float] | None:
    """Shapes from the table, which goes first, or the side-car, which must not contradict a file of shapes."""
    from ..io.nifti import open_image

    image = open_image(task.scan.dwi, "diffusion scan")
    n_volumes = image.shape[3] if image.ndim == 4 else 1
    table = task.request.table
    listed = None if table is None else table.of(task.scan.entities, n_volumes)
    if listed is not None:
        return listed
    told = shapes_in(found.told(), n_volumes, found.sidecars[-1]) if found.sidecars else None
    if told is not None and found.bdelta is not None:
        fault = f"tells b_delta, and so does {found.bdelta}."
        raise InputError(found.sidecars[-1], fault, "Leave it to one of them, or give a table, which goes first.")
    return told


def _write_if_new(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text() != text:
        with replacing(path) as stream:
            stream.write(text.encode())


def _fit(task: Task) -> Outcome:
    request = task.request
    if is_noise_file(request.noise):
        raise InputError(request.noise, "is one map for many scans.", "Give a number, mppca or b0.")
    if request.stop is not None and request.stop.exists():
        return Outcome(task.name, "stopped")
    files = files_of(task)
    reasons: list[str] = []
    if task.record.exists():
        reasons = why_not_done(task, FilesNow.of(files.by_role, request.noise))
        if not reasons:
            return Outcome(task.name, "kept")
    from .working import Attempt, fit_and_write  # brings torch, for which who is done need not wait

    attempt = Attempt.begin(task)
    config = make_settings(**request.settings)
    given: dict[str, Any] = {**files.more, "noise": request.noise, "bvec_axes": request.bvec_axes}
    notes = [f"Fitted again: {reason}" for reason in reasons]
    return fit_and_write(task, attempt, config, given, notes)
