"""One voxel-wise fit under way: its voxels, batch after batch, its clock and its results so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..estimation.record import provenance
from ..estimation.settings import Settings
from ..estimation.step import STEP_SECONDS, Losses, Step
from ..estimation.voxel_fit import VoxelFit
from ..inr.state import State
from ..parameters import SCALARS
from ..signal_model.spherical_harmonics import n_coefficients

LARGEST_BATCH = 8192
"""Voxels solved at a time, at most: bounds memory, and how long a stop has to wait."""


class Solution(NamedTuple):
    """What a method finds in n voxels."""

    scalars: NDArray[np.floating]  # (n, 6) Di, De, Dp, f, S0 in the scan's units, p2
    fod: NDArray[np.floating]  # (n, C)
    squared_error: float  # mean over voxels and volumes, in units of the scale squared; NaN where not known


Solve = Callable[[NDArray[np.intp]], Solution]
"""Fits the voxels of these indices into the mask's voxels in C order."""


class VoxelRun:
    """Drives a method over all voxels of a dataset.

    Voxels come in random order, so that maps form everywhere at once and the time left is judged fairly.

    Parameters
    ----------
    dataset, config, device
        What is fitted, how and where.
    started
        When the work began, on the clock of :func:`time.perf_counter`: preparations count too.

    Attributes
    ----------
    worked
        Seconds.
    training
        What is told of it beside the result, in JSON's types.
    counts
        What a method has counted in the voxels done, in JSON's types.
    noise
        (N,) standard deviation of the noise that the method went by, if any.
    """

    def __init__(self, dataset: DiffusionDataset, config: Settings, device: Any, started: float | None = None) -> None:
        self.dataset, self.config, self.device = dataset, config, device
        n = dataset.n_voxels
        self._scalars = np.full((n, len(SCALARS)), np.nan, dtype=np.float32)
        self._fod = np.zeros((n, n_coefficients(config.lmax)), dtype=np.float32)
        self._done = np.zeros(n, dtype=bool)
        self._squared, self._known = 0.0, 0
        self.worked = 0.0 if started is None else time.perf_counter() - started
        self.training: dict[str, Any] = {}
        self.counts: dict[str, Any] = {}
        self.noise: NDArray[np.floating] | None = None

    @property
    def order(self) -> NDArray[np.intp]:
        """(N,) the order in which voxels not yet done are to be fitted: random, the same every time."""
        order = np.random.default_rng(0).permutation(len(self._done))
        return order[~self._done[order]]

    def steps(self, solve: Solve, first_batch: int = 256) -> Iterator[Step]:
        """Solve batch after batch, each sized to take about as long as a step should."""
        return self.follow(self._batches(solve, first_batch))

    def follow(self, solved: Iterator[tuple[NDArray[np.intp], Solution]]) -> Iterator[Step]:
        """Take in voxels as they are solved, a step for each lot; the time between lots is the work."""
        before, n_new, n_left = self.worked, 0, len(self.order)
        if n_left == 0:  # it was cut short after all was done
            yield self._step(0.0)
        began = time.perf_counter()
        for voxels, solution in solved:
            self._take(voxels, solution)
            self.worked += time.perf_counter() - began
            n_new += len(voxels)
            yield self._step((self.worked - before) / n_new * (n_left - n_new))
            began = time.perf_counter()

    def state(self) -> State:
        """Which voxels are done, and what was found there; the order of the others follows from it."""
        tensors = {"scalars": self._scalars, "fod": self._fod, "done": self._done}
        numbers = {"squared": self._squared, "known": self._known, "counts": self.counts, "training": self.training}
        return State({name: torch.from_numpy(array) for name, array in tensors.items()}, numbers)

    def restore(self, state: State) -> None:
        """Take over the voxels done in another run of the same fit.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is not one.
        """
        done = state.tensor("done", self._done.shape, torch.bool).numpy()
        scalars, fod = (state.tensors[name].numpy() for name in ("scalars", "fod"))
        if scalars.shape != self._scalars.shape or fod.shape != self._fod.shape:
            raise ValueError("its voxels do not fit its settings")
        self._scalars[done], self._fod[done], self._done = scalars[done], fod[done], done.copy()
        self._squared, self._known = state.number("squared"), state.count("known")
        self.training.update(state.numbers["training"])
        self.counts.update(state.numbers["counts"])

    def _batches(self, solve: Solve, size: int) -> Iterator[tuple[NDArray[np.intp], Solution]]:
        order, start, size = self.order, 0, min(size, LARGEST_BATCH)
        while start < len(order):
            voxels = np.sort(order[start : start + size])
            began = time.perf_counter()
            solution = solve(voxels)
            spent = time.perf_counter() - began
            yield voxels, solution
            start += len(voxels)
            size = int(np.clip(len(voxels) * STEP_SECONDS / max(spent, 1e-6), size / 2, 2 * size))
            size = min(max(size, 1), LARGEST_BATCH)

    def _take(self, voxels: NDArray[np.intp], solution: Solution) -> None:
        self._scalars[voxels], self._fod[voxels] = solution.scalars, solution.fod
        self._done[voxels] = True
        if np.isfinite(solution.squared_error):
            self._squared += solution.squared_error * len(voxels)
            self._known += len(voxels)

    @property
    def _rms(self) -> float:
        return float(np.sqrt(self._squared / self._known)) if self._known else float("nan")

    def _step(self, left: float) -> Step:
        return Step(
            phase="fit",
            iteration=int(self._done.sum()),
            n_iterations=len(self._done),
            losses=Losses(data=self._rms),
            elapsed=self.worked,
            remaining=left,
            _field=self.result,
        )

    def result(self) -> VoxelFit:
        """The voxels done so far."""
        mask = np.zeros_like(self.dataset.mask)
        mask[self.dataset.mask] = self._done
        return VoxelFit(
            config=self.config,
            scalars=self._scalars[self._done],
            fod=self._fod[self._done],
            affine=self.dataset.affine,
            mask=mask,
            scale=self.dataset.scale,
            acquisition=self.dataset.acquisition,
            record=provenance(self.dataset, self.device),
            noise=None if self.noise is None else self.noise[self._done],
            training={"rmse": self.dataset.scale * self._rms, **self.training},
        )
