"""One network learning from simulated voxels, batch by batch.

The published script minimises by scaled conjugate gradients over all vectors at once. Compared on 495,000 vectors of
the paper's protocol at SNR 50, by the lowest validation error (root mean square over the nine targets, each mapped to
[-1, 1]) after so many passes over the vectors, each of which takes 2 to 3 s of one core:

======================================  ======  ==========
optimiser                               passes  validation
======================================  ======  ==========
L-BFGS, all vectors at once                 20       0.248
Adam 0.001, batches of 4096                 19       0.174
Adam 0.001, batches of 1000                 24       0.153
the same, halved after two failures         24       0.153
Adam 0.003 falling, batches of 1000         15       0.157
the same                                    30       0.144
Adam 0.003 falling, batches of 250          40       0.131
======================================  ======  ==========

Small batches and a rate that falls along half a cosine won at equal time, too.
"""

from __future__ import annotations

import copy
import math
import time

import torch

from ...estimation.device import one_thread
from ...estimation.step import Losses
from ...inr.state import State
from .config import NetworkConfig
from .model import TrainedNetwork, build
from .training_set import TrainingSet

_WARM_UP = 500
"""Batches over which the learning rate rises to its peak."""

_MOMENTS = ("exp_avg", "exp_avg_sq")
"""What torch's Adam remembers of each weight."""

_JUDGED = 16_384
"""Vectors validated at a time."""


class Training:
    """Trains one network.

    Parameters
    ----------
    learnt
        The training set.
    config
        Batch size, learning rate, epochs and patience.
    device
        Where to work.

    Attributes
    ----------
    done
        Batches done.
    best_error
        Lowest validation error yet: root mean square over the nine targets, each mapped to [-1, 1].
    best_epoch
        The epoch that left it.
    """

    def __init__(self, learnt: TrainingSet, config: NetworkConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self._ranges = learnt.input_range, learnt.target_range
        inputs, targets = (torch.from_numpy(part).to(device) for part in (learnt.inputs, learnt.targets))
        self._inputs, self._judged_inputs = inputs[: learnt.n_train], inputs[learnt.n_train :]
        self._targets, self._judged_targets = targets[: learnt.n_train], targets[learnt.n_train :]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._network = build(inputs.shape[1]).to(device)
        self._optimiser = torch.optim.Adam(self._network.parameters(), lr=config.learning_rate, fused=True)
        self._shuffle = torch.Generator().manual_seed(config.seed)
        self._before_order = self._shuffle.get_state()  # from which the order of this epoch was drawn
        self.batches = max(1, round(learnt.n_train / config.batch_size))
        self.done, self.failures = 0, 0
        self.best_error, self.best_epoch = math.inf, 0
        self._best: dict[str, torch.Tensor] = copy.deepcopy(self._network.state_dict())
        self._squared = torch.zeros((), device=device)
        self._last = self._validation = math.nan

    @property
    def end(self) -> int:
        """Batches after which it ends at the latest."""
        return self.config.epochs * self.batches

    @property
    def epoch(self) -> float:
        """Passes over the vectors done."""
        return self.done / self.batches

    @property
    def finished(self) -> bool:
        """Nothing is left to do: all epochs are over, or too many checks brought no new best."""
        return self.done >= self.end or self.failures >= self.config.patience

    @property
    def losses(self) -> Losses:
        """Root mean square errors of the targets mapped to [-1, 1], in training (this epoch so far) and validation."""
        begun = self.done % self.batches
        data = math.sqrt(float(self._squared) / begun) if begun else self._last
        return Losses(data=data, held_out=self._validation)

    def advance(self, seconds: float) -> None:
        """Train for about so long, one batch at least, and not beyond the end."""
        until = time.perf_counter() + seconds
        with one_thread():
            while not self.finished:
                self._descend()
                if self.done % self.batches == 0:
                    self._check()
                if time.perf_counter() >= until:
                    break

    def best(self) -> TrainedNetwork:
        """A copy of the network with the lowest validation error yet; as it began before the first check."""
        weights = {name: weight.detach().cpu().clone() for name, weight in self._best.items()}
        return TrainedNetwork(weights, *self._ranges)

    def state(self) -> State:
        """All that the rest of the training depends on, but for the training set."""
        at_start = self.done % self.batches == 0
        moments = {name: self._moments(name) for name in _MOMENTS} if self.done else {}
        named = {"weight": self._network.state_dict(), "best": self._best, **moments}
        tensors = {f"{kind}.{name}": tensor for kind, one in named.items() for name, tensor in one.items()}
        tensors["shuffle"] = self._shuffle.get_state() if at_start else self._before_order
        tensors["squared"] = self._squared
        numbers = {
            "done": self.done,
            "end": self.end,
            "failures": self.failures,
            "best_error": self.best_error,
            "best_epoch": self.best_epoch,
            "last": self._last,
            "validation": self._validation,
        }
        return State(tensors, numbers)

    def restore(self, state: State) -> None:
        """Go on from another state of the same training.

        Raises
        ------
        ValueError, KeyError, TypeError, RuntimeError
            If it is not one.
        """
        self.done, self.failures, self.best_epoch = (state.count(n) for n in ("done", "failures", "best_epoch"))
        if state.count("end") != self.end or self.done > self.end:
            raise ValueError("its training is of another length")
        self.best_error, self._last, self._validation = (state.number(n) for n in ("best_error", "last", "validation"))
        self._network.load_state_dict(self._like_weights(state, "weight"))
        self._best = self._like_weights(state, "best")
        if self.done:
            self._remember({name: self._like_weights(state, name) for name in _MOMENTS})
        self._squared.copy_(state.tensor("squared", (), torch.float32))
        self._shuffle.set_state(state.tensors["shuffle"].cpu())
        if self.done % self.batches:
            self._deal()

    def _moments(self, name: str) -> dict[str, torch.Tensor]:
        return {key: self._optimiser.state[weight][name] for key, weight in self._network.named_parameters()}

    def _remember(self, moments: dict[str, dict[str, torch.Tensor]]) -> None:
        """Give the optimiser back what it remembers."""
        each = [  # every weight has a count of steps of its own, which Adam writes to
            {"step": torch.tensor(float(self.done)), **{kind: moments[kind][key] for kind in _MOMENTS}}
            for key in self._best
        ]
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": dict(enumerate(each)), "param_groups": groups})

    def _like_weights(self, state: State, kind: str) -> dict[str, torch.Tensor]:
        """Tensors of a kind, one for each weight, on this device and not the state's own."""
        return {
            key: state.tensor(f"{kind}.{key}", weight.shape, weight.dtype).to(self.device, copy=True)
            for key, weight in self._network.state_dict().items()
        }

    def _deal(self) -> None:
        """Share out the vectors of an epoch, in a new order."""
        self._before_order = self._shuffle.get_state()
        order = torch.randperm(len(self._inputs), generator=self._shuffle)
        self._order = order.to(self.device).tensor_split(self.batches)

    def _descend(self) -> None:
        if self.done % self.batches == 0:
            self._deal()
        rows = self._order[self.done % self.batches]
        self._optimiser.param_groups[0]["lr"] = self.config.learning_rate * self._rate()
        self._optimiser.zero_grad(set_to_none=True)
        loss = (self._network(self._inputs[rows]) - self._targets[rows]).square().mean()
        loss.backward()
        self._optimiser.step()
        self._squared += loss.detach()
        self.done += 1

    def _rate(self) -> float:
        """Share of the learning rate: a short rise, then half a cosine down to nothing."""
        rise = min(1.0, (self.done + 1) / min(_WARM_UP, self.batches))
        return rise * 0.5 * (1.0 + math.cos(math.pi * self.done / self.end))

    @torch.no_grad()
    def _check(self) -> None:
        """Judge the network on the validation vectors; remember it if it is the best."""
        self._last = math.sqrt(float(self._squared) / self.batches)
        self._squared.zero_()
        inputs, targets = (torch.split(part, _JUDGED) for part in (self._judged_inputs, self._judged_targets))
        squared = sum(float((self._network(x) - y).square().sum()) for x, y in zip(inputs, targets, strict=True))
        self._validation = math.sqrt(squared / self._judged_targets.numel())
        if self._validation < self.best_error:
            self.best_error, self.best_epoch, self.failures = self._validation, round(self.epoch), 0
            self._best = copy.deepcopy(self._network.state_dict())
        else:
            self.failures += 1
