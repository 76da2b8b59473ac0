"""Workers as jobs of SLURM, by dask-jobqueue: what is asked for, and what SLURM says where it refuses."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError, require_library
from .cluster_options import EXTRA, LOUDEST, PAGE, ClusterOptions

LOGS = "slurm-*.log"
"""Names of what jobs write, one file a job."""

_NO_LIMITS = tuple(f"export DASK_DISTRIBUTED__WORKER__MEMORY__{what}=False" for what in ("TERMINATE", "PAUSE", "SPILL"))


class Queue:
    """What has been said to the jobs that were asked for: dask-jobqueue keeps it to itself."""

    def __init__(self) -> None:
        self._any_accepted = False
        self._refusals: set[str] = set()
        self._untold: list[str] = []

    def accepted(self) -> None:
        """A job waits or runs."""
        self._any_accepted = True

    def refused(self, error: Exception) -> None:
        """A job was not taken."""
        words = _words(error)
        if words not in self._refusals:
            self._refusals.add(words)
            self._untold.append(words)

    def news(self) -> str:
        """Give what has not been told yet.

        Raises
        ------
        InputError
            If no job has ever been taken: the next one will not be either.
        """
        words, self._untold = "; ".join(self._untold), []
        if not words:
            return ""
        if not self._any_accepted:
            where = "~/.config/dask/jobqueue.yaml"
            remedy = f"Check --memory, --walltime and --slurm-option, and partition and account in {where}."
            raise InputError("--slurm", f"no job is taken ({words}).", remedy)
        return f"SLURM has refused a further job ({words}). Those that run go on."


@contextmanager
def slurm_jobs(options: ClusterOptions, logs: Path) -> Iterator[tuple[Any, Callable[[], str]]]:
    """Have as many jobs at a time as are asked for, replaced when they end; each works on one scan.

    Parameters
    ----------
    options
        Which.
    logs
        Folder for what jobs write; made if missing.

    Yields
    ------
    cluster
        Of dask.
    news
        See :meth:`Queue.news`.

    Raises
    ------
    InputError
        If dask-jobqueue is not installed, or memory or walltime are none.
    """
    require_library("dask_jobqueue", "cohorts on SLURM", EXTRA)
    with _own_signals():  # importing it takes Ctrl-C and the request to end for itself
        from dask_jobqueue.slurm import SLURMCluster

    queue = Queue()
    logs.mkdir(parents=True, exist_ok=True)
    threads = options.threads or 1
    pattern = str(logs / LOGS).replace("%", "%%").replace("*", "%j")
    given: dict[str, Any] = {
        "job_cls": _job_class(queue),
        "cores": 1,
        "processes": 1,
        "job_cpu": threads,
        "memory": options.memory or "8GB",
        "walltime": options.walltime or None,
        "job_extra_directives": [f'--output="{pattern}"', *options.slurm_options],
        "job_script_prologue": [f"export OMP_NUM_THREADS={threads}", *_NO_LIMITS],
        "silence_logs": logging.getLevelName(LOUDEST),
        "scheduler_options": PAGE,
    }
    try:
        cluster = SLURMCluster(**{key: value for key, value in given.items() if value is not None})
    except ValueError as error:
        raise InputError("--slurm", f"cannot be set up ({error}).", "Check --memory and --walltime.") from None
    with cluster:
        cluster.adapt(minimum_jobs=1, maximum_jobs=options.workers or 1)
        yield cluster, queue.news


def _job_class(queue: Queue) -> type:
    """Make jobs that tell what became of them when they were handed in."""
    from dask_jobqueue.slurm import SLURMJob
    from distributed.core import Status

    class Job(SLURMJob):
        async def _submit_job(self, script_filename: str) -> Any:
            try:
                said = await super()._submit_job(script_filename)  # type: ignore[no-untyped-call]
            except (OSError, RuntimeError) as error:
                queue.refused(error)
                self.status = Status.failed  # which dask does not do, and misses when it closes
                raise
            queue.accepted()
            return said

    return Job


def _words(error: Exception) -> str:
    """What sbatch itself has said, of all that dask-jobqueue tells."""
    if isinstance(error, FileNotFoundError):
        return "there is no sbatch here"
    said = str(error).partition("stderr:")[2].strip() or str(error)
    return "; ".join(line.removeprefix("sbatch: ").removeprefix("error: ") for line in said.splitlines())


@contextmanager
def _own_signals() -> Iterator[None]:
    """Leave what is done on signals as it was."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, action in before.items():
            if signal.getsignal(number) is not action:
                signal.signal(number, action)
