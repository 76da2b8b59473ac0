"""The fit, as a generator: whoever drives it decides when to look, pause or stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ..dataset import DiffusionDataset
from ..estimation.device import resolve_device
from ..estimation.record import provenance
from ..estimation.step import STEP_SECONDS, Step
from .capacity import with_capacity
from .config import FitConfig
from .detail import choose_detail
from .field import FittedField
from .problem import Problem
from .trainer import Trainer


@dataclass(frozen=True, eq=False)
class FitStep(Step):
    """Where a fit of the INR stands.

    Attributes
    ----------
    epoch
        Passes over the voxels done.
    detail
        Finest detail of the field [mm].
    """

    epoch: float
    detail: float
    _field: Callable[[], FittedField] = field(repr=False)

    @property
    def text(self) -> str:
        """The phase as a sentence begins."""
        return f"Fitting with detail {self.detail:.3g} mm"

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
    while not run.trainer.finished:
        yield run.advance()


class _Run:
    """One fit from beginning to end, and its clock."""

    def __init__(self, dataset: DiffusionDataset, config: FitConfig) -> None:
        settled = with_capacity(config, dataset.n_voxels)
        self.dataset = dataset
        self.problem = Problem(dataset, settled, resolve_device(config.device))
        self.trainer = Trainer(self.problem, settled, choose_detail(dataset, settled, self.problem))
        self.worked = 0.0

    def advance(self) -> FitStep:
        """Work for a moment."""
        started = time.perf_counter()
        self.trainer.advance(STEP_SECONDS)
        self.worked += time.perf_counter() - started  # a pause of the caller's is not the fit's work
        done, end = self.trainer.done, self.trainer.schedule.end
        return FitStep(
            phase="fit",
            iteration=done,
            n_iterations=end,
            epoch=self.trainer.epoch,
            losses=self.trainer.losses,
            elapsed=self.worked,
            remaining=self.worked * (end - done) / done,
            detail=self.trainer.detail,
            _field=self._field,
        )

    def _field(self) -> FittedField:
        """The best network with all that is needed to use it without the scan."""
        trainer, dataset = self.trainer, self.dataset
        return FittedField(
            model=trainer.best_model(),
            # Settled to the last number, so that fitting with it again repeats this fit.
            config=trainer.config.model_copy(update={"detail": trainer.detail}),
            detail=trainer.detail,
            affine=dataset.affine,
            mask=dataset.mask,
            scale=self.problem.scale,
            acquisition=dataset.acquisition,
            record=provenance(dataset, self.problem.device),
            training={
                "epochs": round(trainer.epoch, 2),
                "held_out_volumes": np.flatnonzero(self.problem.held).tolist(),
                "held_out_rmse": self.problem.typical * trainer.best_error,
            },
        )
