"""From signals to tissue: normalise, minimise from every start, keep the best."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...estimation.step import STEP_SECONDS
from ...parameters import KERNEL_PARAMETERS, PARAMETERS
from ...signal_model.spherical_harmonics import P00, n_coefficients
from .config import STARTS, NllsConfig
from .design import Design
from .levenberg import Batch, Minima, minimise
from .projection import Problem

_NUMBERS = {"cpu": 1 << 17, "cuda": 1 << 25}
"""Derivatives of rows worked on side by side: what a processor's cache holds (1 MB), or enough for a GPU."""

_FEWEST = 96
"""Problems side by side, at least: fewer cost more in calls than in numbers."""

Measured = Callable[[NDArray[np.intp]], tuple[Design, torch.Tensor]]
"""Gives the design and the (n, V) float64 signal of the voxels of these indices."""


class Tissue(NamedTuple):
    """What was found in n voxels; NaN where a voxel has no usable signal."""

    kernel: torch.Tensor  # (n, 4) Di, De, Dp [µm²/ms], f
    S0: torch.Tensor  # (n,) in the signal's units
    fod: torch.Tensor  # (n, C) orthonormal real SH coefficients, p00 = 1/sqrt(4π)
    squared_error: torch.Tensor  # (n,) sum over volumes
    iterations: torch.Tensor  # (n,) from the start that led here
    converged: torch.Tensor  # (n,)


def fit_voxels(
    measured: Measured, order: NDArray[np.intp], config: NllsConfig
) -> Iterator[tuple[NDArray[np.intp], Tissue]]:
    """Fit voxels, and hand them over as they are finished, about every tenth of a second.

    Parameters
    ----------
    measured
        Where to get their signals.
    order
        (N,) their indices in the order in which to begin them.
    config
        What to do.

    Yields
    ------
    Indices, and what was found there.
    """
    ledger = _Ledger(measured, order, config)
    began = time.perf_counter()
    for minima in minimise(ledger.more, ledger.bounds, config.max_iterations, config.tolerance):
        ledger.enter(minima)
        if time.perf_counter() - began >= STEP_SECONDS and len(places := ledger.complete()):
            yield ledger.hand_over(places)
            began = time.perf_counter()
    if len(places := ledger.complete()):
        yield ledger.hand_over(places)


class _Ledger:
    """Brings voxels to the solver, one problem for each start, and keeps account of what comes back.

    Start s of the voxel at place i in the order has number i S + s, with S starts.
    """

    def __init__(self, measured: Measured, order: NDArray[np.intp], config: NllsConfig) -> None:
        self._measured, self._order, self._config, self._next = measured, order, config, 0
        design, signal = measured(order[:1])
        new = signal.new_zeros
        self.bounds = signal.new_tensor([PARAMETERS[key].bounds for key in KERNEL_PARAMETERS]).T
        self._starts = signal.new_tensor(STARTS[: config.starts])  # (S, 4)
        wanted = _NUMBERS.get(signal.device.type, _NUMBERS["cpu"]) // (4 * len(design.basis) * design.n_rows)
        self._capacity = max(wanted, _FEWEST)
        n, n_all = len(order), len(order) * config.starts
        self._norm, self._unexplained = new(n), new(n)
        self._parameters, self._cost = new(n_all, 4), new(n_all)
        self._coefficients = new(n_all, n_coefficients(config.lmax))
        self._iterations, self._converged = new(n_all, dtype=torch.int64), new(n_all, dtype=torch.bool)
        self._open = new(n, dtype=torch.int64) + config.starts  # starts still to come back; -1: handed over
        self._weight = 0.0

    def more(self, n_under_way: int) -> Batch | None:
        """The next voxels, as many as there is room for."""
        room = max(1, (self._capacity - n_under_way) // len(self._starts))
        places = np.arange(self._next, min(self._next + room, len(self._order)))
        if len(places) == 0:
            return None
        self._next += len(places)
        design, signal = self._measured(self._order[places])
        norm = signal.square().sum(1).sqrt()
        norm = torch.where(norm > 0, norm, 1.0)  # every voxel is solved at one scale: no result depends on it
        rows, unexplained = design.measure(signal / norm[:, None])
        here = slice(places[0], places[-1] + 1)
        self._norm[here], self._unexplained[here] = norm, unexplained
        n, n_starts = len(places), len(self._starts)
        problem = Problem(design, rows, self._config.ridge)
        self._weight = problem.weight
        voxels = torch.arange(n, device=rows.device).repeat_interleave(n_starts)
        number = torch.arange(n * n_starts, device=rows.device) + int(places[0]) * n_starts
        return Batch(number, problem.take(voxels), self._starts.repeat(n, 1))

    def enter(self, minima: Minima) -> None:
        """Write down what was found."""
        number = minima.number
        if len(number) == 0:
            return
        self._parameters[number], self._cost[number] = minima.parameters, minima.cost
        self._coefficients[number] = minima.coefficients
        self._iterations[number], self._converged[number] = minima.iterations, minima.converged
        places = number // len(self._starts)
        self._open.index_add_(0, places, -torch.ones_like(places))

    def complete(self) -> torch.Tensor:
        """Places of the voxels that can be handed over."""
        return torch.nonzero(self._open == 0)[:, 0]

    def hand_over(self, places: torch.Tensor) -> tuple[NDArray[np.intp], Tissue]:
        """What was found in complete voxels, once and for all."""
        self._open[places] = -1
        n_starts = len(self._starts)
        starts = places[:, None] * n_starts + torch.arange(n_starts, device=places.device)
        best = starts.gather(1, self._cost[starts].argmin(1, keepdim=True))[:, 0]
        return self._order[places.cpu().numpy()], self._tissue(places, best)

    def _tissue(self, places: torch.Tensor, best: torch.Tensor) -> Tissue:
        cost, x, norm = self._cost[best], self._coefficients[best], self._norm[places]
        S0 = x[:, 0] / P00
        usable = cost.isfinite() & (S0 > 0)
        squared_error = cost - self._weight * x[:, 1:].square().sum(1) + self._unexplained[places]
        return Tissue(
            kernel=torch.where(usable[:, None], self._parameters[best], torch.nan),
            S0=torch.where(usable, S0 * norm, torch.nan),
            fod=torch.where(usable[:, None], x / S0[:, None], torch.nan),
            squared_error=torch.where(usable, squared_error * norm**2, torch.nan),
            iterations=self._iterations[best],
            converged=self._converged[best] & usable,
        )
