"""The ways in which the axes of a .bvec file can be mistaken: orders and signs of x, y and z.

Of the 48 orders with signs 24 remain, since a direction and its opposite measure the same: six orders, each with no
axis flipped or with one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..errors import InputError
from ..io.fsl_axes import fsl_axes

AS_GIVEN = "x,y,z"
"""The directions as they are in the file."""

ROLE = "bvec_axes"
"""What the axes are called among what a scan was read from."""

AUTO = "auto"
"""Ask the fibres."""

_LETTERS = "xyz"


def _names() -> tuple[str, ...]:
    orders = ["".join(order) for order in permutations(_LETTERS)]
    flips = (None, 0, 1, 2)
    return tuple(
        ",".join(("-" if place == flip else "") + letter for place, letter in enumerate(order))
        for order in orders
        for flip in flips
    )


BVEC_AXES = _names()
"""All 24, as text: where the true x, y and z stand in the file; the first is :data:`AS_GIVEN`."""


def axes_matrix(axes: str) -> NDArray[np.float64]:
    """(3, 3) matrix that turns a vector of the file to the true one, in the file's own (FSL) axes.

    Raises
    ------
    InputError
        If the text is none of :data:`BVEC_AXES`, apart from blanks and signs that are all reversed.
    """
    rows = np.zeros((3, 3))
    words = axes.replace(" ", "").lower().split(",")
    good = len(words) == 3 and sorted(word.lstrip("+-") for word in words) == list(_LETTERS)
    if not good or any(len(word) > 2 for word in words):
        remedy = f"Give their order and signs, such as -x,y,z or y,x,z, or {AUTO} to ask the fibres."
        raise InputError("bvec_axes", f"{axes!r} names no axes of the directions.", remedy)
    for row, word in zip(rows, words, strict=True):
        row[_LETTERS.index(word[-1])] = -1.0 if word[0] == "-" else 1.0
    return rows


def in_words(axes: str) -> str:
    """What sets them apart from the file's, such as ``x flipped``."""
    words = axes.split(",")
    letters = [word[-1] for word in words]
    moved = [letter for letter, home in zip(letters, _LETTERS, strict=True) if letter != home]
    parts = []
    if len(moved) == 2:
        parts.append(f"{' and '.join(sorted(moved))} swapped")
    elif moved:
        parts.append(f"axes in the order {', '.join(letters)}")
    parts += [f"{word[1]} flipped" for word in words if word[0] == "-"]
    return ", ".join(parts) or "as in the file"


def turned(dataset: DiffusionDataset, axes: str) -> DiffusionDataset:
    """Take the directions of a scan's .bvec file with its axes in another order or sign, and note it.

    Raises
    ------
    InputError
        If there are no such axes.
    """
    matrix = axes_matrix(axes)
    if abs(np.trace(matrix)) == 3.0:
        return dataset
    note = f"Directions taken with {in_words(axes)} ({axes}), not as in the file."
    frame = fsl_axes(dataset.affine)
    directions = dataset.acquisition.directions @ (frame @ matrix @ np.linalg.inv(frame)).T
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    acquisition = replace(dataset.acquisition, directions=directions / np.where(length > 0, length, 1.0))
    read_from = {**dataset.read_from, ROLE: axes}
    return replace(dataset, acquisition=acquisition, notes=(*dataset.notes, note), read_from=read_from)
