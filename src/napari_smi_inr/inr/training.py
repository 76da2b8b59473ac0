"""The fit, as a generator: whoever drives it decides when to look, pause or stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from ..dataset import DiffusionDataset
from ..errors import InputError
from ..estimation.device import resolve_device
from ..estimation.keep import Keep
from ..estimation.record import provenance
from ..estimation.step import STEP_SECONDS, Step
from ..memory import give_back_memory, is_out_of_memory
from .capacity import with_capacity
from .checkpoint import Checkpoints
from .config import FitConfig
from .detail import choose_detail
from .field import FittedField
from .problem import Problem
from .state import State
from .trainer import Trainer

_PROCESSOR = torch.device("cpu")


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
        """What befell it last, and the phase as a sentence begins."""
        phase = f"Fitting with detail {self.detail:.3g} mm"
        return f"{self.notes[-1]} {phase}" if self.notes else phase

    def field(self) -> FittedField:
        """The best field so far: a copy, safe to keep while the fit goes on."""
        return self._field()


def fit_steps(dataset: DiffusionDataset, config: FitConfig, keep: Keep | None = None) -> Iterator[FitStep]:
    """Fit, one short step at a time.

    The caller owns the loop: leave it to stop, wait in it to pause. A step takes about
    :data:`STEP_SECONDS`, longer only where one batch does.

    Parameters
    ----------
    dataset
        The scan.
    config
        What to do; equal configs give equal fields on one machine.
    keep
        Where to keep its state now and then, and when it is left before its end; a fit that goes on from there gives
        the field of one that was never cut short, on the processor to the last bit.

    Yields
    ------
    FitStep
        Progress, and on demand the best field so far. The last one holds the result.

    Raises
    ------
    InputError
        If the device or the noise level asked for is not there, or what is to be resumed is not, or of another fit;
        or if memory runs out even for the smallest parts of the work on the processor.
    """
    run = _Run(dataset, config, keep)
    try:
        while True:
            yield run.advance()
            if run.trainer.finished:
                return
    except GeneratorExit:  # stopped: who wants to can go on from here
        run.keep()
        raise


class _Run:
    """One fit from beginning to end, and its clock."""

    def __init__(self, dataset: DiffusionDataset, config: FitConfig, keep: Keep | None) -> None:
        self.dataset = dataset
        self.settled = with_capacity(config, dataset.n_voxels)
        self._checkpoints = Checkpoints(keep, dataset, config, self.settled)
        begun = self._checkpoints.read()
        self.worked = begun.worked if begun else 0.0
        self._begin(resolve_device(config.device), begun.state if begun else None)

    def advance(self) -> FitStep:
        """Work for a moment."""
        started = time.perf_counter()
        try:
            self.trainer.advance(STEP_SECONDS)
            moving = False
        except (RuntimeError, MemoryError) as error:
            _require_processor(error, self.problem.device)
            moving = True
        if moving:  # here, where the error no longer keeps what it saw
            self._move(self.trainer.good.on(_PROCESSOR), self.problem.device)
        self.worked += time.perf_counter() - started  # a pause of the caller's is not the fit's work
        if self._checkpoints.due:
            self.keep()
        return self._step()

    def keep(self) -> None:
        """Write down where it stands."""
        trainer = self.trainer
        state = trainer.state() if trainer.sound else trainer.good
        fraction = state.part("fit").count("done") / trainer.schedule.end
        trainer.setbacks.note("checkpoint", self._checkpoints.write(state, self.worked, fraction))

    def _begin(self, device: torch.device, state: State | None) -> None:
        try:
            self._prepare(device, state)
            return
        except (RuntimeError, MemoryError) as error:
            _require_processor(error, device)
        self._move(state, device)

    def _prepare(self, device: torch.device, state: State | None) -> None:
        self.problem = Problem(self.dataset, self.settled, device)
        known = state.part("fit").number("detail") if state else None
        self.trainer = Trainer(
            self.problem, self.settled, known or choose_detail(self.dataset, self.settled, self.problem)
        )
        if state is not None:
            with self._checkpoints.blamed():
                self.trainer.restore(state)

    def _move(self, state: State | None, device: torch.device) -> None:
        """Go on with the processor."""
        give_back_memory()
        self._prepare(_PROCESSOR, state)
        note = f"Memory ran out on {device.type}: since then the processor does the work."
        self.trainer.setbacks.note("memory", note)

    def _step(self) -> FitStep:
        trainer = self.trainer
        done, end = trainer.done, trainer.schedule.end
        return FitStep(
            phase="fit",
            iteration=done,
            n_iterations=end,
            epoch=trainer.epoch,
            losses=trainer.losses,
            elapsed=self.worked,
            remaining=self.worked * (end - done) / max(done, 1),
            detail=trainer.detail,
            notes=trainer.setbacks.notes,
            _field=self._field,
        )

    def _field(self) -> FittedField:
        """The best network with all that is needed to use it without the scan."""
        trainer, dataset = self.trainer, self.dataset
        notes = trainer.setbacks.notes
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
                **({"notes": list(notes)} if notes else {}),
            },
        )


def _require_processor(error: Exception, device: torch.device) -> None:
    """Let pass what can be mended by going on with the processor and its memory."""
    if not is_out_of_memory(error):
        raise error
    if device == _PROCESSOR:
        remedy = "Close other programs, fit a smaller mask, or set a smaller width and fewer features."
        raise InputError("Memory", "has run out, also for the smallest parts of the work.", remedy) from error
