"""Levenberg-Marquardt for many small bounded problems at once.

A fixed number of problems is worked on side by side; those that finish make room for new ones, so that no problem
waits for a slow one. Every problem has its own damping. A parameter at a bound whose gradient pushes it outwards is
held for that iteration, and steps are cut at the bounds: unlike under a sigmoid, a minimum on a bound is reached
exactly and fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

import torch

from .projection import Problem, Projection

_FIRST_DAMPING = 1e-2
_LEAST_DAMPING, _MOST_DAMPING = 1e-12, 1e8
_LEAST_GAIN = 1e-4
"""Smallest share of the promised decrease that a step must bring to be taken."""

_LEAST_CURVATURE = 1e-12
"""Of a parameter without influence, relative to the measurements' sum of squares, to keep its step finite."""

_PERFECT = 1e-26
"""Cost, relative to the measurements' sum of squares, that is rounding alone."""

_CHANGEOVER = 0.15
"""Share of finished problems aboard from which it pays to let them off and take new ones in."""


class Batch(NamedTuple):
    """Problems about to begin."""

    number: torch.Tensor  # (n,) by which to know them
    problem: Problem  # its rows with about unit sum of squares
    start: torch.Tensor  # (n, P) within the bounds


class Minima(NamedTuple):
    """Where problems ended."""

    number: torch.Tensor  # (n,)
    parameters: torch.Tensor  # (n, P)
    cost: torch.Tensor  # (n,)
    coefficients: torch.Tensor  # (n, C)
    iterations: torch.Tensor  # (n,)
    converged: torch.Tensor  # (n,) False also where the cost was never finite


Arrivals = Callable[[int], Batch | None]
"""Gives more problems, for the number of those still under way."""


class _Aboard(NamedTuple):
    """The problems under way, and some that have finished."""

    number: torch.Tensor
    problem: Problem
    at: Projection
    parameters: torch.Tensor
    damping: torch.Tensor
    growth: torch.Tensor  # factor of the damping at the next refusal
    size: torch.Tensor  # sum of squares of the rows
    age: torch.Tensor  # iterations
    finished: torch.Tensor

    def take(self, keep: torch.Tensor) -> Self:
        number, problem, at, *rest = self
        return type(self)(number[keep], problem.take(keep), at.take(keep), *(part[keep] for part in rest))

    def join(self, other: _Aboard) -> _Aboard:
        number, problem, at, *rest = self
        others = zip(rest, other[3:], strict=True)
        parts = (torch.cat([a, b]) for a, b in others)
        return _Aboard(torch.cat([number, other.number]), problem.join(other.problem), at.join(other.at), *parts)


def minimise(arrivals: Arrivals, bounds: torch.Tensor, max_iterations: int, tolerance: float) -> Iterator[Minima]:
    """Find a minimum of each problem from its own start.

    Parameters
    ----------
    arrivals
        Gives the problems.
    bounds
        (2, P) lowest and highest values.
    max_iterations
        Steps tried, at most.
    tolerance
        A step that lowers the cost by a smaller share of it, and promised no more, is the last.

    Yields
    ------
    Minima
        Of the problems that finished in an iteration, which may be none.
    """
    aboard: _Aboard | None = None
    while (aboard := _change_over(aboard, arrivals)) is not None:
        aboard, converged = _iterate(aboard, bounds, tolerance)
        possible = aboard.at.cost.isfinite()
        leaving = ~aboard.finished & (converged | (aboard.age >= max_iterations) | ~possible)
        yield _minima(aboard, torch.nonzero(leaving)[:, 0], converged & possible)
        aboard = aboard._replace(finished=aboard.finished | leaving)


def _change_over(aboard: _Aboard | None, arrivals: Arrivals) -> _Aboard | None:
    """Let finished problems off and new ones in, once it pays."""
    n_finished = 0 if aboard is None else int(aboard.finished.sum())
    if aboard is not None:
        if n_finished < _CHANGEOVER * len(aboard.number):
            return aboard
        aboard = aboard.take(torch.nonzero(~aboard.finished)[:, 0])
    batch = arrivals(0 if aboard is None else len(aboard.number))
    if batch is not None:
        begun = _begin(batch)
        aboard = begun if aboard is None else aboard.join(begun)
    return None if aboard is None or len(aboard.number) == 0 else aboard


def _begin(batch: Batch) -> _Aboard:
    number, problem, start = batch
    size = problem.rows.square().sum(1)
    ones = torch.ones_like(size)
    at = problem.project(start)
    age = torch.zeros_like(number)
    return _Aboard(number, problem, at, start, _FIRST_DAMPING * ones, 2.0 * ones, size, age, age > 0)


def _minima(aboard: _Aboard, which: torch.Tensor, converged: torch.Tensor) -> Minima:
    parts = (aboard.number, aboard.parameters, aboard.at.cost, aboard.at.coefficients, aboard.age, converged)
    return Minima(*(part[which] for part in parts))


def _iterate(aboard: _Aboard, bounds: torch.Tensor, tolerance: float) -> tuple[_Aboard, torch.Tensor]:
    """One step of each problem, and which of them are done."""
    at, damping = aboard.at, aboard.damping
    trial = torch.clamp(aboard.parameters + _step(aboard, bounds), bounds[0], bounds[1])
    step = trial - aboard.parameters
    promised = -(2.0 * at.gradient * step + step * (at.curvature @ step[..., None])[..., 0]).sum(1)
    there = aboard.problem.project(trial)
    gained = at.cost - there.cost
    gain = gained / promised.clamp_min(torch.finfo(promised.dtype).tiny)
    taken = (gained > 0) & (gain > _LEAST_GAIN)
    small = tolerance * at.cost
    converged = (
        (taken & (gained <= small) & (promised <= small))
        | ((promised <= 1e-3 * small) & (damping < 1.0))
        | (damping > _MOST_DAMPING)
        | (torch.minimum(there.cost, at.cost) <= _PERFECT * aboard.size)
    )
    easier = (damping * (1.0 - (2.0 * gain - 1.0) ** 3).clamp(0.1, 2.0)).clamp_min(_LEAST_DAMPING)
    moved = aboard._replace(
        at=there.where(taken, at),
        parameters=torch.where(taken[:, None], trial, aboard.parameters),
        damping=torch.where(taken, easier, damping * aboard.growth),
        growth=torch.where(taken, 2.0, 2.0 * aboard.growth),
        age=aboard.age + 1,
    )
    return moved, converged


def _step(aboard: _Aboard, bounds: torch.Tensor) -> torch.Tensor:
    """(n, P) Marquardt's step, zero for parameters held at a bound."""
    gradient, curvature = aboard.at.gradient, aboard.at.curvature
    held = ((aboard.parameters <= bounds[0]) & (gradient > 0)) | ((aboard.parameters >= bounds[1]) & (gradient < 0))
    free = ~held
    scale = curvature.diagonal(dim1=1, dim2=2).clamp_min(_LEAST_CURVATURE)
    matrix = curvature * (free[:, :, None] & free[:, None, :])
    matrix.diagonal(dim1=1, dim2=2).add_(torch.where(free, aboard.damping[:, None] * scale, 1.0))
    solution: torch.Tensor = torch.linalg.solve_ex(matrix, -gradient * free)[0]
    return solution
