"""Workers to fit scans on: processes of this machine, those of a scheduler that runs already, or jobs of SLURM.

dask hands out whole scans and never looks into a fit: one process works on one scan, with threads of torch's own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InputError, require_library
from ..memory import machine_memory
from .cluster_options import EXTRA, LOUDEST, PAGE, ClusterOptions
from .slurm import slurm_jobs

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE = 20.0  # seconds for a scheduler to answer
_LOCAL_FAILURES, _SLURM_FAILURES = 3, 10  # a walltime that ends is no fault of the scan
_ROOM = 4e9  # bytes of memory for a fit: some times what one of a usual scan needs
_HERE = {"host": "127.0.0.1", "protocol": "tcp://"}
_PRELOAD = "napari_smi_inr.cohort.preload"


def _no_news() -> str:
    return ""


class Pool(NamedTuple):
    """Workers that are there, or on their way."""

    client: Client
    news: Callable[[], str] = _no_news
    """Gives what is new to tell of workers on their way, or nothing; raises InputError if none will come."""


@contextmanager
def workers(options: ClusterOptions, device: str, logs: Path) -> Iterator[Pool]:
    """Open a cluster for as long as it is needed.

    Parameters
    ----------
    options
        Which.
    device
        Of the fits; decides whether GPUs are shared out.
    logs
        Folder for what jobs of SLURM write.

    Raises
    ------
    InputError
        If dask.distributed or dask-jobqueue is not installed, the options contradict each other, no scheduler
        answers, or its workers have another version of this package.
    """
    require_library("distributed", "cohorts", EXTRA)
    if options.scheduler and options.slurm:
        raise InputError("--slurm", "asks for workers of its own, and --scheduler for others.", "Give one of the two.")
    if options.scheduler:
        with _running(options.scheduler) as client:
            yield Pool(client)
        return
    import dask
    from distributed import Client

    failures = _SLURM_FAILURES if options.slurm else _LOCAL_FAILURES
    settings = {"distributed.scheduler.allowed-failures": failures, "distributed.scheduler.worker-saturation": 1.0}
    own = slurm_jobs(options, logs) if options.slurm else _local(options, device)
    with dask.config.set(settings), own as (cluster, news), Client(cluster) as client:
        yield Pool(client, news)


@contextmanager
def _running(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        fault = f"no scheduler answers there ({str(error).splitlines()[0]})."
        raise InputError(address, fault, "Start one with 'dask scheduler', or leave out --scheduler.") from None
    with client:
        _require_same_version(client, address)
        yield client


def _require_same_version(client: Client, address: str) -> None:
    """Find out before the work whether those who are there could do it; who comes later tells by failing."""
    from importlib.metadata import version

    from ..io.sidecar import PROGRAM

    try:
        found: Mapping[str, str] = client.run(version, PROGRAM)
    except Exception as error:
        fault = f"its workers cannot import {PROGRAM} ({error})."
        raise InputError(address, fault, "Install it in the environment they run in.") from None
    ours = version(PROGRAM)
    if other := sorted(set(found.values()) - {ours}):
        fault = f"has workers with {PROGRAM} {', '.join(other)}; this is {ours}."
        raise InputError(address, fault, "Install the same version everywhere.")


@contextmanager
def _local(options: ClusterOptions, device: str) -> Iterator[tuple[Any, Callable[[], str]]]:
    """Processes of this machine, each with a device of its own where there are GPUs."""
    from distributed import Nanny, Scheduler, SpecCluster

    cards = visible_cards() if device in ("auto", "cuda") else []
    cores = _cores()
    n = options.workers or len(cards) or processes_for(cores, machine_memory())
    threads = str(options.threads or max(1, cores // n))
    spec = {}
    for number in range(n):
        env = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        env |= {"CUDA_VISIBLE_DEVICES": cards[number % len(cards)]} if cards else {}
        told = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "env": env, "preload": [_PRELOAD]}
        spec[number] = {"cls": Nanny, "options": {**_HERE, **told, "silence_logs": LOUDEST}}
    scheduler = {"cls": Scheduler, "options": {**_HERE, **PAGE, "port": 0}}
    with SpecCluster(workers=spec, scheduler=scheduler, silence_logs=LOUDEST) as cluster:
        yield cluster, _no_news


def processes_for(cores: int, memory: float) -> int:
    """How many fits to have at a time on processors alone: one a core, as far as memory [bytes] suffices."""
    return max(1, int(min(cores, memory / _ROOM)))


def visible_cards() -> list[str]:
    """What CUDA_VISIBLE_DEVICES has to be for each GPU of this machine that may be used."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
