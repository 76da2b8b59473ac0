"""What SMI learns before it looks at a voxel: a regression for each noise level the scan has."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import InputError
from .config import SmiConfig
from .invariants import Invariants
from .polynomials import Polynomials
from .regression import Regression, n_pauses, regress
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
        self._values, self._p = draw(config.n_training, np.random.default_rng(config.seed))
        self._features = np.empty((config.n_training, len(invariants.table)))

    def steps(self) -> Iterator[float]:
        """Learn, pausing now and then to tell the share done."""
        starts = range(0, self._config.n_training, _BLOCK)
        n_pieces = len(starts) + len(self._levels) * n_pauses(self._config.n_training, self.polynomials)
        for done, _ in enumerate(chain(self._simulate(starts), self._regress()), start=1):
            yield done / n_pieces

    def _simulate(self, starts: range) -> Iterator[None]:
        for start in starts:
            part = slice(start, start + _BLOCK)
            values = dict(zip(TARGETS, self._values[part].T, strict=True))
            self._features[part] = self._invariants.expect(values, self._p[part])
            yield

    def _regress(self) -> Iterator[None]:
        for level in self._levels:
            std = noise_at(level, self._config.noise_levels) * self._invariants.noise
            seed = (self._config.seed, level)
            self.regressions[level] = yield from regress(
                self._features, self._values, std, self.polynomials, seed, self._device
            )


def _refuse_too_small(polynomials: Polynomials, config: SmiConfig) -> None:
    least = _VOXELS_PER_COLUMN * polynomials.n_columns
    if config.n_training < least:
        fault = (
            f"{config.n_training} is too few for the {polynomials.n_columns} terms that degree {config.degree} has "
            f"for this protocol's {polynomials.n_features} invariants."
        )
        raise InputError("n_training", fault, f"Give {least} or more, or a lower degree.")
