"""Work on all cores, each core with a part of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

from .device import one_thread

T = TypeVar("T")

_CORES = torch.get_num_threads()


def side_by_side(work: Callable[[T], object], parts: Sequence[T]) -> None:
    """Do every part, as many at once as torch may use threads, each on one thread alone.

    When torch shares a single operation among threads, they wait for one another after each, and spin while they do:
    measured with five busy programs on two cores, a field then takes five times the processor's time, and eight times
    as long.
    """
    n = min(_CORES, torch.get_num_threads(), len(parts))
    if n > 1:
        list(_workers().map(lambda some: [work(part) for part in some], [parts[i::n] for i in range(n)]))
        return
    with one_thread():
        for part in parts:
            work(part)


def _alone() -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # the first question settles it for this thread


@cache
def _workers() -> ThreadPoolExecutor:
    """Threads kept for good, as torch keeps its own: to start them takes longer than many a part."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(_CORES, "evaluate", _alone)
    all_there = Barrier(_CORES + 1)
    for _ in range(_CORES):
        pool.submit(all_there.wait)
    all_there.wait()
    torch.set_num_threads(before)  # what one thread sets, those to come would begin with
    return pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.cache_clear)
