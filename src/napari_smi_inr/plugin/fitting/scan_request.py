"""Which scan to fit, as asked: files, or a dataset that is already there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...checks import Finding, check_scan, concerning, with_findings
from ...checks.loading import load
from ...dataset import DiffusionDataset
from ...io.noise import Noise
from ...io.shapes import Shape


@dataclass(frozen=True, eq=False)
class CheckedScan:
    """A scan, and what checks of it found."""

    dataset: DiffusionDataset
    findings: tuple[Finding, ...]

    def recorded(self, loss: str) -> DiffusionDataset:
        """The scan with what concerns a fit with this loss, for its record."""
        return with_findings(self.dataset, concerning(self.findings, loss))


@dataclass(frozen=True)
class ScanRequest:
    """A scan to load.

    Attributes
    ----------
    scan
        The 4-D NIfTI, or the dataset itself; everything else is then left out of account.
    mask, bval, bvec, bdelta, noise, grad_dev, bvec_axes, gradients, b0_threshold
        As for :func:`napari_smi_inr.load`; of several series, the files are those of the first.
    more
        Further series of the same subject, whose protocols lie beside them.
    """

    scan: Path | DiffusionDataset
    mask: Path | None = None
    bval: Path | None = None
    bvec: Path | None = None
    bdelta: Shape | None = None
    noise: Noise = None
    grad_dev: Path | None = None
    bvec_axes: str = ""
    gradients: Path | None = None
    b0_threshold: float | None = None
    more: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """First part of the names of files made from it."""
        return self.scan.name.split(".")[0] if isinstance(self.scan, Path) else "phantom"

    def load(self) -> DiffusionDataset:
        """Read and check everything.

        Raises
        ------
        InputError
            As :func:`napari_smi_inr.load`.
        """
        if isinstance(self.scan, DiffusionDataset):
            return self.scan
        tables: dict[str, Any] = {"bval": self.bval, "bvec": self.bvec, "bdelta": self.bdelta}
        tables["gradients"] = self.gradients
        if self.more:
            rest = [None] * len(self.more)
            tables = {name: None if file is None else [file, *rest] for name, file in tables.items()}
        return load(
            [self.scan, *self.more],
            self.mask,
            **tables,
            noise=self.noise,
            grad_dev=self.grad_dev,
            bvec_axes=self.bvec_axes,
            b0_threshold=self.b0_threshold,
            check=False,
        )

    def load_checked(self) -> CheckedScan:
        """Read everything, and look for what would make a fit silently wrong.

        Raises
        ------
        InputError
            As :func:`napari_smi_inr.load`.
        """
        dataset = self.load()
        return CheckedScan(dataset, check_scan(dataset))
