"""What SMI learns before it looks at a voxel: a regression for each noise level the scan has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import InputError
from ...inr.state import State
from .config import SmiConfig
from .invariants import Invariants
from .polynomials import Polynomials
from .regression import NormalEquations, Regression, n_pauses, regress
from .training_set import TARGETS, draw

_HIGHEST_NOISE = 0.2
"""Noise, as a share of S0, that the levels reach up to; more is treated as the highest."""

_VOXELS_PER_COLUMN = 2
"""Simulated voxels for each coefficient of the polynomial, at least: fewer would be learnt by heart."""

_BLOCK = 8192
"""Simulated voxels whose kernel is held at a time."""


def levels_of(noise: NDArray[np.floating], n_levels: int) -> NDArray[np.intp]:
    """(N,) index of the noise level of each voxel, for (N,) noise as a share of S0."""
    found = np.floor(np.asarray(noise, dtype=np.float64) * n_levels / _HIGHEST_NOISE)
    return np.clip(found, 0, n_levels - 1).astype(np.intp)


def noise_at(level: int, n_levels: int) -> float:
    """Noise as a share of S0 in the middle of a level."""
    return (level + 0.5) * _HIGHEST_NOISE / n_levels


class Learning:
    """Learning from simulated voxels; its outcome depends on protocol, levels and settings alone, not on the signal.

    Parameters
    ----------
    invariants
        Those of the protocol.
    levels
        Noise levels to learn for.
    config
        Settings.
    device
        Where to solve, in double precision.

    Attributes
    ----------
    regressions
        By noise level, those learnt so far.

    Raises
    ------
    InputError
        If there are fewer simulated voxels than the polynomial asks for.
    """

    def __init__(self, invariants: Invariants, levels: list[int], config: SmiConfig, device: torch.device) -> None:
        self._invariants, self._levels, self._config, self._device = invariants, levels, config, device
        self.polynomials = Polynomials(len(invariants.table), config.degree)
        _refuse_too_small(self.polynomials, config)
        self.regressions: dict[int, Regression] = {}
        self._equations: NormalEquations | None = None  # of the regression under way

    def steps(self) -> Iterator[float]:
        """Learn what is left to learn, pausing now and then to tell the share done."""
        left = [level for level in self._levels if level not in self.regressions]
        if not left:
            return
        starts = range(0, self._config.n_training, _BLOCK)
        pauses = n_pauses(self._config.n_training, self.polynomials)
        before = (len(self._levels) - len(left)) * pauses + (0 if self._equations is None else self._equations.done)
        simulated = 0 if before == 0 else len(starts)  # again, which is quick beside what is learnt from it
        n_pieces = len(starts) + len(self._levels) * pauses
        values, p = draw(self._config.n_training, np.random.default_rng(self._config.seed))
        features = np.empty((len(values), len(self._invariants.table)))
        for done, start in enumerate(starts, start=1):
            part = slice(start, start + _BLOCK)
            features[part] = self._invariants.expect(dict(zip(TARGETS, values[part].T, strict=True)), p[part])
            yield (max(done, simulated) + before) / n_pieces
        for done, _ in enumerate(self._regress(left, features, values), start=len(starts) + before + 1):
            yield done / n_pieces

    def state(self) -> State:
        """What has been learnt, and is being learnt; the simulated voxels follow from the settings."""
        parts = {f"level {level}": regression.state() for level, regression in self.regressions.items()}
        if self._equations is not None:
            parts["equations"] = self._equations.state()
        return State.of(parts)

    def restore(self, state: State) -> None:
        """Take over what had been learnt before.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it does not fit.
        """
        for level in self._levels:
            if (name := f"level {level}") in state.numbers:
                learnt = Regression.restored(self.polynomials, len(TARGETS), state.part(name), self._device)
                self.regressions[level] = learnt
        if "equations" in state.numbers:
            self._equations = self._fresh()
            self._equations.restore(state.part("equations"))
            if self._equations.done > n_pauses(self._config.n_training, self.polynomials):
                raise ValueError("its equations go beyond their end")

    def _fresh(self) -> NormalEquations:
        return NormalEquations(self.polynomials.n_columns, len(TARGETS), self._device)

    def _regress(self, levels: list[int], features: NDArray[np.float64], values: NDArray[np.float64]) -> Iterator[None]:
        for level in levels:
            std = noise_at(level, self._config.noise_levels) * self._invariants.noise
            self._equations = self._equations or self._fresh()
            self.regressions[level] = yield from regress(
                features, values, std, self.polynomials, (self._config.seed, level), self._equations
            )
            self._equations = None


def _refuse_too_small(polynomials: Polynomials, config: SmiConfig) -> None:
    least = _VOXELS_PER_COLUMN * polynomials.n_columns
    if config.n_training < least:
        fault = (
            f"{config.n_training} is too few for the {polynomials.n_columns} terms that degree {config.degree} has "
            f"for this protocol's {polynomials.n_features} invariants."
        )
        raise InputError("n_training", fault, f"Give {least} or more, or a lower degree.")
