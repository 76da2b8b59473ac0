"""The fit, as a generator: whoever drives it decides when to look, pause or stop."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import torch

from ..dataset import DiffusionDataset
from .config import FitConfig
from .device import resolve_device
from .field import FittedField
from .model import published_detail
from .problem import Losses, Problem
from .trainer import Trainer, batches_per_epoch

STEP_SECONDS = 0.1
"""Work done between two yields: short enough to stop, pause or draw at once."""

DETAILS = (2.0, 4.0, 8.0)
"""Details tried by ``detail="auto"``, in voxels."""

DEFAULT_DETAIL = 4.0
"""Detail, in voxels, where nothing is held out to choose by."""

PROBE_SHARE = 0.2
"""Length of one probe as a share of the fit's epochs."""

Phase = Literal["detail", "fit"]


@dataclass(frozen=True, eq=False)
class FitStep:
    """Where a fit stands.

    Attributes
    ----------
    phase
        ``"detail"`` while lengths are tried, ``"fit"`` for the fit itself.
    iteration, n_iterations
        Batches done and planned, over all phases.
    epoch
        Passes over the voxels done in this phase.
    losses
        The three curves, as of the last full epoch.
    elapsed, remaining
        Seconds worked, and expected until the end.
    detail
        Finest detail [mm] of the network being trained.
    """

    phase: Phase
    iteration: int
    n_iterations: int
    epoch: float
    losses: Losses
    elapsed: float
    remaining: float
    detail: float
    _field: Callable[[], FittedField] = field(repr=False)

    @property
    def fraction(self) -> float:
        """Share of the work done, 0 to 1."""
        return self.iteration / self.n_iterations

    def field(self) -> FittedField:
        """The best field so far: a copy, safe to keep while the fit goes on."""
        return self._field()


def fit_steps(dataset: DiffusionDataset, config: FitConfig) -> Iterator[FitStep]:
    """Fit, one short step at a time.

    The caller owns the loop: leave it to stop, wait in it to pause. A step takes about
    :data:`STEP_SECONDS`, longer only where one batch does.

    Parameters
    ----------
    dataset
        The scan.
    config
        What to do; equal configs give equal fields on one machine.

    Yields
    ------
    FitStep
        Progress, and on demand the best field so far. The last one holds the result.

    Raises
    ------
    InputError
        If the device or the noise level asked for is not there.
    """
    run = _Run(dataset, config)
    detail = yield from run.choose_detail()
    yield from run.train(detail, config.epochs, "fit")


class _Run:
    """One fit from beginning to end: its plan, its clock, and the trainers it goes through."""

    def __init__(self, dataset: DiffusionDataset, config: FitConfig) -> None:
        self.dataset, self.config = dataset, config
        self.problem = Problem(dataset, config, resolve_device(config.device))
        self.worked = 0.0
        self.done = 0
        self.tried: dict[float, float] = {}
        self.candidates = self._candidates()
        self.probe_epochs = max(1, round(PROBE_SHARE * config.epochs))

    def _candidates(self) -> list[float]:
        """Details [mm] to choose from."""
        if self.config.detail == "field-of-view":
            return [published_detail(self.dataset.shape, self.dataset.voxel_size)]
        if self.config.detail != "auto":
            return [self.config.detail]
        voxel = float(np.cbrt(np.prod(self.dataset.voxel_size)))
        voxels = DETAILS if self.problem.held.any() else (DEFAULT_DETAIL,)
        return [voxel * d for d in voxels]

    def choose_detail(self) -> Generator[FitStep, None, float]:
        """Try each candidate for a few epochs; returns the one that predicts the held-out volumes best."""
        if len(self.candidates) == 1:
            return self.candidates[0]
        batches = batches_per_epoch(self.problem.n_voxels, self.config.batch_size)
        later = batches * (len(self.candidates) * self.probe_epochs + self.config.epochs)
        for detail in self.candidates:
            later -= batches * self.probe_epochs
            self.tried[detail] = yield from self.train(detail, self.probe_epochs, "detail", later)
        return min(self.tried, key=lambda detail: self.tried[detail])

    def train(self, detail: float, epochs: int, phase: Phase, later: int = 0) -> Generator[FitStep, None, float]:
        """Train one network, with so many batches of others to come; returns its lowest held-out error."""
        trainer = Trainer(self.problem, self.config, detail, epochs)
        before = self.done
        while not trainer.finished:
            started = time.perf_counter()
            trainer.advance(STEP_SECONDS)
            self.done = before + trainer.done
            self.worked += time.perf_counter() - started  # a pause of the caller's is not the fit's work
            yield self._step(trainer, phase, later)
        return trainer.best_error

    def _step(self, trainer: Trainer, phase: Phase, later: int) -> FitStep:
        left = trainer.schedule.end - trainer.done + later
        return FitStep(
            phase=phase,
            iteration=self.done,
            n_iterations=self.done + left,
            epoch=trainer.epoch,
            losses=trainer.losses,
            elapsed=self.worked,
            remaining=self.worked * left / self.done,
            detail=trainer.detail,
            _field=lambda: self._field(trainer),
        )

    def _field(self, trainer: Trainer) -> FittedField:
        """The trainer's best network with all that is needed to use it without the scan."""
        return FittedField(
            model=trainer.best_model(),
            config=self.config,
            detail=trainer.detail,
            affine=self.dataset.affine,
            mask=self.dataset.mask,
            scale=self.problem.scale,
            acquisition=self.dataset.acquisition,
            record=_record(self.dataset, self.problem.points.device),
            training=self._report(trainer),
        )

    def _report(self, trainer: Trainer) -> dict[str, Any]:
        scale = self.problem.scale
        return {
            "epochs": round(trainer.epoch, 2),
            "held_out_volumes": np.flatnonzero(self.problem.held).tolist(),
            "held_out_rmse": scale * trainer.best_error,
            "details_tried": {f"{detail:.3g} mm": scale * error for detail, error in self.tried.items()},
        }


def _record(dataset: DiffusionDataset, device: torch.device) -> dict[str, Any]:
    """Provenance: who made this, with what, from what."""
    packages = ("napari-smi-inr", "torch", "numpy")
    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "device": str(device),
        "inputs": dict(dataset.checksums),
        "notes": list(dataset.notes),
    }
