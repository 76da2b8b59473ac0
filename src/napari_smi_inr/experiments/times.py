"""Table 3: how long fits take, on the machine at hand."""

from __future__ import annotations

from .outcome import Outcome, Result
from .published import TIMED_ON, TIMED_VOXELS, TIMES
from .report import Section
from .scores import Row
from .tables import listing

COLUMNS = ("method", "run", "scan", "lmax", "voxels", "seconds", "seconds_per_1000_voxels", "paper_seconds")


def times_section(outcome: Outcome) -> Section:
    """Tell the time of every fit, and write ``times.csv``."""
    rows = [_row(result) for result in outcome.results]
    outcome.write("times.csv", rows, COLUMNS)
    shown = [
        (r.run.title, row["scan"], str(row["lmax"]), f"{row['voxels']:,}", f"{row['seconds']:.1f}", _paper(row))
        for r, row in zip(outcome.results, rows, strict=True)
    ]
    text = (
        f"The paper's INR took the time in the last column for {TIMED_VOXELS:,} voxels on {TIMED_ON} (table 3); its "
        "machine was not this one. Preparations of an estimator, such as training, count."
    )
    header = ("fit", "scan", "lmax", "voxels", "seconds here", "paper's INR")
    return Section("Fitting times", (text,), (listing("Seconds of every fit.", header, shown),))


def _row(result: Result) -> Row:
    run = result.run
    published = TIMES.get(result.estimate.lmax) if run.method == "inr" else None
    return {
        "method": run.method,
        "run": run.label,
        "scan": run.scan.title,
        "lmax": result.estimate.lmax,
        "voxels": result.n_voxels,
        "seconds": result.seconds,
        "seconds_per_1000_voxels": 1000 * result.seconds / result.n_voxels,
        "paper_seconds": "" if published is None else published,
    }


def _paper(row: Row) -> str:
    return f"{row['paper_seconds']:.0f}" if row["paper_seconds"] != "" else "–"
