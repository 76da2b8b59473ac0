"""What the zoom layer evaluates and keeps, and how the image of a parameter is made from it.

Between samples everything is interpolated, so what is kept must be smooth. p2 is the length of a vector, with a kink
where that vector, the FOD's coefficients of l = 2, vanishes; so it is the vector that is kept, and from it colours of
directions are made too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...parameters import PARAMETERS
from ...sampling.field import Field
from ...signal_model.spherical_harmonics import P2_SCALE, second_moments

Float = NDArray[np.float32]

DIRECTION = "direction"
"""Name of the map of fibre directions in colours."""

_P2 = "p2"
_SECOND = tuple(f"l2m{m}" for m in range(-2, 3))
_COHERENT = (PARAMETERS[_P2].display or (0.0, 1.0))[1]  # p2 from which on colours are full
_SOFT = np.float32(0.03)  # rounds the root off where it rises vertically: there no interpolation would follow


def _as_is(values: Float) -> Float:
    value: Float = values[0]
    return value


def _p2(second: Float) -> Float:
    p2: Float = np.float32(P2_SCALE) * np.sqrt(np.einsum("m...,m...->...", second, second))
    return p2


def direction_colours(second: Float) -> Float:
    """(5, …) coefficients of l = 2 to (…, 3) red, green and blue from 0 to 1.

    Of fibres around one direction n the FOD's second moments are p2 (n_k² - 1/3), and the colour is p2 |n_k|: that of
    the principal direction, as bright as it is coherent, as in the maps known from diffusion tensors. Unlike those it
    changes smoothly where fibres cross.
    """
    p2 = _p2(second)
    colours = np.empty((*p2.shape, 3), np.float32)
    for axis, moment in enumerate(second_moments(second)):
        squared = np.maximum(moment + p2 / 3, 0) * p2
        along = np.sqrt(squared + _SOFT**2) - _SOFT
        np.minimum(along / np.float32(_COHERENT), 1, out=colours[..., axis])
    return colours


@dataclass(frozen=True)
class Recipe:
    """How the image of a parameter is made.

    Attributes
    ----------
    columns
        What of :class:`Channels` it takes.
    finish
        From (K, …) values to the image (…), or (…, 3) colours.
    colours
        Whether it gives colours.
    """

    columns: tuple[int, ...]
    finish: Callable[[Float], Float] = _as_is
    colours: bool = False


class Channels:
    """A field as the zoom layer sees it; itself a field, of what is smooth enough to be interpolated.

    Parameters
    ----------
    field
        Any field. Of one that knows its FODs (``sample_orientation``), directions can be shown too.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self.affine, self.mask = field.affine, field.mask
        self._oriented: Callable[[Any], Float] | None = getattr(field, "sample_orientation", None)
        self._continuous = getattr(field, "detail", None) is not None
        self.parameters = field.parameters + (_SECOND if self._oriented else ())
        self._recipes = self._written()

    @property
    def shown(self) -> tuple[str, ...]:
        """What can be shown: the field's parameters, and directions where it knows them."""
        return tuple(self._recipes)

    def recipe(self, parameter: str) -> Recipe:
        """Look up how a parameter is made."""
        return self._recipes[parameter]

    def sample(self, points_mm: NDArray[np.floating]) -> Float:
        """(N, C) values at (N, 3) RAS positions [mm], one column for each of :attr:`parameters`."""
        return self.field.sample(points_mm) if self._oriented is None else self._oriented(points_mm)

    def _written(self) -> dict[str, Recipe]:
        recipes = {name: Recipe((column,)) for column, name in enumerate(self.field.parameters)}
        if self._oriented is not None:
            second = tuple(range(len(recipes), len(self.parameters)))
            if self._continuous:  # a voxel-wise fit's own p2 is what its map shows, and that is interpolated
                recipes[_P2] = Recipe(second, _p2)
            recipes[DIRECTION] = Recipe(second, direction_colours, colours=True)
        return recipes
