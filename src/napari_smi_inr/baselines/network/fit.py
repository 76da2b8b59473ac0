"""Fitting by the supervised network, step by step: simulate a training set, train, read the voxels.

After de Almeida Martins et al. 2021 (NeuroImage), in the version without relaxation that arXiv 2506.15762 compares
with. What the network sees depends on the directions of the protocol, so it is trained for one protocol and kept
for the next scan measured alike (:mod:`.cache`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dataset import DiffusionDataset
from ...errors import InputError
from ...estimation.device import resolve_device
from ...estimation.step import Step
from ...estimation.voxel_fit import VoxelFit
from ...parameters import SCALARS
from ...signal_model.spherical_harmonics import n_coefficients
from ...signal_model.standard_model import predict_signal
from ..course import Course
from ..voxel_run import LARGEST_BATCH, Solution, VoxelRun
from .cache import Cache, Kept, dependencies, scan_digest
from .config import NetworkConfig
from .inputs import b0_level
from .learning import learn
from .model import CLIPPED, TrainedNetwork
from .reading import VoxelReading, read_voxels
from .tissue import ORDER

_PHASES = {"training set": 0.15, "training": 0.82, "fit": 0.03}
"""Phases with their shares of the time, as measured with the default settings."""

_UNIFORM_GRADIENTS = "The network knows one protocol for all voxels: the deviation of the gradients was left aside."
_NO_SEEDS = "No NLLS fit of the scan lies within bounds: all training vectors were drawn uniformly."


def network_steps(dataset: DiffusionDataset, config: NetworkConfig) -> Iterator[Step]:
    """Fit, one short step at a time.

    Parameters
    ----------
    dataset
        The scan. A deviation of its gradients is left aside, with a note.
    config
        What to do. Where a network kept from before is used, the result depends on the scan that seeded it as well,
        which the record tells; with ``cache="off"`` equal settings give equal results.

    Yields
    ------
    Step
        The phases are ``"training set"`` and ``"training"``, unless a kept network is used, and ``"fit"``. In
        training, ``losses`` are root mean squares over the nine targets, each mapped to [-1, 1] by its range in
        the training set: ``data`` of the vectors trained on, ``held_out`` of those that validate. The result on
        the way is what the best network yet makes of all voxels, and empty before there is one.

    Raises
    ------
    InputError
        If the device is not there, or ``snr="auto"`` finds no noise level.
    """
    run = _Run(dataset, config)
    kept, note = run.cache.read(run.depends)
    run.note(note)
    if kept is not None:
        yield from run.read(kept, Course({"fit": 1.0}), "kept from an earlier fit")
        return
    course = Course(_PHASES)
    kept = yield from learn(dataset, config, run.snr, run.device, course, run.preview)
    run.note(run.cache.write(run.depends, kept))  # only now: a stopped training leaves nothing behind
    yield from run.read(kept, course, "trained for this fit")


def training_snr(dataset: DiffusionDataset, config: NetworkConfig) -> float:
    """SNR of the training set; ``"auto"``: the median over the mask of b = 0 signal over noise, to two digits.

    Raises
    ------
    InputError
        If it is to come from the scan, whose noise level is not known or too high.
    """
    if config.snr != "auto":
        return config.snr
    if dataset.noise is None:
        remedy = "Give the scan's noise level, or the SNR as a number."
        raise InputError("snr", "'auto' needs the noise level of the scan, and none is given.", remedy)
    noise = np.broadcast_to(np.asarray(dataset.noise, dtype=np.float64), dataset.shape)[dataset.mask]
    snr = float(np.median(b0_level(dataset.signal[dataset.mask], dataset.acquisition) / noise))
    found = config.checked(snr=float(f"{snr:.2g}")).snr  # two digits, so that scans of like quality share a network
    assert found != "auto"
    return found


class _Run:
    """One fit: its voxels, where networks are kept, and what there is to note."""

    def __init__(self, dataset: DiffusionDataset, config: NetworkConfig) -> None:
        self.dataset, self.config = dataset, config
        self.device = resolve_device(config.device)
        self.snr = training_snr(dataset, config)
        self.cache = Cache(config.cache)
        self.depends = dependencies(dataset, config, self.snr)
        self.notes = [] if dataset.deviation is None else [_UNIFORM_GRADIENTS]
        self._signal = dataset.signal[dataset.mask]
        self._scale = dataset.scale

    def note(self, note: str | None) -> None:
        """Remember a note, if there is one."""
        if note:
            self.notes.append(note)

    def preview(self, network: TrainedNetwork | None) -> VoxelFit:
        """What a half-trained network makes of all voxels; of none without a network."""
        nothing = VoxelRun(self.dataset, self.config, self.device).result()
        if network is None:
            return nothing
        n = len(self._signal)
        scalars, fod = (np.empty((n, columns), dtype=np.float32) for columns in (len(SCALARS), n_coefficients(ORDER)))
        for start in range(0, n, LARGEST_BATCH):
            rows = slice(start, start + LARGEST_BATCH)
            found = read_voxels(network, self._signal[rows], self.dataset.acquisition, self.device)
            scalars[rows], fod[rows] = found.scalars, found.fod
        return replace(nothing, scalars=scalars, fod=fod, mask=self.dataset.mask)

    def read(self, kept: Kept, course: Course, story: str) -> Iterator[Step]:
        """The phase ``"fit"``."""
        voxel_run = VoxelRun(self.dataset, self.config, self.device)
        counts = _Counts()

        def solve(voxels: NDArray[np.intp]) -> Solution:
            found = read_voxels(kept.network, self._signal[voxels], self.dataset.acquisition, self.device)
            counts.add(found)
            voxel_run.training = self._training(kept, story, counts)
            return Solution(found.scalars, found.fod, self._squared_error(found, voxels))

        for step in course.working(step for step in voxel_run.steps(solve)):
            yield course.step("fit", step.fraction, step.losses, step.field)

    def _squared_error(self, found: VoxelReading, voxels: NDArray[np.intp]) -> float:
        if not self._scale > 0:
            return float("nan")
        values = dict(zip(SCALARS, found.scalars.T, strict=True))
        predicted = predict_signal(values, found.fod, self.dataset.acquisition)
        return float(np.mean(np.square((predicted - self._signal[voxels]) / self._scale)))

    def _training(self, kept: Kept, story: str, counts: _Counts) -> dict[str, Any]:
        """What the result tells of how it came about."""
        network = {"story": story, **kept.record}
        seeds = kept.record.get("seeds")
        if seeds is not None:
            network["seeded_by_this_scan"] = seeds["scan"] == self._own_digest
        notes = self.notes + ([_NO_SEEDS] if seeds is not None and not seeds["within_bounds"] else [])
        return {"network": network, **counts.told(), "notes": notes}

    @cached_property
    def _own_digest(self) -> str:
        return scan_digest(self.dataset)


class _Counts:
    """Voxels that had to be helped."""

    def __init__(self) -> None:
        self._clipped, self._blank, self._all = np.zeros(len(CLIPPED)), 0, 0

    def add(self, found: VoxelReading) -> None:
        self._clipped += found.clipped.sum(axis=0)
        self._blank += int(found.blank.sum())
        self._all += len(found.blank)

    def told(self) -> dict[str, Any]:
        """Share of voxels brought within bounds by symbol, and voxels without signal at b = 0."""
        shares = (self._clipped / self._all).round(4).tolist()
        return {"share_clipped": dict(zip(CLIPPED, shares, strict=True)), "voxels_without_b0": self._blank}
