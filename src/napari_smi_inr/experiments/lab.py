"""The scans of one run of an experiment, made or read when first asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..errors import InputError
from ..io.scan import load_scan
from ..simulation.protocol import paper_protocol
from .catalogue import find_experiment
from .plan import MeasuredScan, Scan, SimulatedScan
from .settings import ExperimentSettings
from .source import PhantomSource, Source, TrueDataset

LEFT_OUT = 0.1
"""Share of the volumes of a real scan that a fit is not shown."""

_KEPT = 2
"""Scans held in memory at a time."""


class Lab:
    """Provides scans.

    Parameters
    ----------
    settings
        Which truth, which scan, which seed.
    folder
        Where a truth that takes long to make is kept.
    """

    def __init__(self, settings: ExperimentSettings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self._made: dict[Scan, DiffusionDataset] = {}

    @cached_property
    def source(self) -> Source:
        """The truth."""
        settings = self.settings
        if settings.truth:
            from .truth_folder import read_truth

            return read_truth(settings.truth).cut_to(settings.truth_voxels)
        if settings.from_scan:
            from .truth_scan import kept_truth

            return kept_truth(self.original, settings, self.folder / "truth" / "from_scan")
        assert settings.truth_voxels is not None  # only maps have a size of their own
        return PhantomSource(settings.truth_voxels)

    @cached_property
    def brain(self) -> DiffusionDataset:
        """The scan of a living brain, cut to the size asked for.

        Raises
        ------
        InputError
            If none was given, or it cannot be read.
        """
        if self.settings.scan is None:
            raise InputError("scan", "was not given, and this experiment is about one.", "Give --scan DWI.")
        from .middle import middle_of

        whole = load_scan(**self.settings.scan.given)
        n = self.settings.voxels or (self.settings.truth_voxels if self.settings.quick else None)
        return whole if n is None else middle_of(whole, n)

    @property
    def description(self) -> str:
        """What is studied, in words."""
        told = []
        if self.settings.scan:
            brain = self.brain
            told.append(f"A real scan, {Path(self.settings.scan.dwi).name}, {brain.n_voxels:,} voxels")
        if not find_experiment(self.settings.experiment).needs_scan:
            told.append(f"Simulated from {self.source.description}")
        return "; ".join(told)

    @property
    def notes(self) -> list[str]:
        """What was detected, assumed or left out."""
        told = list(self.source.notes) if not find_experiment(self.settings.experiment).needs_scan else []
        return told + (list(self.brain.notes) if self.settings.scan else [])

    @cached_property
    def voxel_edge(self) -> float:
        """Edge of a voxel of the truth [mm], the cube root of its volume."""
        dataset = self.dataset(SimulatedScan(lmax=self.settings.lmax))
        return float(np.cbrt(np.prod(dataset.voxel_size)))

    @cached_property
    def half_width(self) -> float:
        """Half of the longest side of the truth's grid [mm]."""
        dataset = self.dataset(SimulatedScan(lmax=self.settings.lmax))
        return float(np.max(dataset.voxel_size * dataset.shape) / 2)

    def inputs(self) -> dict[str, str]:
        """SHA-256 of every file that is read, by name."""
        sums: dict[str, str] = {}
        if self.settings.truth:
            sums |= self.source.checksums
        if self.settings.from_scan:
            sums |= self.original.checksums
        if self.settings.scan:
            sums |= self.brain.checksums
        return sums

    @cached_property
    def original(self) -> DiffusionDataset:
        """The scan that the truth is made from."""
        assert self.settings.from_scan is not None
        return load_scan(**self.settings.from_scan.given)

    def dataset(self, scan: Scan) -> DiffusionDataset:
        """A scan; the last few are kept."""
        if scan not in self._made:
            while len(self._made) >= _KEPT:
                self._made.pop(next(iter(self._made)))
            self._made[scan] = self._measure(scan) if isinstance(scan, MeasuredScan) else self.simulated(scan)
        return self._made[scan]

    def simulated(self, scan: SimulatedScan) -> TrueDataset:
        """A scan of the truth."""
        protocol = paper_protocol(self.settings.seed)
        return self.source.scan(scan, protocol, self.settings.seed)

    def _measure(self, scan: MeasuredScan) -> DiffusionDataset:
        whole = self.brain
        if scan.part == "volumes":
            kept = ~self.left_out_volumes
            return replace(whole, signal=whole.signal[..., kept], acquisition=whole.acquisition.select(kept))
        if scan.part == "voxels":
            return replace(whole, mask=whole.mask & ~self.left_out_voxels)
        return whole

    @cached_property
    def left_out_volumes(self) -> NDArray[np.bool_]:
        """(V,) a random tenth of the real scan's diffusion-weighted volumes."""
        acquisition = self.brain.acquisition
        weighted = np.flatnonzero(~acquisition.is_b0)
        chosen = np.random.default_rng(self.settings.seed).permutation(weighted)
        left_out = np.zeros(acquisition.n_volumes, dtype=bool)
        left_out[chosen[: max(1, round(LEFT_OUT * acquisition.n_volumes))]] = True
        return left_out

    @cached_property
    def left_out_voxels(self) -> NDArray[np.bool_]:
        """(X, Y, Z) every other voxel of the real scan's mask, as on a checkerboard."""
        odd = np.asarray(np.indices(self.brain.shape).sum(axis=0) % 2 == 1)
        return np.asarray(self.brain.mask & odd)
