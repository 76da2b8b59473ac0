"""Which scan to fit, as asked: files, or a dataset that is already there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...checks import Finding, check_scan, concerning, with_findings
from ...checks.loading import load
from ...dataset import DiffusionDataset
from ...io.noise import Noise
from ...io.scan import Beside


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
    mask, bval, bvec, bdelta, noise, grad_dev, bvec_axes
        As for :func:`napari_smi_inr.load`.
    """

    scan: Path | DiffusionDataset
    mask: Path | None = None
    bval: Path | None = None
    bvec: Path | None = None
    bdelta: Path | None = None
    noise: Noise = None
    grad_dev: Path | None = None
    bvec_axes: str = ""

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
        files = Beside(bval=self.bval, bvec=self.bvec, bdelta=self.bdelta, noise=self.noise, grad_dev=self.grad_dev)
        return load(self.scan, self.mask, bvec_axes=self.bvec_axes, check=False, **files)

    def load_checked(self) -> CheckedScan:
        """Read everything, and look for what would make a fit silently wrong.

        Raises
        ------
        InputError
            As :func:`napari_smi_inr.load`.
        """
        dataset = self.load()
        return CheckedScan(dataset, check_scan(dataset))
