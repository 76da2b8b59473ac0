"""The b-tensor protocol of a scan, exact to the volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .shells import B0_THRESHOLD, HIGHEST_B0_THRESHOLD, SPHERICAL_TOLERANCE, Shell, group_into_shells
from .verdict import Verdict, judge

TABLE_HEADER = ("b [ms/µm²]", "shape", "volumes")
"""Column titles of :meth:`Acquisition.table`."""

SHAPE_RANGE = (-0.5, 1.0)
"""Least and largest b_delta: planar and linear encoding."""

MOST_VOLUMES = 8192
"""Volumes of the longest protocol that is handled; grouping them into shells compares every two."""

_SHAPE_ROUNDING = 1e-3
_UNIT_TOLERANCE = 1e-4
_ONE_SHELL_SPREAD = 0.3  # ms/µm²: a wider chain of b-values is a continuous design, not one shell


@dataclass(frozen=True, eq=False)
class Acquisition:
    """A b-tensor protocol, one entry a volume.

    Attributes
    ----------
    b
        (V,) b-value, trace of the b-tensor [ms/µm²]; exact, never rounded.
    b_delta
        (V,) shape of the b-tensor in [-0.5, 1]: 1 linear, 0 spherical, -0.5 planar.
    directions
        (V, 3) unit symmetry axis of the b-tensor in scanner (RAS) axes; zero where it has none.
    b0_threshold
        Largest b-value [ms/µm²] that counts as b = 0.

    Raises
    ------
    InputError
        If lengths differ, a number is not finite or out of range, or a volume that needs a
        direction has none. Its ``where`` is the attribute at fault, or ``"acquisition"``.
    """

    b: NDArray[np.float64]
    b_delta: NDArray[np.float64]
    directions: NDArray[np.float64]
    b0_threshold: float = B0_THRESHOLD

    def __post_init__(self) -> None:
        for name in ("b", "b_delta", "directions"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        self._check_threshold()
        self._check_lengths()
        self._check_values()
        self._check_directions()
        object.__setattr__(self, "b_delta", self.b_delta.clip(*SHAPE_RANGE))

    @property
    def n_volumes(self) -> int:
        """Number of volumes V."""
        return len(self.b)

    @property
    def is_b0(self) -> NDArray[np.bool_]:
        """(V,) volumes without diffusion weighting to speak of."""
        return self.b <= self.b0_threshold

    def select(self, volumes: NDArray[np.intp] | NDArray[np.bool_]) -> Acquisition:
        """Keep only some of the volumes."""
        return Acquisition(self.b[volumes], self.b_delta[volumes], self.directions[volumes], self.b0_threshold)

    def kernel_groups(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
        """Find the exact distinct (b, b_delta), each of which needs its fibre response only once.

        Returns
        -------
        b, b_delta
            (G,) values of the groups, ascending.
        group
            (V,) index of each volume's group.
        """
        pairs, group = np.unique(np.column_stack([self.b, self.b_delta]), axis=0, return_inverse=True)
        return pairs[:, 0], pairs[:, 1], group.reshape(-1)

    def shells(self) -> tuple[Shell, ...]:
        """Group the volumes for display: by ascending b-value, linear encoding first."""
        return group_into_shells(self.b, self.b_delta, self.is_b0)

    def table(self) -> tuple[tuple[str, str, str], ...]:
        """Write one row of text a shell, under the titles of :data:`TABLE_HEADER`."""
        return tuple((f"{shell.b:.3g}", shell.shape, str(len(shell.volumes))) for shell in self.shells())

    def verdict(self, lmax: int | None = None) -> Verdict:
        """Judge what this protocol can identify, and whether it supports a wished-for FOD order.

        Parameters
        ----------
        lmax
            FOD order the user has in mind; the text warns when the protocol does not support it.
        """
        return judge(self.shells(), self.b * np.abs(self.b_delta), self.directions, lmax)

    def require_fittable(self) -> None:
        """Refuse a protocol no fit can make sense of.

        Raises
        ------
        InputError
            If there is no b = 0 volume or only one shell with diffusion weighting.
        """
        if not self.is_b0.any():
            raise InputError(
                "acquisition",
                f"has no b = 0 volume (the lowest b-value is {1000 * self.b.min():g} s/mm²).",
                f"Include at least one volume with b ≤ {1000 * self.b0_threshold:g} s/mm², or raise b0_threshold.",
            )
        shells = [shell for shell in self.shells() if not shell.is_b0]
        spread = np.ptp(self.b[~self.is_b0]) if shells else 0.0
        if len(shells) < 2 and spread <= _ONE_SHELL_SPREAD:
            found = " and ".join(f"{shell.shape} encoding at {1000 * shell.b:.0f} s/mm²" for shell in shells) or "b = 0"
            raise InputError(
                "acquisition",
                f"has one shell only ({found}), which cannot tell the compartments apart.",
                "Give all shells of the scan together: two b-values or two b-tensor shapes at the least.",
            )

    def _check_threshold(self) -> None:
        if not 0 <= self.b0_threshold <= HIGHEST_B0_THRESHOLD:
            limit = f"{1000 * HIGHEST_B0_THRESHOLD:g} s/mm²"
            fault = f"is {1000 * self.b0_threshold:g} s/mm²; a volume counts as b = 0 up to {limit} at most."
            raise InputError("b0_threshold", fault, f"Give a b-value between 0 and {limit}, such as 50.")

    def _check_lengths(self) -> None:
        n = self.b.size
        if n == 0 or self.b.shape != (n,) or self.b_delta.shape != (n,) or self.directions.shape != (n, 3):
            raise InputError(
                "acquisition",
                f"b {self.b.shape}, b_delta {self.b_delta.shape} and directions {self.directions.shape} do not match.",
                "Give V b-values, V b_delta and V x 3 directions.",
            )

        if n > MOST_VOLUMES:
            raise InputError("acquisition", f"has {n} volumes.", f"Give no more than {MOST_VOLUMES}.")

    def _check_values(self) -> None:
        low, high = SHAPE_RANGE[0] - _SHAPE_ROUNDING, SHAPE_RANGE[1] + _SHAPE_ROUNDING
        good_b = np.isfinite(self.b) & (self.b >= 0)
        good_shape = (self.b_delta >= low) & (self.b_delta <= high)
        _refuse("b", "a b-value of {:g} s/mm²", 1000 * self.b, good_b, "Give finite b-values of 0 or more.")
        _refuse(
            "b_delta",
            "a b_delta of {:g}",
            self.b_delta,
            good_shape,
            "Give b_delta from -0.5 (planar) to 1 (linear).",
        )

    def _check_directions(self) -> None:
        length = np.linalg.norm(self.directions, axis=1)
        unit = np.abs(length - 1) <= _UNIT_TOLERANCE
        directionless = (length == 0) & (self.is_b0 | (np.abs(self.b_delta) <= SPHERICAL_TOLERANCE))
        remedy = (
            "Give unit vectors (where the length carries the b-value, scale b by its square instead); "
            "only b = 0 and spherical encoding may have a zero direction."
        )
        _refuse("directions", "a direction of length {:.4g}", length, unit | directionless, remedy)


def _refuse(where: str, what: str, values: NDArray[np.float64], good: NDArray[np.bool_], remedy: str) -> None:
    """Name the first bad volume and count them all."""
    if not good.all():
        first, n_bad = int(np.argmin(good)), int(np.count_nonzero(~good))
        others = f", and {n_bad - 1} more are at fault" if n_bad > 1 else ""
        raise InputError(where, f"volume {first} (counting from 0) has {what.format(values[first])}{others}.", remedy)
