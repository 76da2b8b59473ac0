"""Shapes of b-tensors: a file beside the scan, a number or word for all volumes, or an assumption that is told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .beside import BDELTA_SUFFIXES, TENSOR_SUFFIXES, find_sidecar, looked_for
from .files import readable_file
from .number_table import read_numbers, read_table

Shape = str | Path | float
"""b-tensor shapes as users give them: a file, or one number or word of :data:`SHAPE_WORDS` for all volumes."""

SHAPE_WORDS = {"lte": 1.0, "pte": -0.5, "ste": 0.0, "cte": 0.5}
"""dipy's words for linear, planar, spherical and cigar-shaped encoding."""

_OTHER_SHAPE = re.compile(r"(?<![a-z])(pte|ste|cte)(?![a-z])", re.IGNORECASE)


def read_shapes(dwi: Path, bdelta: Shape | None, n_volumes: int) -> tuple[NDArray[np.float64], Path | None, str]:
    """Shapes of all volumes, the file they are from, if any, and what was assumed."""
    one = one_shape(bdelta)
    if one is not None:
        return np.full(n_volumes, one), None, f"b_delta of {one:g} taken for every volume, as given."
    path = find_sidecar(dwi, BDELTA_SUFFIXES) if bdelta is None else readable_file(str(bdelta), "b_delta")
    if path is None:
        return np.ones(n_volumes), None, _assumed_linear(dwi)
    rows = read_table(path)
    if n_volumes > 1 and [len(row) for row in rows] == [1]:
        return np.full(n_volumes, rows[0][0]), path, f"b_delta of {rows[0][0]:g} taken for every volume ({path.name})."
    return read_numbers(path, n_volumes, "b_delta"), path, ""


def one_shape(bdelta: Shape | None) -> float | None:
    """Give the one shape that a number or word stands for; None for the name of a file."""
    if bdelta is None or isinstance(bdelta, Path):
        return None
    if isinstance(bdelta, str) and bdelta.strip().lower() in SHAPE_WORDS:
        return SHAPE_WORDS[bdelta.strip().lower()]
    try:
        return float(bdelta)
    except ValueError:
        return None


def _assumed_linear(dwi: Path) -> str:
    """Say that shapes are assumed; refuse to where the scan's own name speaks against it."""
    names = ", ".join(looked_for(dwi, (*BDELTA_SUFFIXES, *TENSOR_SUFFIXES)))
    word = _OTHER_SHAPE.search(dwi.name)
    if word is not None:
        told = SHAPE_WORDS[word[0].lower()]
        fault = f"has no b-tensor shapes beside it (looked for {names}), and {word[0]!r} in its name speaks of some."
        raise InputError(dwi, fault, f"Give them as bdelta: {told:g} for all volumes, or a file; 1 for linear.")
    return f"No b-tensor shapes given or found beside the scan ({names}): linear encoding assumed for every volume."
