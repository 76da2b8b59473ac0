"""Fit the Standard Model voxel by voxel with SMI (Coelho et al. 2022, NeuroImage 257:119290)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from ...dataset import DiffusionDataset
from ...estimation.device import double_precision_device
from ...estimation.keep import Keep
from ...estimation.step import Losses, Step
from ...inr.checkpoint import Checkpoints
from ...inr.state import State
from ..course import Course
from ..voxel_run import VoxelRun
from .config import SmiConfig
from .learning import Learning
from .solver import Solver

_PHASES = {"training": 0.5, "fit": 0.5}


def smi_steps(dataset: DiffusionDataset, config: SmiConfig, keep: Keep | None = None) -> Iterator[Step]:
    """Fit by polynomial regression from rotational invariants, learnt from simulated voxels of the same protocol.

    Parameters
    ----------
    dataset
        The scan. Its noise level is taken, or found from repeated b = 0 volumes, or else by MP-PCA. Non-uniform
        gradients cannot be accounted for: they are taken for uniform, and the result's ``training`` says so.
    config
        What to do; equal settings give equal results on one machine.
    keep
        Where what is learnt and the voxels done are kept now and then, and when the fit is left before its end; one
        that goes on from there learns and fits the rest.

    Yields
    ------
    Step
        Progress in the phases ``"training"`` and ``"fit"``; the last one holds the result.

    Raises
    ------
    InputError
        If the protocol has too few shells or directions, the noise level cannot be found, or what is to be resumed is
        missing, or of another fit.
    """
    began = time.perf_counter()
    fit, checkpoints = _Fit(dataset, config), Checkpoints(keep, dataset, config)
    before = checkpoints.go_on(fit.restore)
    fit.course.worked = before + time.perf_counter() - began  # finding the noise level can take long
    yield from checkpoints.follow(fit.steps(), fit.state)


class _Fit:
    """One fit: what it learns, and its voxels."""

    def __init__(self, dataset: DiffusionDataset, config: SmiConfig) -> None:
        device = double_precision_device(config.device)
        self.course = Course(_PHASES)
        self._run = VoxelRun(dataset, config, device)
        self._solver = Solver(dataset, config, self._run.training, self._run.counts)
        self._run.noise = self._solver.sigma
        levels = np.unique(self._solver.levels).tolist()
        self._learning = Learning(self._solver.invariants, levels, config, device)

    def steps(self) -> Iterator[Step]:
        """Do what is left to do."""
        for share in self.course.working(share for share in self._learning.steps()):
            yield self.course.step("training", share, Losses(), self._run.result)
        self._solver.take(self._learning)
        for step in self.course.working(step for step in self._run.steps(self._solver)):
            yield self.course.step("fit", step.fraction, step.losses, step.field)

    def state(self) -> State:
        """All that the rest of the fit depends on."""
        return State.of({"learning": self._learning.state(), "voxels": self._run.state()})

    def restore(self, state: State) -> None:
        """Go on from another state of the same fit."""
        self._learning.restore(state.part("learning"))
        self._run.restore(state.part("voxels"))
