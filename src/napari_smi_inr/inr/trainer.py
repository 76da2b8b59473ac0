"""One network learning one dataset, batch by batch."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch

from .config import FitConfig
from .model import FieldModel
from .problem import Losses, Problem

_CACHED_FEATURES = 2**26
"""Floats of encoded positions kept in memory (256 MB); beyond, they are computed anew for each batch."""

_WARM_UP = 0.3
"""Share of a one-cycle schedule spent raising the learning rate."""


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
        Network, optimiser and schedule.
    detail
        Finest detail of the field [mm].
    epochs
        Passes over the voxels.
    """

    def __init__(self, problem: Problem, config: FitConfig, detail: float, epochs: int) -> None:
        device = problem.points.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = FieldModel(config, detail, problem.centre).to(device)
        self.problem, self.config, self.detail, self.epochs = problem, config, detail, epochs
        self.batches = batches_per_epoch(problem.n_voxels, config.batch_size)
        self.epoch = 0.0
        self._shuffle = torch.Generator().manual_seed(config.seed)
        self._features = self._encode_once()
        self._optimiser = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate, fused=True)
        self._schedule = self._make_schedule()
        self._best = math.inf
        self._best_state: dict[str, torch.Tensor] | None = None
        self.losses = Losses(math.nan, math.nan, math.nan)

    @property
    def best_error(self) -> float:
        """Lowest held-out error yet, in units of the scale; NaN before any was measured."""
        return self._best if math.isfinite(self._best) else math.nan

    def _encode_once(self) -> torch.Tensor | None:
        if self.problem.n_voxels * self.model.encoding.n_features > _CACHED_FEATURES:
            return None
        return self.model.encoding(self.problem.points)

    def _make_schedule(self) -> torch.optim.lr_scheduler.LRScheduler:
        steps = self.epochs * self.batches
        if self.config.schedule == "decay":  # 1 % an epoch
            return torch.optim.lr_scheduler.LambdaLR(self._optimiser, lambda step: 0.99 ** (step // self.batches))
        return torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, self.config.learning_rate, total_steps=steps + 1, pct_start=_WARM_UP, cycle_momentum=False
        )

    def run(self) -> Iterator[int]:
        """Train; yields the number of batches done after each one, with :attr:`losses` up to date."""
        done = 0
        for _ in range(self.epochs):
            order = torch.randperm(self.problem.n_voxels, generator=self._shuffle).to(self.problem.points.device)
            total = torch.zeros(2, device=order.device)
            for voxels in order.tensor_split(self.batches):
                total += self._descend(voxels)
                done += 1
                self.epoch = done / self.batches
                if done % self.batches == 0:
                    self._close_epoch((total / self.batches).tolist())
                yield done

    def _descend(self, voxels: torch.Tensor) -> torch.Tensor:
        """One step down the gradient; returns the (2,) terms of the loss."""
        features = (
            self.model.encoding(self.problem.points[voxels]) if self._features is None else self._features[voxels]
        )
        tissue = self.model.network(features)
        data, negative = self.problem.misfit(tissue, voxels), self.problem.nonnegativity(tissue.fod)
        self._optimiser.zero_grad(set_to_none=True)
        (data + self.config.nonnegativity * negative).backward()
        self._optimiser.step()
        self._schedule.step()
        return torch.stack([data.detach(), negative.detach()])

    @torch.no_grad()
    def _close_epoch(self, means: list[float]) -> None:
        """Judge the network on the held-out volumes and remember it if it is the best so far."""
        held_out = self.problem.held_out_error(self.model(self.problem.points[self.problem.judged]))
        self.losses = Losses(means[0], means[1], held_out)
        if held_out < self._best:
            self._best = held_out
            self._best_state = copy.deepcopy(self.model.state_dict())

    def best_model(self) -> FieldModel:
        """A copy of the network with the lowest held-out error yet, or as it is now if none was judged."""
        model = copy.deepcopy(self.model)
        if self._best_state is not None:
            model.load_state_dict(self._best_state)
        return model.eval().requires_grad_(False)
