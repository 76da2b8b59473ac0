"""What a file with a whole protocol gives, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

_S_PER_MM2 = 100.0  # a largest b-value above this cannot be in ms/µm²
_S_PER_M2 = 1e6  # one above this cannot be in s/mm²
_LARGEST_B = 1000.0  # ms/µm²; ten times what any scanner reaches


@dataclass(frozen=True, eq=False)
class ProtocolTable:
    """A protocol of V volumes as a file has it.

    Attributes
    ----------
    b
        (V,) b-values [ms/µm²].
    b_delta
        (V,) shapes; None where the format has none.
    directions
        (V, 3) symmetry axes, of any length.
    scanner_axes
        Whether these are scanner (RAS) axes, as MRtrix has them, instead of FSL's image axes.
    notes
        What was told apart or assumed.
    """

    b: NDArray[np.float64]
    b_delta: NDArray[np.float64] | None
    directions: NDArray[np.float64]
    scanner_axes: bool
    notes: tuple[str, ...]


def to_ms_per_um2(b: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    """Bring b-values to ms/µm², telling their unit, s/mm² or ms/µm², by the largest, and say which it was."""
    largest = float(np.nanmax(b, initial=0.0))
    if largest > _S_PER_MM2:
        return b / 1000, f"b-values taken as s/mm² (the largest is {largest:g})."
    return b, f"b-values taken as ms/µm² (the largest is {largest:g})."


def tensors_to_ms_per_um2(tensors: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    """The same of (V, 3, 3) b-tensors by their traces; these may be in s/m², the SI unit, too."""
    largest = float(np.nanmax(np.trace(tensors, axis1=1, axis2=2), initial=0.0))
    if largest > _S_PER_M2:
        return tensors / 1e9, f"b-tensors taken as s/m² (the largest b-value is {largest:g})."
    if largest > _S_PER_MM2:
        return tensors / 1000, f"b-tensors taken as s/mm² (the largest b-value is {largest:g})."
    return tensors, f"b-tensors taken as ms/µm² (the largest b-value is {largest:g})."


def refuse_huge(b: NDArray[np.float64], where: object) -> None:
    """Refuse b-values [ms/µm²] that no scanner reaches: their unit must be another.

    Raises
    ------
    InputError
        Naming the file.
    """
    largest = float(np.nanmax(b, initial=0.0))
    if largest > _LARGEST_B:
        fault = f"has a b-value of {1000 * largest:g} s/mm², which no scanner reaches."
        raise InputError(where, fault, "Give b-values in s/mm² or ms/µm²; those in s/m² divided by 1000000.")
