"""One network learning one dataset, batch by batch."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch

from ..estimation.step import Losses
from .adam import Adam
from .config import FitConfig
from .model import FieldModel
from .network import Tissue
from .problem import Problem
from .schedule import Schedule, Watch

_CACHED_FEATURES = 2**26
"""Floats of encoded positions kept in memory (256 MB); beyond, they are computed anew for each batch."""

_WORTH_SHARING = 1e8
"""Multiplications of one pass forward from which several processor cores pay (measured on two)."""


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
        self._features = self._encode_once()
        # A prior weighs more the less the data can say. Without it this is plain Adam.
        decay = config.weight_decay * problem.noise_variance
        self._adam = Adam(self.model, beta2=config.beta2, weight_decay=decay)
        self._best_state: dict[str, torch.Tensor] | None = None
        self._terms = torch.zeros(2, device=device)  # summed over the batches of this epoch
        self._last_terms = [math.nan, math.nan]
        self._held_out = math.nan

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
        """Train for about so long, one batch at least, and not beyond the end."""
        until = time.perf_counter() + seconds
        with self._threads():
            while not self.finished:
                self._terms += self._descend(self._next_batch())
                self.done += 1
                if self.done % self.batches == 0:
                    self._close_epoch()
                if time.perf_counter() >= until:
                    break

    def best_model(self) -> FieldModel:
        """A copy of the network with the lowest held-out error yet, or as it is now if none was judged."""
        model = copy.deepcopy(self.model)
        if self._best_state is not None:
            model.load_state_dict(self._best_state)
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()  # no longer a view of all of them
        return model.eval().requires_grad_(False)

    def _next_batch(self) -> torch.Tensor:
        """Indices of the next batch of voxels; a new order each epoch."""
        if self.done % self.batches == 0:
            order = torch.randperm(self.problem.n_voxels, generator=self._shuffle)
            self._order = order.to(self.problem.device).tensor_split(self.batches)
        return self._order[self.done % self.batches]

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

    def _encode_once(self) -> torch.Tensor | None:
        """(voxels, K·features), if they are not too many."""
        n_features = self.problem.points_per_voxel * self.model.encoding.n_features
        if self.problem.n_voxels * n_features > _CACHED_FEATURES:
            return None
        return self.model.encode(self.problem.points()).view(-1, n_features)

    def _tissue(self, voxels: torch.Tensor) -> Tissue:
        """The tissue at the points of some voxels."""
        if self._features is None:
            return cast(Tissue, self.model(self.problem.points(voxels)))
        return self.model.decode(self._features.index_select(0, voxels).view(-1, self.model.encoding.n_features))

    def _descend(self, voxels: torch.Tensor) -> torch.Tensor:
        """One step down the gradient; returns the (2,) terms of the loss."""
        tissue = self._tissue(voxels)
        data, negative = self.problem.misfit(tissue, voxels), self.problem.nonnegativity(tissue.fod)
        self._adam.zero_grad()
        (data + self.config.nonnegativity * negative).backward()
        self._adam.step(self.config.learning_rate * self.schedule.rate(self.done))
        return torch.stack([data.detach(), negative.detach()])

    @torch.no_grad()
    def _close_epoch(self) -> None:
        """Judge the network on the held-out volumes; remember it if it is the best, end soon if it memorises."""
        self._last_terms = (self._terms / self.batches).tolist()
        self._terms.zero_()
        self._held_out = self.problem.held_out_error(self._tissue(self.problem.judged))
        if self.watch.is_best(self._held_out, self._last_terms[0]):
            self._best_state = copy.deepcopy(self.model.state_dict())
        if self.watch.memorising:
            self.schedule.cool_down(self.done)
