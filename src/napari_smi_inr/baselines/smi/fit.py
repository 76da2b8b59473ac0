"""Fit the Standard Model voxel by voxel with SMI (Coelho et al. 2022, NeuroImage 257:119290)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from ...dataset import DiffusionDataset
from ...estimation.device import double_precision_device
from ...estimation.step import Losses, Step
from ..course import Course
from ..voxel_run import VoxelRun
from .config import SmiConfig
from .learning import Learning
from .solver import Solver

_PHASES = {"training": 0.5, "fit": 0.5}


def smi_steps(dataset: DiffusionDataset, config: SmiConfig) -> Iterator[Step]:
    """Fit by polynomial regression from rotational invariants, learnt from simulated voxels of the same protocol.

    Parameters
    ----------
    dataset
        The scan. Its noise level is taken, or found from repeated b = 0 volumes, or else by MP-PCA. Non-uniform
        gradients cannot be accounted for: they are taken for uniform, and the result's ``training`` says so.
    config
        What to do; equal settings give equal results on one machine.

    Yields
    ------
    Step
        Progress in the phases ``"training"`` and ``"fit"``; the last one holds the result.

    Raises
    ------
    InputError
        If the protocol has too few shells or directions, or the noise level cannot be found.
    """
    began = time.perf_counter()
    device = double_precision_device(config.device)
    course = Course(_PHASES)
    run = VoxelRun(dataset, config, device)
    solver = Solver(dataset, config, run.training)
    run.noise = solver.sigma
    learning = Learning(solver.invariants, np.unique(solver.levels).tolist(), config, device)
    course.worked = time.perf_counter() - began  # finding the noise level can take long
    for share in course.working(share for share in learning.steps()):
        yield course.step("training", share, Losses(), run.result)
    solver.take(learning)
    for step in course.working(step for step in run.steps(solver)):
        yield course.step("fit", step.fraction, step.losses, step.field)
