"""A network at many points, within the memory there is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ..memory import give_back_memory, is_out_of_memory
from .model import FieldModel
from .network import Tissue

CHUNK = 16_384
"""Points evaluated at a time; their activations stay within the cache and a few tens of MB."""

_SMALLEST = 256
"""The same at least, where memory is short."""


def tissue_in_chunks(model: FieldModel, points: NDArray[np.float32]) -> Iterator[tuple[slice, Tissue]]:
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
    start, size = 0, CHUNK
    while start < len(points):
        rows = slice(start, start + size)
        try:
            device = model.encoding.frequencies.device
            found = Tissue(*(part.cpu() for part in model(torch.from_numpy(points[rows]).to(device))))
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
