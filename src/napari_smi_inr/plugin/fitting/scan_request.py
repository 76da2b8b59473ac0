"""Which scan to fit, as asked: files, or a dataset that is already there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...dataset import DiffusionDataset
from ...io.noise import Noise
from ...io.scan import load_scan


@dataclass(frozen=True)
class ScanRequest:
    """A scan to load.

    Attributes
    ----------
    scan
        The 4-D NIfTI, or the dataset itself; everything else is then left out of account.
    mask, bval, bvec, bdelta, noise, grad_dev
        As for :func:`napari_smi_inr.load`.
    """

    scan: Path | DiffusionDataset
    mask: Path | None = None
    bval: Path | None = None
    bvec: Path | None = None
    bdelta: Path | None = None
    noise: Noise = None
    grad_dev: Path | None = None

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
        return load_scan(self.scan, self.mask, self.bval, self.bvec, self.bdelta, self.noise, self.grad_dev)
