"""Reads parameters and FODs from the signal of voxels, with what has been learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...dataset import DiffusionDataset
from ...parameters import KERNEL_PARAMETERS, SCALARS
from ...signal_model.kernel import kernel
from ...signal_model.standard_model import predict_signal
from ..voxel_run import Solution
from .config import SmiConfig
from .fod import FodFit
from .invariants import Invariants
from .learning import Learning, levels_of, noise_at
from .noise import noise_of
from .regression import Regression
from .training_set import TARGETS

BOUNDS = {"Di": (0.0, 3.0), "De": (0.0, 3.0), "Dp": (0.0, 3.0), "f": (0.0, 1.0), "p2": (0.0, 1.0)}
"""What the polynomials' values are clipped to; diffusivities in µm²/ms."""

UNIFORM_GRADIENTS = (
    "The scan's gradients are not uniform: SMI needs shells that are alike in all voxels, and took them for uniform."
)

_LEAST_S0 = 1e-6
"""Of the scan's scale: what a voxel's S0 counts as at least, so that it can be divided by."""


class Solver:
    """Solves voxels by index.

    Parameters
    ----------
    dataset, config
        What is fitted, and how.
    training
        The record of how it went, kept up to date.
    counts
        What it is counted from, kept up to date; those of voxels solved before are added to.

    Attributes
    ----------
    invariants
        Those of the protocol.
    levels
        (N,) noise level of each voxel of the mask.
    sigma
        (N,) the noise itself, in the scan's units.

    Raises
    ------
    InputError
        If the protocol does not suffice, or the noise level cannot be found.
    """

    def __init__(
        self, dataset: DiffusionDataset, config: SmiConfig, training: dict[str, Any], counts: dict[str, Any]
    ) -> None:
        self._acquisition, self._config = dataset.acquisition, config
        self._training, self._counts = training, counts
        self.invariants = Invariants(dataset.acquisition)
        self.sigma, noise_note = noise_of(dataset)
        self._signal, self._scale = dataset.signal[dataset.mask], dataset.scale
        first = self._measured(slice(None), self.invariants.shells[0].volumes)
        self._S0 = np.maximum(np.abs(first.mean(axis=1)), _LEAST_S0 * self._scale)
        self.levels = levels_of(self.sigma / self._S0, config.noise_levels)
        self._fods = FodFit(dataset.acquisition, config.lmax)
        self._regressions: dict[int, Regression] = {}
        notes = [noise_note] if dataset.deviation is None else [noise_note, UNIFORM_GRADIENTS]
        training.update(notes=notes, noise_levels=self._count_levels())

    def take(self, learning: Learning) -> None:
        """Use what has been learnt."""
        self._regressions = learning.regressions
        shells, terms = len(self.invariants.shells), learning.polynomials.n_columns
        self._training["polynomial"] = {"shells": shells, "invariants": len(self.invariants.table), "terms": terms}

    def __call__(self, voxels: NDArray[np.intp]) -> Solution:
        """Solve the voxels of these indices."""
        S0 = self._S0[voxels]
        signal = self._measured(voxels)
        values = self._regressed(self.invariants.measure(signal) / S0[:, None], self.levels[voxels])
        response = self._response(values)
        fod = self._fods.solve(signal / S0[:, None], response, self.sigma[voxels] / S0)
        values["S0"] = S0
        error = (predict_signal(values, fod, self._acquisition) - signal) / self._scale
        return Solution(np.stack([values[s] for s in SCALARS], axis=1), fod, float(np.mean(error**2)))

    def _measured(
        self, voxels: NDArray[np.intp] | slice, volumes: NDArray[np.intp] | slice = slice(None)
    ) -> NDArray[np.float64]:
        """(n, V) signal, less the noise's share if that is asked for."""
        signal = self._signal[voxels][:, volumes].astype(np.float64)
        if not self._config.rician_correction:
            return signal
        return np.asarray(np.sqrt(np.abs(signal**2 - self.sigma[voxels, None] ** 2)))

    def _regressed(self, features: NDArray[np.float64], levels: NDArray[np.intp]) -> dict[str, NDArray[np.float64]]:
        """(n,) parameters by symbol, each voxel's by the regression of its noise level."""
        found = np.empty((len(features), len(TARGETS)))
        for level in np.unique(levels).tolist():
            found[levels == level] = self._regressions[level].predict(features[levels == level])
        low, high = np.array([BOUNDS[symbol] for symbol in TARGETS]).T
        counts = self._counts
        n_clipped = np.count_nonzero((found < low) | (found > high), axis=0) + counts.get("clipped", 0)
        counts.update(clipped=n_clipped.tolist(), solved=counts.get("solved", 0) + len(found))
        shares = (n_clipped / counts["solved"]).round(4).tolist()
        self._training["share_clipped"] = dict(zip(TARGETS, shares, strict=True))
        return dict(zip(TARGETS, found.clip(low, high).T, strict=True))

    def _response(self, values: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """(n, G, lmax/2 + 1) kernel of the protocol's groups."""
        Di, De, Dp, f = (torch.as_tensor(values[key])[:, None] for key in KERNEL_PARAMETERS)
        b, b_delta = torch.as_tensor(self._fods.b), torch.as_tensor(self._fods.b_delta)
        return np.asarray(kernel(b, b_delta, Di, De, Dp, f, self._config.lmax).numpy())

    def _count_levels(self) -> dict[str, int]:
        """Voxels by noise level, as a share of S0."""
        n = self._config.noise_levels
        found, counts = np.unique(self.levels, return_counts=True)
        return {
            f"{noise_at(level, n):.3g}": count for level, count in zip(found.tolist(), counts.tolist(), strict=True)
        }
