"""A fit with what it was fitted to, sorted for looking at one place of it after another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...acquisition import Acquisition, Shell
from ...sampling.mask import SmoothMask
from .measurements import Measurements, Voxel

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate


@dataclass(frozen=True, eq=False)
class Shape:
    """All shells of one b-tensor shape.

    Attributes
    ----------
    name
        The shape in words.
    b_delta
        Mean over its volumes.
    shells
        By ascending b-value.
    """

    name: str
    b_delta: float
    shells: tuple[Shell, ...]

    @property
    def strongest(self) -> Shell:
        """The shell of the largest b-value."""
        return self.shells[-1]


def shapes_of(acquisition: Acquisition) -> tuple[Shape, ...]:
    """Sort the shells by shape, linear first; b = 0 has none."""
    by_name: dict[str, list[Shell]] = {}
    for shell in acquisition.shells():
        if not shell.is_b0:
            by_name.setdefault(shell.shape, []).append(shell)
    shapes = [
        Shape(name, float(np.mean([s.b_delta for s in shells])), tuple(shells)) for name, shells in by_name.items()
    ]
    return tuple(sorted(shapes, key=lambda shape: -shape.b_delta))


@dataclass(frozen=True, eq=False)
class Subject:
    """A fit and, where they are at hand, its measurements.

    Attributes
    ----------
    field
        The fit.
    measurements
        What it was fitted to.
    """

    field: Estimate
    measurements: Measurements | None = None

    @property
    def acquisition(self) -> Acquisition:
        """Protocol of V volumes, as the fit took it."""
        return self.field.acquisition

    @cached_property
    def shells(self) -> tuple[Shell, ...]:
        """All but b = 0, by ascending b-value."""
        return tuple(shell for shell in self.acquisition.shells() if not shell.is_b0)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shells by shape."""
        return shapes_of(self.acquisition)

    @cached_property
    def held_out(self) -> NDArray[np.bool_]:
        """(V,) volumes the fit never saw."""
        held = np.zeros(self.acquisition.n_volumes, dtype=bool)
        told = getattr(self.field, "training", None)  # quality has it, too, but only after a look at every voxel
        told = self.field.quality if told is None else told
        held[list(told.get("held_out_volumes", ()))] = True
        return held

    @cached_property
    def inside(self) -> SmoothMask:
        """The mask of the fit as a region of space."""
        return SmoothMask(self.field.mask, self.field.affine)

    @cached_property
    def _fitted_noise(self) -> NDArray[np.floating] | None:
        noise_map = getattr(self.field, "noise_map", None)
        return None if noise_map is None else noise_map()

    def noise_at(self, voxel: Voxel, there: Voxel) -> tuple[float, str] | None:
        """Noise level of a voxel of the fit, and where it is known from.

        Parameters
        ----------
        voxel
            Of the fit.
        there
            The same in the measurements, whose axes may run otherwise.
        """
        if self.measurements is None:
            return None
        known = None if self._fitted_noise is None else float(self._fitted_noise[voxel])
        if self.measurements.noise is None and known is not None and np.isfinite(known) and known > 0:
            return known, "that the fit went by"
        return self.measurements.noise_at(there, self.acquisition)
