"""A network at many points, within the memory there is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..memory import give_back_memory, is_out_of_memory
from .model import FieldModel
from .network import Tissue

_CHUNK = 4096
"""Points evaluated at a time by a processor, whose cache holds their activations."""

_CARD_FEATURES = 2**26
"""Features evaluated at a time by a graphics card (256 MB), which only many points keep busy."""

_SMALLEST = 256
"""Points evaluated at a time at least, where memory is short."""


def tissue_in_chunks(model: FieldModel, points: NDArray[np.floating]) -> Iterator[tuple[slice, Tissue]]:
    """The tissue at (N, 3) points [mm], some at a time: fewer where memory runs out.

    Yields
    ------
    slice, Tissue
        Which of the points, and their tissue, in the processor's memory.

    Raises
    ------
    RuntimeError, MemoryError
        If memory runs out for the fewest.
    """
    start, size = 0, _chunk(model)
    while start < len(points):
        rows = slice(start, start + size)
        try:
            found = Tissue(*(part.cpu() for part in model.at(points[rows])))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or size <= _SMALLEST:
                raise
            found = None
        if found is None:  # here, where the error no longer keeps what it saw
            size //= 2
            give_back_memory()
            continue
        yield rows, found
        start += size


def _chunk(model: FieldModel) -> int:
    """Points to evaluate at a time, where there is memory enough."""
    if model.encoding.frequencies.device.type == "cpu":
        return _CHUNK
    return max(_CHUNK, _CARD_FEATURES // model.encoding.n_features)
