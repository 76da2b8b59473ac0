"""What speaks for a fit at one place: the voxel's measurements beside the curves of the fitted tissue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...acquisition import Shell
from .measurements import Measurements, Voxel
from .subject import Subject

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate

ANGLES = np.linspace(0.0, 90.0, 31)
"""Angles to the main fibre at which curves are drawn [degrees]."""


@dataclass(frozen=True, eq=False)
class Question:
    """A place to look at.

    Attributes
    ----------
    field, measurements
        The fit, and what it was fitted to where that is at hand.
    point
        (3,) RAS position [mm].
    shell
        Which shell to show against angle, counted from 0 without b = 0; None for the strongest of each shape.
    """

    field: Estimate
    measurements: Measurements | None
    point: NDArray[np.float64]
    shell: int | None = None


@dataclass(frozen=True, eq=False)
class AgainstB:
    """Fitted signal of one shape against b-value.

    Attributes
    ----------
    b
        (B,) b-values [ms/µm²].
    powder, along, across
        (B,) mean over all directions, and signal along and across the main fibre, in the scan's units.
    """

    b: NDArray[np.float64]
    powder: NDArray[np.float64]
    along: NDArray[np.float64]
    across: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AgainstAngle:
    """Fitted signal of one shell at :data:`ANGLES` to the main fibre.

    Attributes
    ----------
    shell
        Which.
    mean, low, high
        (T,) mean, lowest and highest around the fibre, in the scan's units.
    """

    shell: Shell
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Volumes:
    """The voxel's measurements and what the fit makes of them.

    Attributes
    ----------
    b, b_delta
        (V,) as this voxel saw them [ms/µm², dimensionless].
    angle
        (V,) of the direction to the main fibre [degrees]; NaN where there is no direction.
    measured, predicted
        (V,) in the scan's units; the prediction is for the voxel, as the fit understood it.
    sigma
        Standard deviation of the noise in the same units; None if unknown.
    sigma_source
        Where it is known from.
    """

    b: NDArray[np.float64]
    b_delta: NDArray[np.float64]
    angle: NDArray[np.float64]
    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    sigma: float | None
    sigma_source: str


@dataclass(frozen=True, eq=False)
class Evidence:
    """All there is to say about one place.

    Attributes
    ----------
    subject
        The fit with its measurements.
    point
        (3,) RAS position [mm].
    voxel
        Of the fit's grid; None outside it, where nothing else is known either.
    place
        Where that is, in words.
    trusted
        Whether it lies inside the mask.
    values
        Parameters by symbol; empty outside the grid.
    axis
        (3,) direction of the main fibre.
    against_b
        A curve for each shape.
    against_angle
        A curve for each shell asked for.
    volumes
        None without measurements.
    """

    subject: Subject
    point: NDArray[np.float64]
    voxel: Voxel | None
    place: str
    trusted: bool
    values: dict[str, float]
    axis: NDArray[np.float64]
    against_b: tuple[AgainstB, ...] = ()
    against_angle: tuple[AgainstAngle, ...] = ()
    volumes: Volumes | None = None
