"""One network learning one dataset, batch by batch."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch
from torch.nn.utils import vector_to_parameters

from ..errors import InputError
from ..estimation.step import Losses
from .adam import Adam
from .config import FitConfig
from .model import FieldModel
from .network import Tissue
from .portions import Portions
from .problem import Problem
from .schedule import Schedule, Watch
from .setbacks import LOST_EPOCHS, Setbacks
from .state import State
from .voxel_tissue import VoxelTissue

T = TypeVar("T")

_WORTH_SHARING = 1e8
"""Multiplications of one pass forward from which several processor cores pay (measured on two)."""

_NEVER_CHANGED = ("fit.best", "fit.order")
"""Tensors of a state that are replaced, but never written to."""


def batches_per_epoch(n_voxels: int, batch_size: int) -> int:
    """Batches in an epoch; all of one size but for rounding, so no voxel is ever dropped."""
    return max(1, round(n_voxels / batch_size))


class Trainer:
    """Trains one :class:`FieldModel` on a :class:`Problem`.

    Parameters
    ----------
    problem
        The data.
    config
        Network, optimiser and schedule. Its epochs are the most there will be: a fit that begins to memorise
        noise ends sooner.
    detail
        Finest detail of the field [mm].

    Attributes
    ----------
    done
        Batches done.
    good
        Its state after the last epoch that went well: what to go back to.
    setbacks
        What went wrong and was mended.
    """

    def __init__(self, problem: Problem, config: FitConfig, detail: float) -> None:
        device = problem.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = FieldModel(config, detail, problem.centre).to(device)
        self.problem, self.config, self.detail = problem, config, detail
        self.batches = batches_per_epoch(problem.n_voxels, config.batch_size)
        self.schedule = Schedule(config.schedule, config.epochs, self.batches)
        self.watch = Watch(config.epochs)
        self.done = 0
        self._shuffle = torch.Generator().manual_seed(config.seed)
        self._tissue = VoxelTissue(self.model, problem)
        # A prior weighs more the less the data can say. Without it this is plain Adam.
        decay = config.weight_decay * problem.noise_variance
        self._adam = Adam(self.model, beta2=config.beta2, weight_decay=decay)
        self._best: torch.Tensor | None = None  # all weights, never written to
        self._order = torch.arange(problem.n_voxels, device=device)
        self._terms = torch.zeros(2, device=device)  # summed over the batches of this epoch
        self._last_terms = [math.nan, math.nan]
        self._held_out = math.nan
        self.setbacks = Setbacks()
        self._portions = Portions(problem.n_voxels // self.batches, device, self.setbacks)
        self.good = self.state().copy()

    @property
    def epoch(self) -> float:
        """Passes over the voxels done."""
        return self.done / self.batches

    @property
    def finished(self) -> bool:
        """Nothing is left to do."""
        return self.done >= self.schedule.end

    @property
    def best_error(self) -> float:
        """Lowest held-out error yet, as the problem tells it; NaN before any was measured."""
        return self.watch.best if math.isfinite(self.watch.best) else math.nan

    @property
    def losses(self) -> Losses:
        """The loss's two terms, averaged over this epoch so far, and the latest held-out error."""
        begun = self.done % self.batches
        data, negative = (self._terms / begun).tolist() if begun else self._last_terms
        return Losses(self.problem.per_measurement(data), negative, self._held_out)

    def advance(self, seconds: float) -> None:
        """Train for about so long, one batch at least, and not beyond the end.

        Where memory runs out, batches are worked through in parts, and where the loss is lost, the fit goes back and
        on with smaller steps; :attr:`setbacks` tells.

        Raises
        ------
        InputError
            If the loss is no number from the beginning, however small the steps.
        RuntimeError, MemoryError
            If memory is too small for the smallest parts; :attr:`good` can go on elsewhere.
        """
        until = time.perf_counter() + seconds
        with self._threads():
            while not self.finished:
                batch = self._next_batch()
                self._terms += self._within_memory(partial(self._descend, batch))
                self.done += 1
                if self.done == 1:
                    self.setbacks.start_from(float(self._terms[0]))
                if self.done % self.batches == 0:
                    self._within_memory(self._close_epoch)
                if time.perf_counter() >= until:
                    break

    def best_model(self) -> FieldModel:
        """A copy of the network with the lowest held-out error yet, or as it is now if none was judged."""
        model = copy.deepcopy(self.model)
        weights = self._adam.weights if self._adam.finite else self.good.tensors["adam.weights"]
        vector_to_parameters(weights if self._best is None else self._best, model.parameters())
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()  # no longer a view of all of them
        return model.eval().requires_grad_(False)

    def state(self) -> State:
        """All that the rest of the fit depends on: restored in another trainer of the same fit, it ends the same."""
        own = {"order": self._order, "shuffle": self._shuffle.get_state()}
        if self._best is not None:
            own["best"] = self._best
        numbers = {
            "detail": self.detail,
            "done": self.done,
            "terms": self._terms.tolist(),
            "last_terms": self._last_terms,
            "held_out": self._held_out,
        }
        parts = {
            "fit": State(own, numbers),
            "adam": self._adam.state(),
            "schedule": self.schedule.state(),
            "watch": self.watch.state(),
            "problem": self.problem.state(),
            "setbacks": self.setbacks.state(),
        }
        return State.of(parts)

    @property
    def sound(self) -> bool:
        """Whether the present state is worth keeping: once a loss is no number, nothing that follows is."""
        return self._adam.finite and bool(torch.isfinite(self._terms).all())

    def restore(self, state: State) -> None:
        """Go back, or on, to another state of the same fit.

        Raises
        ------
        ValueError, KeyError, TypeError, RuntimeError
            If it is not one.
        """
        self._take_on(state)
        self.good = self.state().copy(fixed=_NEVER_CHANGED)

    def _take_on(self, state: State) -> None:
        own = state.part("fit")
        self._adam.restore(state.part("adam"))
        self.schedule.restore(state.part("schedule"))
        self.watch.restore(state.part("watch"))
        self.problem.restore(state.part("problem"))
        self.setbacks.restore(state.part("setbacks"))
        weights, order = self._adam.weights, own.tensor("order", self._order.shape, torch.int64)
        if not torch.equal(order.cpu().sort().values, torch.arange(self.problem.n_voxels)):
            raise ValueError("its order is no order of the voxels")
        self._best = None
        if "best" in own.tensors:
            self._best = own.tensor("best", weights.shape, weights.dtype).to(weights.device)
        self._shuffle.set_state(own.tensors["shuffle"].cpu())
        self._deal(order)
        self.done = own.count("done")
        if self.done > self.schedule.end:
            raise ValueError("it goes beyond its end")
        self._terms.copy_(torch.tensor(own.numbers["terms"]))
        self._last_terms, self._held_out = [float(x) for x in own.numbers["last_terms"]], own.number("held_out")

    def _next_batch(self) -> torch.Tensor:
        """Indices of the next batch of voxels; a new order each epoch."""
        if self.done % self.batches == 0:
            self._deal(torch.randperm(self.problem.n_voxels, generator=self._shuffle))
        return self._hands[self.done % self.batches]

    def _deal(self, order: torch.Tensor) -> None:
        """Share out the voxels of an epoch."""
        self._order = order.to(self.problem.device)
        self._hands = self._order.tensor_split(self.batches)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """One thread where a batch is too small to share: others would only wait, and spin while they do."""
        before = torch.get_num_threads()
        weights = sum(p.numel() for p in self.model.parameters())
        points = self.problem.n_voxels * self.problem.points_per_voxel / self.batches
        if weights * points < _WORTH_SHARING:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def _descend(self, voxels: torch.Tensor) -> torch.Tensor:
        """One step down the gradient; returns the (2,) terms of the loss."""
        self._adam.zero_grad()
        parts = self._portions.of(voxels)
        terms = [self._differentiate(part, len(part) / len(voxels)) for part in parts]
        self._adam.step(self.config.learning_rate * self.setbacks.caution * self.schedule.rate(self.done))
        return terms[0] if len(terms) == 1 else torch.stack(terms).sum(0)

    def _differentiate(self, voxels: torch.Tensor, share: float = 1.0) -> torch.Tensor:
        """Add the gradient of some voxels that are this share of a batch; returns their share of the loss's terms."""
        tissue = self._tissue.of(voxels)
        if self.schedule.corrects(self.done):
            self.problem.correct(tissue, voxels)
        data, negative = self.problem.misfit(tissue, voxels), self.problem.nonnegativity(tissue.fod)
        loss = data + self.config.nonnegativity * negative
        (loss if share == 1.0 else share * loss).backward()
        terms = torch.stack([data.detach(), negative.detach()])
        return terms if share == 1.0 else share * terms

    @torch.no_grad()
    def _close_epoch(self) -> None:
        """Judge the network on the held-out volumes; remember it if it is the best, end soon if it memorises.

        Whatever may run out of memory comes first: nothing has changed then, and it can be tried again.
        """
        terms = (self._terms / self.batches).tolist()
        held_out = self.problem.held_out_error(self._judged())
        kept = self.state().copy(fixed=_NEVER_CHANGED)
        self.setbacks.judge(terms[0])
        if fault := self._fault(terms, held_out):
            self._go_back(fault)
            return
        self._last_terms, self._held_out = terms, held_out
        self._terms.zero_()
        if self.watch.is_best(held_out, terms[0]):
            self._best = kept.tensors["adam.weights"]
        if self.watch.memorising:
            self.schedule.cool_down(self.done)
        if not self.setbacks.lost:
            best = {} if self._best is None else {"fit.best": self._best}
            self.good = State({**kept.tensors, **best}, self.state().numbers)

    def _judged(self) -> Tissue:
        """The tissue of the voxels whose held-out volumes are looked at."""
        parts = [self._tissue.of(part) for part in self._portions.of(self.problem.judged)]
        return parts[0] if len(parts) == 1 else Tissue(*map(torch.cat, zip(*parts, strict=True)))

    def _fault(self, terms: list[float], held_out: float) -> str:
        """What is wrong with an epoch; nothing if it went well."""
        judged = bool(self.problem.held.any())
        numbers = all(map(math.isfinite, [*terms, held_out] if judged else terms)) and self._adam.finite
        if not numbers:
            return "the loss was no longer a number"
        patience = 0 if self.finished else LOST_EPOCHS
        return "the loss had grown tenfold, and stayed there" if self.setbacks.lost > patience else ""

    def _go_back(self, fault: str) -> None:
        """Go back to the last good state, and on with smaller steps; or end there, if that has been of no use."""
        setbacks, epoch = self.setbacks.state(), self.epoch
        self._take_on(self.good)
        self._terms.zero_()  # of a fit resumed in mid-epoch they may be what was wrong
        self.setbacks.restore(setbacks)
        self.setbacks.failed(fault, epoch, self.epoch)
        if not self.setbacks.hopeless:
            return
        if self.done == 0:
            remedy = "Leave out voxels without signal, or try a smaller learning_rate."
            raise InputError("The fit", f"fails in its first epoch, for {fault}, however small its steps.", remedy)
        self.schedule.end_at(self.done)

    def _within_memory(self, work: Callable[[], T]) -> T:
        """Do something; where memory runs out, again with less of it."""
        return self._portions.work(work, self._tissue.forget)
