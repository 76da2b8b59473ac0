"""One line a scan: what became of it, its numbers, and what is odd about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError
from ..estimation.assessment import DENOISED, MISFIT
from ..estimation.quality_text import NOTABLE
from ..io.json_text import read_json
from .done import SECTION
from .outliers import METRICS, find_outliers, numbers_of
from .task import Outcome, Status, Task

COLUMNS = (
    "scan", "participant_id", "session_id", "status", "flags", "error", "seconds", "attempts", "folder",
    *(metric.key for metric in METRICS),
)  # fmt: skip
"""Of ``cohort.csv``."""

SEPARATOR = " | "
"""Between the flags of a scan in the table."""


@dataclass(frozen=True)
class Row:
    """What is known of one scan.

    Attributes
    ----------
    task
        Its fit.
    status
        What became of it.
    error
        Why it failed.
    record
        Of its fit; empty without one.
    flags
        What is odd, a few words each.
    """

    task: Task
    status: Status
    error: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    @property
    def about(self) -> Mapping[str, Any]:
        """The cohort's part of the record."""
        told = self.record.get(SECTION)
        return told if isinstance(told, Mapping) else {}

    @property
    def seconds(self) -> float:
        """It took to read the scan, fit it and write results; 0 where that is not known."""
        told = self.about.get("seconds")
        return sum(told.values()) if isinstance(told, Mapping) else 0.0

    def cells(self) -> dict[str, Any]:
        """By :data:`COLUMNS`."""
        task = self.task
        return {
            "scan": task.name,
            "participant_id": f"sub-{task.scan.subject}",
            "session_id": f"ses-{task.scan.session}" if task.scan.session else "n/a",
            "status": self.status,
            "flags": SEPARATOR.join(self.flags),
            "error": " ".join(self.error.split()),
            "seconds": round(self.seconds, 2),
            "attempts": self.about.get("attempts", ""),
            "folder": task.scan.place.as_posix(),
            **(numbers_of(self.record) if self.record else {}),
        }


def rows_of(tasks: Sequence[Task], outcomes: Mapping[str, Outcome]) -> list[Row]:
    """Gather what is known of all scans, and compare those that are done.

    Parameters
    ----------
    tasks
        All of the cohort.
    outcomes
        By name, as far as tasks have ended.
    """
    rows = [_row(task, outcomes.get(task.name)) for task in tasks]
    done = [row for row in rows if row.record]
    flags = find_outliers([numbers_of(row.record) for row in done])
    odd = {row.task.name: tuple(map(str, found)) for row, found in zip(done, flags, strict=True)}
    return [_flagged(row, odd.get(row.task.name, ())) for row in rows]


def _row(task: Task, outcome: Outcome | None) -> Row:
    status: Status = "stopped" if outcome is None else outcome.status
    if status in ("failed", "stopped"):
        return Row(task, status, "" if outcome is None else outcome.error)
    try:
        return Row(task, status, record=read_json(task.record, "record of a fit"))
    except InputError as error:
        return Row(task, "failed", str(error))


def fitted_before(task: Task) -> bool:
    """Whether a record says that a scan was fitted as is asked for; nothing is looked at again."""
    try:
        told = read_json(task.record, "record of a fit").get(SECTION)
    except InputError:
        return False
    return isinstance(told, Mapping) and told.get("asked") == task.request.identity


def _flagged(row: Row, odd: tuple[str, ...]) -> Row:
    return Row(row.task, row.status, row.error, row.record, (*_warnings(row.record), *odd))


def _warnings(record: Mapping[str, Any]) -> list[str]:
    """What is doubtful about a fit whatever the others are like."""
    if not record:
        return []
    numbers = numbers_of(record)
    ratio = numbers["error_over_noise"]
    said = []
    if ratio > MISFIT or ratio < DENOISED:
        said.append(f"error is {ratio:.2f} times the noise")
    bounds = {key.removeprefix("bound_"): share for key, share in numbers.items() if key.startswith("bound_")}
    said += [f"{100 * share:.0f} % of {symbol} at a bound" for symbol, share in bounds.items() if share >= NOTABLE]
    warned = record.get(SECTION, {}).get("warnings", ())
    return said + [str(what).lower() for what in warned]
