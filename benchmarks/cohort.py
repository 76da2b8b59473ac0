"""What a cohort costs beside its fits: ``python benchmarks/cohort.py``.

Hands out scans that take no time to one worker and counts what the scheduler needs for each; writes reports of cohorts
of growing size from one record and one picture; and looks at the time of finding scans by their names.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np

from napari_smi_inr.cohort import fitting
from napari_smi_inr.cohort.cluster import workers
from napari_smi_inr.cohort.cluster_options import ClusterOptions
from napari_smi_inr.cohort.finished import FinishedCohort
from napari_smi_inr.cohort.report import write_cohort_report
from napari_smi_inr.cohort.rows import COLUMNS, rows_of
from napari_smi_inr.cohort.scans import Scan, find_scans
from napari_smi_inr.cohort.task import Outcome, Request, Task
from napari_smi_inr.experiments.tables import write_csv
from napari_smi_inr.methods import make_settings


def nothing(task: Task) -> Outcome:
    return Outcome(task.name, "fitted")


def tasks(out: Path, n: int) -> list[Task]:
    request = Request(out, make_settings("inr").model_dump(mode="json"))
    root = Path("/data/qsiprep")
    names = [f"sub-{number:05}" for number in range(n)]
    return [Task(Scan(root, root / s / "dwi" / f"{s}_space-ACPC_desc-preproc_dwi.nii.gz"), request) for s in names]


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def scheduler(out: Path, sizes: list[int]) -> None:
    with patch.object(fitting, "fit_scan", nothing), workers(ClusterOptions(workers=1), "cpu", out) as pool:
        list(fitting.fit_all(pool, tasks(out, 10), lambda: False))
        for n in sizes:
            given, before = tasks(out / str(n), n), time.process_time()
            began = time.perf_counter()
            answers = sum(1 for _ in fitting.fit_all(pool, given, lambda: False))
            wall, cpu = time.perf_counter() - began, time.process_time() - before
            print(
                f"scheduler: {answers} scans, {1e3 * wall / n:.2f} ms each, of it {1e3 * cpu / n:.2f} ms of this "
                f"processor; peak memory {megabytes():.0f} MB"
            )


def report(out: Path, finished: Path, sizes: list[int]) -> None:
    first = next(entry for entry in FinishedCohort.open(finished).entries if entry.done)
    picture = next(finished.glob(f"sub-*/figures/{first.name}*.png")).read_bytes()
    text = next(first.folder.glob(f"{first.name}*_quality.json")).read_bytes()
    sizes_kb = len(text) / 1e3, len(picture) / 1e3
    print("report: a record has {:.1f} kB, a picture {:.1f} kB".format(*sizes_kb))
    for n in sizes:
        given = tasks(out / f"report-{n}", n)
        for task in given:
            for path, content in ((task.record, text), (task.picture, picture)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        began = time.perf_counter()
        rows = rows_of(given, {task.name: Outcome(task.name, "fitted") for task in given})
        gathered = time.perf_counter() - began
        write_csv(given[0].request.out / "cohort.csv", [row.cells() for row in rows], COLUMNS)
        rows = [
            dataclasses.replace(row, flags=("odd",)) if odd else row for row, odd in zip(rows, _some(n), strict=True)
        ]
        path = write_cohort_report(given[0].request.out / "report.html", rows, "benchmark", given[0].request.identity)
        wall = time.perf_counter() - began
        print(
            f"report: {n} scans, {wall:.2f} s ({gathered:.2f} s to gather records, {1e3 * wall / n:.2f} ms a scan), "
            f"{path.stat().st_size / 1e6:.2f} MB; peak memory {megabytes():.0f} MB"
        )


def _some(n: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=n) < 0.05


def finding(out: Path, n: int) -> None:
    for task in tasks(out, n):
        folder = out / "bids" / task.scan.dwi.parent.relative_to("/data/qsiprep")
        folder.mkdir(parents=True)
        for ending in (".nii.gz", ".bval", ".bvec", ".json"):
            (folder / task.scan.dwi.name.replace(".nii.gz", ending)).touch()
    began = time.perf_counter()
    found = len(find_scans(out / "bids"))
    print(f"finding: {found} scans, {1e3 * (time.perf_counter() - began) / n:.3f} ms each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "finished", type=Path, help="folder of a fitted cohort, whose first record and picture are taken"
    )
    parser.add_argument("--only", choices=("finding", "scheduler", "report"), help="one of the three")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.only in (None, "finding"):
            finding(Path(folder), max(args.sizes))
        if args.only in (None, "scheduler"):
            scheduler(Path(folder), args.sizes)
        if args.only in (None, "report"):
            report(Path(folder), args.finished, args.sizes)


if __name__ == "__main__":
    main()
