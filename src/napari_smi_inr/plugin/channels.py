"""What the zoom layer evaluates and keeps, and how the image of a parameter is made from it.

Between samples everything is interpolated, so what is kept must be smooth. p2 is the length of a vector, with a kink
where that vector vanishes; its square has none. Colours of directions come from the FOD's second moments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import PARAMETERS
from ..sampling.field import Field
from ..signal_model.spherical_harmonics import P2_SCALE, second_moments

Float = NDArray[np.float32]

DIRECTION = "direction"
"""Name of the map of fibre directions in colours."""

_P2, _P2_SQUARED = "p2", "p2²"
_MOMENTS = ("mxx", "myy", "mzz")
_COHERENT = (PARAMETERS["p2"].display or (0.0, 1.0))[1]  # p2 from which on colours are full


def _as_is(values: Float) -> Float:
    value: Float = values[0]
    return value


def _root(values: Float) -> Float:
    root: Float = np.sqrt(np.maximum(values[0], 0))
    return root


def direction_colours(values: Float) -> Float:
    """(4, …) p2 squared and the second moments xx, yy, zz (less 1/3) to (…, 3) red, green and blue from 0 to 1.

    Of fibres around one direction n the second moments are p2 (n_k² - 1/3), and the colour is then p2 |n_k|: that of
    the principal direction, as bright as it is coherent, as in the maps known from diffusion tensors. Unlike those it
    changes smoothly where fibres cross.
    """
    p2 = _root(values)
    along = np.sqrt(p2 * np.maximum(values[1:] + p2 / 3, 0))
    colours: Float = np.moveaxis(np.minimum(along / np.float32(_COHERENT), 1), 0, -1)
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
        self.parameters = self._names()
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
        if self._oriented is None:
            return self.field.sample(points_mm)
        known = self._oriented(points_mm)
        n = len(self.field.parameters)
        scalars, second = known[:, :n], known[:, n:]
        squared = np.float32(P2_SCALE**2) * np.einsum("nm,nm->n", second, second)[:, None]
        return np.concatenate([scalars, squared, second_moments(second)], axis=1).astype(np.float32, copy=False)

    def _names(self) -> tuple[str, ...]:
        return self.field.parameters + ((_P2_SQUARED, *_MOMENTS) if self._oriented else ())

    def _written(self) -> dict[str, Recipe]:
        recipes = {name: Recipe((column,)) for column, name in enumerate(self.field.parameters)}
        if self._oriented is not None:
            first = len(self.field.parameters)
            if self._continuous:  # a voxel-wise fit's own p2 is what its map shows, and that is interpolated
                recipes[_P2] = Recipe((first,), _root)
            recipes[DIRECTION] = Recipe(tuple(range(first, first + 4)), direction_colours, colours=True)
        return recipes
