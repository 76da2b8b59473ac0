"""Want of memory, whoever reports it, on whatever device."""

from __future__ import annotations

import math
import os
import sys

_WORDS = (
    "out of memory",  # CUDA, MPS
    "allocate memory",  # the processor, where the system grants none
    "not enough memory",  # the same on Windows
    "ALLOC_FAILED",  # CUDA's libraries
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory has run out, and not that something is wrong.

    Python and numpy raise a MemoryError, torch a RuntimeError of one class or another.
    """
    if isinstance(error, RuntimeError):
        return any(words in str(error) for words in _WORDS)
    return isinstance(error, MemoryError)


def machine_memory() -> float:
    """Bytes of memory of this machine, infinite where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows, which refuses by itself what it cannot give
        return math.inf


def give_back_memory() -> None:
    """Give back what torch keeps of devices' memory for later: it may be wanted in one piece."""
    torch = sys.modules.get("torch")  # if it was never loaded, it keeps nothing
    if torch is None:
        return
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
