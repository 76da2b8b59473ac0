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
from ...estimation.keep import Keep
from ...estimation.step import Step
from ...estimation.voxel_fit import VoxelFit
from ...inr.checkpoint import Checkpoints
from ...inr.state import State
from ...parameters import SCALARS
from ...signal_model.spherical_harmonics import n_coefficients
from ...signal_model.standard_model import predict_signal
from ..course import Course
from ..voxel_run import LARGEST_BATCH, Solution, VoxelRun
from .cache import Cache, Kept, dependencies, kept_of, scan_digest, tensors_of
from .config import NetworkConfig
from .inputs import b0_level
from .learning import Learning
from .model import CLIPPED, TrainedNetwork
from .reading import VoxelReading, read_voxels
from .tissue import ORDER

_PHASES = {"training set": 0.15, "training": 0.82, "fit": 0.03}
"""Phases with their shares of the time, as measured with the default settings."""

_TRAINED, _FROM_BEFORE = "trained for this fit", "kept from an earlier fit"

_UNIFORM_GRADIENTS = "The network knows one protocol for all voxels: the deviation of the gradients was left aside."
_NO_SEEDS = "No NLLS fit of the scan lies within bounds: all training vectors were drawn uniformly."


def network_steps(dataset: DiffusionDataset, config: NetworkConfig, keep: Keep | None = None) -> Iterator[Step]:
    """Fit, one short step at a time.

    Parameters
    ----------
    dataset
        The scan. A deviation of its gradients is left aside, with a note.
    config
        What to do. Where a network kept from before is used, the result depends on the scan that seeded it as well,
        which the record tells; with ``cache="off"`` equal settings give equal results.
    keep
        Where the training, and then the network and the voxels done, are kept now and then, and when the fit is left
        before its end; on the processor one that goes on from there gets the same network to the last bit.

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
        If the device is not there, ``snr="auto"`` finds no noise level, or what is to be resumed is missing, or of
        another fit.
    """
    checkpoints = Checkpoints(keep, dataset, config)
    run = _Run(dataset, config, checkpoints)
    run.worked = checkpoints.go_on(run.restore)
    yield from checkpoints.follow(run.steps(), run.state)


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
    """One fit: how its network comes about, and its voxels.

    Attributes
    ----------
    worked
        Seconds that an earlier process worked on it.
    """

    def __init__(self, dataset: DiffusionDataset, config: NetworkConfig, checkpoints: Checkpoints) -> None:
        self._dataset, self._config, self._blamed = dataset, config, checkpoints.blamed
        self._device = resolve_device(config.device)
        self._snr = training_snr(dataset, config)
        self._signal, self._scale = dataset.signal[dataset.mask], dataset.scale
        self._voxels = VoxelRun(dataset, config, self._device)
        self._notes = [] if dataset.deviation is None else [_UNIFORM_GRADIENTS]
        self._learning: Learning | None = None
        self._kept: Kept | None = None  # the network, once there is one
        self._story = _FROM_BEFORE
        self._course = Course({"fit": 1.0})
        self.worked = 0.0

    def steps(self) -> Iterator[Step]:
        """Do what is left to do."""
        cache, depends = Cache(self._config.cache), dependencies(self._dataset, self._config, self._snr)
        if self._learning is None and self._kept is None:
            self._kept, note = cache.read(depends)
            self._note(note)
            if self._kept is None:
                self._learning = self._begin_learning()
        self._course.worked = self.worked
        if self._learning is not None:
            self._kept = yield from self._learning.steps()
            self._learning = None
            self._note(cache.write(depends, self._kept))  # only now: a stopped training leaves nothing behind
        assert self._kept is not None
        yield from self._read(self._kept)

    def state(self) -> State:
        """All that the rest of the fit depends on."""
        numbers = {"notes": self._notes, "story": self._story}
        parts = {"run": State({}, numbers)}
        if self._learning is not None:
            parts["learning"] = self._learning.state()
        if self._kept is not None:
            parts["network"] = State(tensors_of(self._kept), {"record": self._kept.record})
            parts["voxels"] = self._voxels.state()
        return State.of(parts)

    def restore(self, state: State) -> None:
        """Go on from another state of the same fit; networks that have been kept since then are left aside."""
        run = state.part("run").numbers
        self._notes, self._story = [str(note) for note in run["notes"]], str(run["story"])
        if self._story == _TRAINED:
            self._course = Course(_PHASES)
        if "learning" in state.numbers:
            self._learning = self._begin_learning()
            self._learning.restore(state.part("learning"))
            return
        network = state.part("network")
        self._kept = kept_of(network.tensors, network.numbers["record"], self._dataset.acquisition.n_volumes)
        self._voxels.restore(state.part("voxels"))

    def _begin_learning(self) -> Learning:
        self._course, self._story = Course(_PHASES), _TRAINED
        given = (self._dataset, self._config, self._snr, self._device)
        return Learning(*given, self._course, self._preview, self._blamed)

    def _note(self, note: str | None) -> None:
        """Remember a note, if there is one."""
        if note:
            self._notes.append(note)

    def _preview(self, network: TrainedNetwork | None) -> VoxelFit:
        """What a half-trained network makes of all voxels; of none without a network."""
        nothing = VoxelRun(self._dataset, self._config, self._device).result()
        if network is None:
            return nothing
        n = len(self._signal)
        scalars, fod = (np.empty((n, columns), dtype=np.float32) for columns in (len(SCALARS), n_coefficients(ORDER)))
        for start in range(0, n, LARGEST_BATCH):
            rows = slice(start, start + LARGEST_BATCH)
            found = read_voxels(network, self._signal[rows], self._dataset.acquisition, self._device)
            scalars[rows], fod[rows] = found.scalars, found.fod
        return replace(nothing, scalars=scalars, fod=fod, mask=self._dataset.mask)

    def _read(self, kept: Kept) -> Iterator[Step]:
        """The phase ``"fit"``."""
        run = self._voxels

        def solve(voxels: NDArray[np.intp]) -> Solution:
            found = read_voxels(kept.network, self._signal[voxels], self._dataset.acquisition, self._device)
            _count(found, run.counts)
            run.training = self._training(kept)
            return Solution(found.scalars, found.fod, self._squared_error(found, voxels))

        for step in self._course.working(step for step in run.steps(solve)):
            yield self._course.step("fit", step.fraction, step.losses, step.field)

    def _squared_error(self, found: VoxelReading, voxels: NDArray[np.intp]) -> float:
        if not self._scale > 0:
            return float("nan")
        values = dict(zip(SCALARS, found.scalars.T, strict=True))
        predicted = predict_signal(values, found.fod, self._dataset.acquisition)
        return float(np.mean(np.square((predicted - self._signal[voxels]) / self._scale)))

    def _training(self, kept: Kept) -> dict[str, Any]:
        """What the result tells of how it came about."""
        network = {"story": self._story, **kept.record}
        seeds = kept.record.get("seeds")
        if seeds is not None:
            network["seeded_by_this_scan"] = seeds["scan"] == self._own_digest
        notes = self._notes + ([_NO_SEEDS] if seeds is not None and not seeds["within_bounds"] else [])
        return {"network": network, **_told(self._voxels.counts), "notes": notes}

    @cached_property
    def _own_digest(self) -> str:
        return scan_digest(self._dataset)


def _count(found: VoxelReading, counts: dict[str, Any]) -> None:
    """Count voxels that had to be helped."""
    counts["clipped"] = (found.clipped.sum(axis=0) + counts.get("clipped", 0)).tolist()
    counts["blank"] = int(found.blank.sum()) + counts.get("blank", 0)
    counts["all"] = len(found.blank) + counts.get("all", 0)


def _told(counts: dict[str, Any]) -> dict[str, Any]:
    """Share of voxels brought within bounds by symbol, and voxels without signal at b = 0."""
    shares = (np.array(counts["clipped"]) / counts["all"]).round(4).tolist()
    return {"share_clipped": dict(zip(CLIPPED, shares, strict=True)), "voxels_without_b0": counts["blank"]}
