"""A whole cohort, from a data set to its quality report."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError, require_library
from ..estimation.keep import INTERVAL
from ..experiments.page import require_jinja
from ..experiments.tables import write_csv
from ..io.files import user_path
from ..io.noise import Noise, is_noise_file
from ..methods import INR, make_settings
from .cluster import workers
from .cluster_options import EXTRA, ClusterOptions
from .companions import MASKS
from .fitting import fit_all
from .folder import REPORT, TABLE, claim
from .report import write_cohort_report
from .rows import COLUMNS, Row, fitted_before, rows_of
from .scans import Scan, find_scans
from .shapes import ShapeTable
from .slurm import LOGS
from .task import WORK, Outcome, Request, Task

_EVERY = 300.0
"""Seconds between two reports of a cohort under way, at least."""

_SHARE = 0.02
"""Largest share of the time that they may take."""


_HERE = ClusterOptions()


@dataclass(frozen=True)
class Cohort:
    """What became of a cohort.

    Attributes
    ----------
    folder
        Its results.
    report, table
        The quality report, and one line a scan as CSV.
    rows
        What is known of each scan.
    stopped
        Whether the run was stopped before its end.
    """

    folder: Path
    report: Path
    table: Path
    rows: Sequence[Row]
    stopped: bool

    def count(self, status: str) -> int:
        """Scans of which this has become."""
        return sum(row.status == status for row in self.rows)


def fit_cohort(
    source: str | Path,
    out: str | Path,
    *,
    participants: Sequence[str] = (),
    sessions: Sequence[str] = (),
    masks: Sequence[str] = MASKS,
    mask_root: str | Path | None = None,
    grad_dev: bool = False,
    table: str | Path | None = None,
    noise: Noise = None,
    bvec_axes: str | None = None,
    cluster: ClusterOptions = _HERE,
    keep_every: float = INTERVAL,
    overwrite: bool = False,
    on_outcome: Callable[[Outcome, int, int], object] = lambda outcome, n, total: None,
    stop_asked: Callable[[], bool] = lambda: False,
    announce: Callable[[str], object] = lambda words: None,
    method: str = INR,
    **settings: Any,
) -> Cohort:
    """Fit every scan of a data set, and report on all of them.

    Scans that are done are kept; what is broken is reported, and the others go on; a run that was cut short goes on
    when it is started again.

    Parameters
    ----------
    source
        BIDS data set, or QSIPrep's results; see :func:`~.scans.find_scans`.
    out
        Folder for the results, a BIDS derivative; made if missing.
    participants, sessions
        Labels of those to fit; all by default.
    masks, mask_root
        Labels of masks to look for, and where; see :func:`~.companions.companions_of`.
    grad_dev
        Correct each scan for the non-uniformity of the gradients by the ``<scan>_graddev.nii.gz`` beside it, as QSIPrep
        writes it; a scan that has none is told as failed.
    table
        Shapes of b-tensors by scan or volume; see :meth:`~.shapes.ShapeTable.read`.
    noise, bvec_axes
        As for :func:`napari_smi_inr.load`, the same for all; no map.
    cluster
        Workers to use.
    keep_every
        Seconds between two checkpoints of a fit.
    overwrite
        Replace results with other settings.
    on_outcome
        Called with what became of a scan, how many have ended, and how many there are.
    stop_asked
        Asked all the time; once it says yes, fits are left where they stand.
    announce
        Called with a sentence where nothing can go on for want of workers.
    method, **settings
        As for :func:`napari_smi_inr.fit`.

    Returns
    -------
    Cohort
        What became of each scan, and where the report is.

    Raises
    ------
    InputError
        If there is nothing to fit, a setting is wrong, the folder holds other results, no worker is to be had, or an
        optional library is missing.

    Examples
    --------
    >>> fit_cohort("derivatives/qsiprep", "derivatives/smi", noise="b0", lmax=4).report  # doctest: +SKIP
    """
    _check(noise)
    config = make_settings(method, **settings)
    scans = find_scans(source, participants, sessions)
    folder = user_path(out).absolute()
    request = Request(
        out=folder,
        settings=config.model_dump(mode="json"),
        noise=noise,
        bvec_axes=bvec_axes,
        table=None if table is None else ShapeTable.read(table),
        masks=tuple(masks),
        mask_root=None if mask_root is None else user_path(mask_root).absolute(),
        grad_dev=grad_dev,
        keep_every=keep_every,
        stop=folder / WORK / f"stop-{uuid.uuid4().hex}",
    )
    root = scans[0].root
    claim(folder, root, request.identity, overwrite)
    tasks = [Task(scan, _about(scan, request)) for scan in scans]
    reporter = _Reporter(tasks, _others(source, tasks), root)
    outcomes: dict[str, Outcome] = {}
    with workers(cluster, getattr(config, "device", "cpu"), folder / WORK) as pool:
        for outcome in fit_all(pool, tasks, stop_asked, announce):
            outcomes[outcome.name] = outcome
            on_outcome(outcome, len(outcomes), len(tasks))
            reporter.look(outcomes)
    rows = reporter.write(outcomes)
    stopped = any(row.status == "stopped" for row in rows)
    _clear(folder / WORK, request, all_well=not stopped and all(row.status != "failed" for row in rows))
    return Cohort(folder, folder / REPORT, folder / TABLE, rows, stopped)


def _check(noise: Noise) -> None:
    """Find out before the work, not after it."""
    for library in ("distributed", "matplotlib"):
        require_library(library, "cohorts", EXTRA)
    require_jinja(EXTRA)
    if is_noise_file(noise):
        raise InputError("noise", f"{noise} is one map for many scans.", "Give a number, mppca or b0.")


def _about(scan: Scan, request: Request) -> Request:
    """What a worker needs to know of a scan: of a table only the rows that are about it."""
    return request if request.table is None else replace(request, table=request.table.about(scan.entities))


def _others(source: str | Path, tasks: Sequence[Task]) -> list[Task]:
    """Scans that were not asked for now, but are done: the report is of the whole cohort."""
    asked, request = {task.name for task in tasks}, tasks[0].request
    every = [Task(scan, request) for scan in find_scans(source)]
    return [task for task in every if task.name not in asked and fitted_before(task)]


class _Reporter:
    """Writes the report; now and then while a cohort is fitted, too: a long one is worth a look before its end."""

    def __init__(self, tasks: Sequence[Task], others: Sequence[Task], root: Path) -> None:
        self._tasks = sorted([*tasks, *others], key=lambda task: task.name)
        self._before = {task.name: Outcome(task.name, "kept") for task in others}
        self._request, self._title = tasks[0].request, root.name
        self._next = time.monotonic() + _EVERY

    def look(self, outcomes: Mapping[str, Outcome]) -> None:
        """Write it if it is time."""
        began = time.monotonic()
        if began >= self._next:
            self.write(outcomes)
            ended = time.monotonic()
            self._next = ended + max(_EVERY, (ended - began) / _SHARE)

    def write(self, outcomes: Mapping[str, Outcome]) -> list[Row]:
        """Write it, and the table."""
        rows, out = rows_of(self._tasks, {**self._before, **outcomes}), self._request.out
        write_csv(out / TABLE, [row.cells() for row in rows], COLUMNS)
        write_cohort_report(out / REPORT, rows, self._title, self._request.identity)
        return rows


def _clear(work: Path, request: Request, all_well: bool) -> None:
    """Remove what was only needed while fits ran; checkpoints of those that were cut short stay, and what tells why."""
    if request.stop is not None:
        request.stop.unlink(missing_ok=True)
    for log in work.glob(LOGS) if all_well else ():
        log.unlink(missing_ok=True)
    if work.is_dir() and not any(work.iterdir()):
        work.rmdir()
