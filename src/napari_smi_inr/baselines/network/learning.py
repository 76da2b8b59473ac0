"""How a network comes about: seeds from the scan, a simulated training set, training."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...dataset import DiffusionDataset
from ...estimation.estimate import Estimate
from ...estimation.record import provenance
from ...estimation.step import STEP_SECONDS, Losses, Step
from ..course import Course
from .cache import Kept, digest, scan_digest
from .config import NetworkConfig
from .model import TrainedNetwork
from .seeds import find_seeds
from .tissue import TARGETS, in_bounds, mixed_tissue
from .training import Training
from .training_set import TrainingSet, simulate_set

_SEEDING = 0.5
"""Share of the first phase that the NLLS fits take."""

Preview = Callable[[TrainedNetwork | None], Estimate]
"""What a network makes of the scan; nothing before there is one."""


def learn(
    dataset: DiffusionDataset, config: NetworkConfig, snr: float, device: torch.device, course: Course, preview: Preview
) -> Generator[Step, None, Kept]:
    """Train a network for a scan's protocol: the phases ``"training set"`` and ``"training"``.

    Parameters
    ----------
    dataset, config
        The scan and what to do.
    snr
        Of the training set.
    device
        Where to train.
    course
        The clock of the whole fit.
    preview
        Makes the steps' results.
    """

    def making(parts: Generator[float, None, Any], begin: float, end: float) -> Generator[Step, None, Any]:
        """Steps of the first phase from one share of it to another."""
        shares = course.working(parts)
        while True:
            try:
                share = next(shares)
            except StopIteration as finished:
                return finished.value
            yield course.step("training set", begin + share * (end - begin), Losses(), lambda: preview(None))

    seeding = _SEEDING if config.brain > 0 else 0.0
    parents = np.empty((0, len(TARGETS)))
    if seeding:
        parents = yield from making(find_seeds(dataset, config), 0.0, seeding)
    rng = np.random.default_rng(config.seed)
    tissue = mixed_tissue(config.vectors, parents, config.brain, rng)
    learnt: TrainingSet = yield from making(simulate_set(tissue, dataset.acquisition, snr, rng), seeding, 1.0)
    training = Training(learnt, config, device)
    for share in course.working(_advance(training)):
        yield course.step("training", share, training.losses, lambda: preview(training.best()))
    seeds = parents.astype(np.float32)
    story = _story(training, learnt, snr, course.worked, provenance(dataset, device))
    return Kept(training.best(), seeds, {**story, "seeds": _origin(seeds, dataset)})


def _advance(training: Training) -> Generator[float, None, None]:
    """Train step by step; the share done."""
    while not training.finished:
        training.advance(STEP_SECONDS)
        yield 1.0 if training.finished else training.done / training.end


def _story(training: Training, learnt: TrainingSet, snr: float, seconds: float, made: dict[str, Any]) -> dict[str, Any]:
    """What to know of a training, for the record."""
    return {
        "vectors": {"training": learnt.n_train, "validation": len(learnt.targets) - learnt.n_train},
        "snr": snr if np.isfinite(snr) else "inf",
        "epochs": round(training.epoch, 2),
        "best_epoch": training.best_epoch,
        "validation_rms": training.best_error,
        "seconds": round(seconds, 1),
        "device": made["device"],
        "versions": made["versions"],
    }


def _origin(seeds: NDArray[np.float32], dataset: DiffusionDataset) -> dict[str, Any] | None:
    """Which fits seeded the training set, and those of which scan; None where it was uniform by request."""
    if not len(seeds):
        return None
    return {
        "nlls_fits": len(seeds),
        "within_bounds": int(in_bounds(seeds).sum()),
        "digest": digest(seeds),
        "scan": scan_digest(dataset),
        "inputs": dict(dataset.checksums),
    }
