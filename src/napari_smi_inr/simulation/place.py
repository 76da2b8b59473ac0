"""Where in the phantom's brain a point lies: its surfaces and shared coordinates, in formulas.

Lengths here are *brain units*: 1 is half the field of view in plane (about 100 mm in an adult), x to the right, y to
the front, z up, the origin in the middle of the brain. Every shape is a smooth function of position, so that the truth
exists at every point; edges are a few hundredths of a unit wide, less than a voxel of any usual grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Values = NDArray[np.float64]

EDGE = 0.018
"""Width of sharp boundaries; a step from 12 to 88 % takes four times as much."""

_ARCH_CENTRE, _ARCH_Y, _ARCH_Z = -0.14, 0.40, 0.25
"""The callosum seen from the side: half an ellipse about (y, z) = (0, centre), with these semi-axes."""

_BRAIN_X, _BRAIN_Y, _BRAIN_Z = 0.78, 0.955, 0.85
"""Semi-axes of the brain; above and below it closes, should a grid reach that far."""


def within(distance: Values, edge: float | Values = EDGE) -> Values:
    """One where a signed distance is positive, zero where it is negative, smooth in between."""
    return np.asarray(expit(distance / edge), dtype=np.float64)


def bump(*offsets: Values) -> Values:
    """A smooth hill: one where all offsets (in half-widths) are zero, nothing beyond about two."""
    return np.asarray(np.exp(-sum((o * o for o in offsets), start=np.zeros(()))), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Place:
    """Positions and the coordinates that several structures share (each (N,), worked out once).

    Attributes
    ----------
    x, y, z
        Position in brain units, after a slight warp: no brain is symmetric.
    """

    x: Values
    y: Values
    z: Values

    @classmethod
    def at(cls, points: Values) -> Place:
        """Places from (N, 3) positions in brain units."""
        x, y, z = points.T
        return cls(
            x + 0.018 * np.sin(2.6 * y + 2.1 * z + 0.4) + 0.008 * np.sin(5.1 * y - 1.0),
            y + 0.020 * np.sin(2.9 * x - 1.7 * z + 0.9),
            z + 0.016 * np.sin(2.3 * x + 2.7 * y + 0.3),
        )

    def select(self, chosen: NDArray[np.bool_]) -> Place:
        """The same for some of the positions."""
        return Place(self.x[chosen], self.y[chosen], self.z[chosen])

    @cached_property
    def side(self) -> Values:
        """Distance from the midline, never negative."""
        return np.abs(self.x)

    @cached_property
    def hemisphere(self) -> Values:
        """+1 on the right, -1 on the left."""
        return np.where(self.x < 0, -1.0, 1.0)

    @cached_property
    def _arch_height(self) -> Values:
        """Height over the arch's centre; below it the arch goes down nearly upright instead of closing to a ring."""
        height = self.z - _ARCH_CENTRE
        rounded = np.hypot(height, 0.03)
        return 0.5 * (height + rounded) + 0.35 * 0.5 * (height - rounded)

    @cached_property
    def arch(self) -> Values:
        """Radius about the callosal arch: 1 on its mid-line, less beneath it."""
        return np.hypot(self.y / _ARCH_Y, self._arch_height / _ARCH_Z)

    @cached_property
    def above_arch(self) -> Values:
        """Approximate signed distance outwards from the callosal mid-line."""
        along_ray = np.hypot(self.y, self._arch_height)
        return along_ray - along_ray / np.maximum(self.arch, 1e-9)

    @cached_property
    def outwards(self) -> tuple[Values, Values]:
        """(y, z) components of the unit normal of the arch."""
        ny, nz = self.y / _ARCH_Y**2, self._arch_height / _ARCH_Z**2
        length = np.maximum(np.hypot(ny, nz), 1e-9)
        return ny / length, nz / length

    @cached_property
    def hull(self) -> Values:
        """Relative radius: 0 in the middle of the brain, 1 on its convex hull, frontal lobes narrower."""
        wide = _BRAIN_X * (1 - 0.14 * self.y - 0.10 * self.y**2)
        return np.asarray(np.sqrt((self.x / wide) ** 2 + (self.y / _BRAIN_Y) ** 2 + (self.z / _BRAIN_Z) ** 2))

    @cached_property
    def pial(self) -> Values:
        """Distance inwards from the brain's folded surface; negative in sulci and outside."""
        fold = self._fold
        surface = 0.8 * (1 - self.hull) - 0.020 * np.exp(-((fold / 0.35) ** 2))
        a, z = self._azimuth, self.z
        depth = 0.115 + 0.060 * np.sin(2 * a + 5 * z + 0.5) * np.cos(3 * a - 4 * z)
        sulci = np.hypot(0.105 * fold, np.maximum(surface - depth, 0)) - 0.010
        return np.minimum(np.minimum(surface, sulci), np.minimum(self._fissure(), self._sylvian()))

    @cached_property
    def _azimuth(self) -> Values:
        """Angle around the brain's vertical axis."""
        return np.arctan2(self.x / _BRAIN_X, self.y / _BRAIN_Y)

    @cached_property
    def _fold(self) -> Values:
        """Zero on sulci, up to one on the gyri between them: waves around the brain, bent in every direction."""
        a, z = self._azimuth, self.z
        deep = 4.5 * (1 - self.hull) * np.sin(3 * a + 2.0)
        return np.sin(7 * a + 2.5 * z + 1.3 * np.sin(2 * a + 4 * z + 1.0) + 0.7 * np.sin(5 * a - 3 * z) + deep)

    def _fissure(self) -> Values:
        """Distance from the interhemispheric fissure, which ends on the callosum."""
        return np.hypot(self.side, np.maximum(0.075 - self.above_arch, 0)) - 0.012

    def _sylvian(self) -> Values:
        """Distance from the lateral fissure over the insula."""
        fold = self.y - 0.13 - 0.5 * (self.z + 0.1) + 0.9 * (self.side - 0.6) ** 2
        beyond = np.maximum(0.55 - self.side, 0) ** 2 + np.maximum(self.z + 0.02, 0) ** 2
        return np.asarray(np.sqrt(fold**2 + beyond)) - 0.016

    @cached_property
    def ventricle(self) -> Values:
        """Distance into the lateral ventricles (negative outside): horns and bodies along the inside of the arch."""
        back = np.maximum(-self.y - 0.05, 0)
        centre = 0.085 + 1.3 * back**2 / (back + 0.25)
        across = (self.side - centre) / (0.050 + 0.07 * back)
        along = (self.above_arch + 0.110) / 0.068
        return 0.05 * (1 - np.hypot(across, along))

    @cached_property
    def third_ventricle(self) -> Values:
        """Distance into the slit between the thalami."""
        beyond = np.maximum(np.abs(self.y + 0.04) - 0.12, 0)
        return 0.017 - np.asarray(np.sqrt(self.x**2 + beyond**2 + np.maximum(self.z + 0.1, 0) ** 2))

    @cached_property
    def tissue(self) -> Values:
        """Distance into tissue: positive inside the brain, outside its ventricles."""
        return np.minimum(self.pial, -np.maximum(self.ventricle, self.third_ventricle))
