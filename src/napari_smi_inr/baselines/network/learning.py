"""How a network comes about: seeds from the scan, a simulated training set, training."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...dataset import DiffusionDataset
from ...estimation.estimate import Estimate
from ...estimation.record import provenance
from ...estimation.step import STEP_SECONDS, Losses, Step
from ...inr.state import State
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


class Learning:
    """Trains a network for a scan's protocol: the phases ``"training set"`` and ``"training"``.

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
    blamed
        Within it, what goes wrong is the fault of a state to go on from.
    """

    def __init__(
        self,
        dataset: DiffusionDataset,
        config: NetworkConfig,
        snr: float,
        device: torch.device,
        course: Course,
        preview: Preview,
        blamed: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._dataset, self._config, self._snr, self._device = dataset, config, snr, device
        self._course, self._preview, self._blamed = course, preview, blamed
        self._parents = None if config.brain > 0 else np.empty((0, len(TARGETS)))
        self._training: Training | None = None
        self._begun: State | None = None  # a training to go on with, once its training set is there again

    def steps(self) -> Generator[Step, None, Kept]:
        """Do what is left to do."""
        seeding = _SEEDING if self._config.brain > 0 else 0.0
        if self._parents is None:
            self._parents = yield from self._making(find_seeds(self._dataset, self._config), 0.0, seeding)
        learnt = yield from self._simulated(self._parents, seeding)
        training = Training(learnt, self._config, self._device)
        if self._begun is not None:
            with self._blamed():
                training.restore(self._begun)
        self._training, self._begun = training, None
        for share in self._course.working(_advance(training)):
            yield self._course.step("training", share, training.losses, lambda: self._preview(training.best()))
        seeds = self._parents.astype(np.float32)
        made = provenance(self._dataset, self._device)
        story = _story(training, learnt, self._snr, self._course.worked, made)
        return Kept(training.best(), seeds, {**story, "seeds": _origin(seeds, self._dataset)})

    def state(self) -> State:
        """The seeds and the training, as far as they are there; the training set follows from seeds and settings."""
        training = self._begun if self._training is None else self._training.state()
        parts = {} if training is None else {"training": training}
        if self._parents is not None:
            parts["seeds"] = State({"parents": torch.from_numpy(self._parents)}, {})
        return State.of(parts)

    def restore(self, state: State) -> None:
        """Go on from another state of the same fit.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is not one; what a training is, is looked at once it goes on.
        """
        if "seeds" in state.numbers:
            parents = state.part("seeds").tensors["parents"]
            shape = (len(parents), len(TARGETS))
            self._parents = state.part("seeds").tensor("parents", shape, torch.float64).numpy()
        if "training" in state.numbers:
            self._begun = state.part("training")
            if not 0 < self._begun.count("done") <= self._begun.count("end"):
                raise ValueError("its training is of another length")

    def _simulated(self, parents: NDArray[np.float64], begin: float) -> Generator[Step, None, TrainingSet]:
        """The training set; equal every time, and quick beside the training."""
        rng = np.random.default_rng(self._config.seed)
        tissue = mixed_tissue(self._config.vectors, parents, self._config.brain, rng)
        made: TrainingSet = yield from self._making(
            simulate_set(tissue, self._dataset.acquisition, self._snr, rng), begin, 1.0
        )
        return made

    def _making(self, parts: Generator[float, None, Any], begin: float, end: float) -> Generator[Step, None, Any]:
        """Steps of the first phase from one share of it to another."""
        shares = self._course.working(parts)
        while True:
            try:
                share = next(shares)
            except StopIteration as finished:
                return finished.value
            yield self._step(begin + share * (end - begin))

    def _step(self, share: float) -> Step:
        """A step of the first phase; or, where that is only done again, of the second, where it will go on."""
        phase = "training set"
        if self._begun is not None:
            phase, share = "training", self._begun.count("done") / self._begun.count("end")
        return self._course.step(phase, share, Losses(), lambda: self._preview(None))


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
