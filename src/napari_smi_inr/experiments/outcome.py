"""What an experiment found, and what its presentation may draw on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..estimation.estimate import Estimate
from .lab import Lab
from .plan import MeasuredScan, Run, Scan, SimulatedScan
from .scores import Row, columns_of, score_maps
from .settings import ExperimentSettings
from .source import TrueDataset
from .tables import write_csv


@dataclass(frozen=True, eq=False)
class Result:
    """A fit that was run.

    Attributes
    ----------
    run
        What was asked.
    estimate
        What came out.
    seconds
        How long it took.
    n_voxels
        Voxels fitted.
    """

    run: Run
    estimate: Estimate
    seconds: float
    n_voxels: int


@dataclass(eq=False)
class Outcome:
    """Everything an experiment gave.

    Attributes
    ----------
    settings, lab, folder
        What was asked, where the scans come from, and where everything goes.
    announce
        Takes a line that tells what is being done.
    results
        The fits, in the order of the plan.
    refused
        Why fits could not be done, by the title of the run and its scan.
    metrics
        Rows of ``metrics.csv``.
    files
        Tables written.
    """

    settings: ExperimentSettings
    lab: Lab
    folder: Path
    announce: Callable[[str], object] = lambda words: None
    results: list[Result] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    metrics: list[Row] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Take in a fit, scored where its truth is known."""
        self.results.append(result)
        if isinstance(result.run.scan, SimulatedScan):
            self.metrics += score_maps(result.run, result.estimate.maps(), self.truth_maps(result.run.scan))

    def truth_maps(self, scan: SimulatedScan) -> dict[str, NDArray[np.float32]]:
        """(X, Y, Z) true maps of a simulated scan by symbol."""
        return self.true_dataset(scan).truth_maps()

    def true_dataset(self, scan: SimulatedScan) -> TrueDataset:
        """A simulated scan with its truth."""
        dataset = self.lab.dataset(scan)
        assert isinstance(dataset, TrueDataset)
        return dataset

    def of(self, scan: Scan) -> list[Result]:
        """Fits of one scan."""
        return [result for result in self.results if result.run.scan == scan]

    @property
    def simulated(self) -> list[SimulatedScan]:
        """Simulated scans that were fitted, in order."""
        return list(dict.fromkeys(r.run.scan for r in self.results if isinstance(r.run.scan, SimulatedScan)))

    @property
    def measured(self) -> list[MeasuredScan]:
        """Real scans that were fitted, in order."""
        return list(dict.fromkeys(r.run.scan for r in self.results if isinstance(r.run.scan, MeasuredScan)))

    def write(self, name: str, rows: Iterable[Row], first: Sequence[str] = ()) -> Path:
        """Write a table beside the report."""
        kept = list(rows)
        path = write_csv(self.folder / name, kept, columns_of(kept, first))
        self.files.append(path)
        return path
