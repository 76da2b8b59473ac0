"""The fit, as a generator: whoever drives it decides when to look, pause or stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..dataset import DiffusionDataset
from ..estimation.device import resolve_device
from ..estimation.record import provenance
from ..estimation.step import STEP_SECONDS, Step
from .capacity import with_capacity
from .config import FitConfig
from .details import PROBE_VOXELS, best_detail, candidate_details, middle_of, probe_config
from .field import FittedField
from .problem import Problem
from .trainer import Trainer, batches_per_epoch

Phase = Literal["detail", "fit"]


@dataclass(frozen=True, eq=False)
class FitStep(Step):
    """Where a fit of the INR stands: ``phase`` is ``"detail"`` while lengths are tried, then ``"fit"``.

    Attributes
    ----------
    epoch
        Passes over the voxels done in this phase.
    detail
        Finest detail [mm] of the network being trained.
    """

    epoch: float
    detail: float
    _field: Callable[[], FittedField] = field(repr=False)

    @property
    def label(self) -> str:
        """The phase as a plot names it."""
        return f"{self.detail:.3g} mm?" if self.phase == "detail" else self.phase

    @property
    def text(self) -> str:
        """The phase as a sentence begins."""
        return f"{'Trying' if self.phase == 'detail' else 'Fitting with'} detail {self.detail:.3g} mm"

    def field(self) -> FittedField:
        """The best field so far: a copy, safe to keep while the fit goes on.

        While details are tried, its mask holds only the voxels they are tried on.
        """
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
    yield from run.train(run.fit, detail)


@dataclass(frozen=True, eq=False)
class _Stage:
    """What one phase of a fit trains on, and how."""

    phase: Phase
    dataset: DiffusionDataset
    problem: Problem
    config: FitConfig

    @classmethod
    def of(cls, phase: Phase, dataset: DiffusionDataset, config: FitConfig) -> _Stage:
        settled = with_capacity(config, dataset.n_voxels)
        return cls(phase, dataset, Problem(dataset, settled, resolve_device(config.device)), settled)

    @property
    def batches(self) -> int:
        """Batches of the whole stage."""
        return self.config.epochs * batches_per_epoch(self.problem.n_voxels, self.config.batch_size)


class _Run:
    """One fit from beginning to end: its stages, its clock, and the details it tried."""

    def __init__(self, dataset: DiffusionDataset, config: FitConfig) -> None:
        self.dataset, self.asked = dataset, config
        self.fit = _Stage.of("fit", dataset, config)
        self.tried: dict[float, float] = {}
        self.worked = 0.0
        self.done = 0

    def choose_detail(self) -> Generator[FitStep, None, float]:
        """Try each candidate on part of the voxels; returns the detail that predicts the held-out volumes best."""
        candidates = candidate_details(self.dataset, self.asked, bool(self.fit.problem.held.any()))
        if len(candidates) == 1:
            return candidates[0]
        probe = _Stage.of("detail", middle_of(self.dataset, PROBE_VOXELS), probe_config(self.asked))
        for n, detail in enumerate(candidates, start=1):
            later = (len(candidates) - n) * probe.batches + self.fit.batches
            self.tried[detail] = probe.problem.typical * (yield from self.train(probe, detail, later))
        return best_detail(self.tried)

    def train(self, stage: _Stage, detail: float, later: int = 0) -> Generator[FitStep, None, float]:
        """Train one network, with so many batches of others to come; returns its lowest held-out error."""
        trainer = Trainer(stage.problem, stage.config, detail)
        before = self.done
        while not trainer.finished:
            started = time.perf_counter()
            trainer.advance(STEP_SECONDS)
            self.done = before + trainer.done
            self.worked += time.perf_counter() - started  # a pause of the caller's is not the fit's work
            yield self._step(stage, trainer, trainer.schedule.end - trainer.done + later)
        return trainer.best_error

    def _step(self, stage: _Stage, trainer: Trainer, left: int) -> FitStep:
        return FitStep(
            phase=stage.phase,
            iteration=self.done,
            n_iterations=self.done + left,
            epoch=trainer.epoch,
            losses=trainer.losses,
            elapsed=self.worked,
            remaining=self.worked * left / self.done,
            detail=trainer.detail,
            _field=lambda: self._field(stage.dataset, trainer),
        )

    def _field(self, dataset: DiffusionDataset, trainer: Trainer) -> FittedField:
        """The trainer's best network with all that is needed to use it without the scan."""
        return FittedField(
            model=trainer.best_model(),
            # Settled to the last number, so that fitting with it again repeats this fit.
            config=trainer.config.model_copy(update={"detail": trainer.detail}),
            detail=trainer.detail,
            affine=dataset.affine,
            mask=dataset.mask,
            scale=trainer.problem.scale,
            acquisition=dataset.acquisition,
            record=provenance(dataset, trainer.problem.device),
            training=self._report(trainer),
        )

    def _report(self, trainer: Trainer) -> dict[str, Any]:
        return {
            "epochs": round(trainer.epoch, 2),
            "held_out_volumes": np.flatnonzero(trainer.problem.held).tolist(),
            "held_out_rmse": trainer.problem.typical * trainer.best_error,
            "details_tried": {f"{detail:.3g} mm": error for detail, error in self.tried.items()},
        }
