"""A network at many points, on all cores, within the memory there is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from ..estimation.side_by_side import side_by_side
from ..memory import give_back_memory, is_out_of_memory
from .model import FieldModel
from .network import Tissue

Take = Callable[[slice, Tissue], object]
"""Takes the tissue at some of the points, in the processor's memory; on any thread."""

_CHUNK = 4096
"""Points evaluated at a time by a processor, whose cache holds their activations."""

_CARD_FEATURES = 2**26
"""Features evaluated at a time by a graphics card (256 MB), which only many points keep busy."""

_SMALLEST = 256
"""Points evaluated at a time at least, where memory is short."""


def evaluate(model: FieldModel, points: NDArray[np.floating], take: Take) -> None:
    """Give the tissue at (N, 3) points [mm], some at a time, to a taker: fewer where memory runs out.

    Raises
    ------
    RuntimeError, MemoryError
        If memory runs out for the fewest.
    """
    work = partial(_evaluate, model, points, take)
    if model.encoding.frequencies.device.type == "cpu":
        side_by_side(work, _chunks(len(points), _CHUNK))
        return
    for rows in _chunks(len(points), max(_CHUNK, _CARD_FEATURES // model.encoding.n_features)):
        work(rows)


def _evaluate(model: FieldModel, points: NDArray[np.floating], take: Take, rows: slice) -> None:
    try:
        with torch.inference_mode():
            found = Tissue(*(part.cpu() for part in model.at(points[rows])))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or rows.stop - rows.start <= _SMALLEST:
            raise
        found = None
    if found is not None:
        take(rows, found)
        return
    give_back_memory()  # here, where the error no longer keeps what it saw
    for half in _chunks(rows.stop, (rows.stop - rows.start + 1) // 2, rows.start):
        _evaluate(model, points, take, half)


def _chunks(stop: int, size: int, start: int = 0) -> list[slice]:
    """Consecutive stretches, all but the last of one size."""
    return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]
