"""Handing out scans to workers, and hearing what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .subject import fit_scan
from .task import Outcome, Task

if TYPE_CHECKING:
    from distributed import Client

    from .cluster import Pool

_LOOK = 0.1  # seconds between two looks for answers, and for Ctrl-C
_GRACE = 30.0  # seconds for fits under way to write down where they stand


_ALONE = 60.0
"""Seconds without a worker after which it is worth a word."""

_NO_WORKER = (
    "No worker is there. They may still be waiting in a queue, or end as soon as they begin: look at the queue "
    "(squeue, with SLURM) and at what their jobs have written (OUT_DIR/.work/slurm-*.log). Ctrl-C stops."
)


def fit_all(
    pool: Pool,
    tasks: Sequence[Task],
    stop_asked: Callable[[], bool],
    announce: Callable[[str], object] = lambda words: None,
) -> Iterator[Outcome]:
    """Fit scans, as many at a time as there are workers.

    A worker that is lost costs nothing but time: its scan goes to another, and on from its last checkpoint.

    Parameters
    ----------
    pool
        Of workers.
    tasks
        What to fit.
    stop_asked
        Asked all the time; once it says yes, fits under way are left where they stand, and no more are begun.
    announce
        Called with a sentence where nothing can go on for want of workers.

    Yields
    ------
    Outcome
        Of each task, in the order in which they end. After a stop, of those that have answered.

    Raises
    ------
    InputError
        If no worker will ever come.
    """
    from distributed import as_completed

    client = pool.client
    names = {task.key: task.name for task in tasks}
    futures = [client.submit(fit_scan, task, key=task.key, pure=False) for task in tasks]
    answers = as_completed(futures, raise_errors=False)
    deadline, quiet = None, time.monotonic() + _ALONE
    while answers.count():
        if answers.has_ready():
            for future in answers.next_batch(block=False):
                yield _outcome(future, names[future.key])
                future.release()
            continue
        if deadline is None and stop_asked():
            deadline = time.monotonic() + _GRACE
            _let_go(client, answers, futures, tasks)
        if deadline is not None and time.monotonic() > deadline:
            return
        if words := pool.news():
            announce(words)
        if time.monotonic() > quiet:
            quiet = time.monotonic() + 10 * _ALONE
            if not client.nthreads():
                announce(_NO_WORKER)
        time.sleep(_LOOK)


def _let_go(client: Client, answers: Any, futures: Sequence[Any], tasks: Sequence[Task]) -> None:
    """Ask fits under way to stop, and take back what no worker has begun."""
    for stop in {task.request.stop for task in tasks if task.request.stop is not None}:
        stop.parent.mkdir(parents=True, exist_ok=True)
        stop.touch()
    begun = {str(key) for keys in client.processing().values() for key in keys}
    client.cancel([future for future in futures if future.key not in begun and not future.done()])


def _outcome(future: Any, name: str) -> Outcome:
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    if future.status == "cancelled":
        return Outcome(name, "stopped")
    from distributed.scheduler import KilledWorker

    error = future.exception()
    if isinstance(error, KilledWorker):
        told = (
            "Worker: the process that fitted this scan was lost again and again: killed, or out of memory. "
            "Give it more memory, fewer workers at a time, or a smaller mask."
        )
        return Outcome(name, "failed", error=told)
    return Outcome(name, "failed", error=f"{type(error).__name__}: {error}")
