"""Workers to fit scans on: processes of this machine, those of a scheduler that runs already, or jobs of SLURM.

dask hands out whole scans and never looks into a fit: one process works on one scan, with threads of torch's own.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import InputError, require_library
from ..memory import machine_memory

if TYPE_CHECKING:
    from distributed import Client

EXTRA = "cohort"
"""The extra of this package that brings what cohorts need."""

_PATIENCE = 20.0  # seconds for a scheduler to answer
_LOCAL_FAILURES, _SLURM_FAILURES = 3, 10  # a walltime that ends is no fault of the scan
_ROOM = 4e9  # bytes of memory for a fit: some times what one of a usual scan needs
_HERE = {"host": "127.0.0.1", "protocol": "tcp://"}
_PAGE = "127.0.0.1:0"  # dask serves pages of its own, on a port of its choice: for this machine alone
_LOUDEST = logging.CRITICAL  # what befalls a worker is told of the scan it worked on
_PRELOAD = "napari_smi_inr.cohort.preload"
_NO_LIMITS = tuple(f"export DASK_DISTRIBUTED__WORKER__MEMORY__{what}=False" for what in ("TERMINATE", "PAUSE", "SPILL"))


@dataclass(frozen=True)
class ClusterOptions:
    """Which workers to use.

    Attributes
    ----------
    scheduler
        Address of a running scheduler; empty for workers of our own.
    slurm
        Whether to ask SLURM for them.
    workers
        How many; of SLURM: jobs at a time. None: one a GPU if the fit may use them, else one a processor core,
        but no more than one for each 4 GB of memory.
    threads
        Of each; None: the processor's cores shared out.
    memory, walltime
        Of a SLURM job, as dask-jobqueue takes them: ``"16GB"``, ``"04:00:00"``; empty for those of its configuration.
    slurm_options
        Further options of sbatch, such as ``--gres=gpu:1`` or ``--partition=long``.
    """

    scheduler: str = ""
    slurm: bool = False
    workers: int | None = None
    threads: int | None = None
    memory: str = ""
    walltime: str = ""
    slurm_options: tuple[str, ...] = field(default=())


@contextmanager
def workers(options: ClusterOptions, device: str) -> Iterator[Client]:
    """Open a cluster for as long as it is needed.

    Parameters
    ----------
    options
        Which.
    device
        Of the fits; decides whether GPUs are shared out.

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
            yield client
        return
    import dask
    from distributed import Client

    failures = _SLURM_FAILURES if options.slurm else _LOCAL_FAILURES
    settings = {"distributed.scheduler.allowed-failures": failures, "distributed.scheduler.worker-saturation": 1.0}
    own = _slurm(options) if options.slurm else _local(options, device)
    with dask.config.set(settings), own as cluster, Client(cluster) as client:
        yield client


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
def _local(options: ClusterOptions, device: str) -> Iterator[Any]:
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
        spec[number] = {"cls": Nanny, "options": {**_HERE, **told, "silence_logs": _LOUDEST}}
    scheduler = {"cls": Scheduler, "options": {**_HERE, "dashboard": False, "dashboard_address": _PAGE, "port": 0}}
    with SpecCluster(workers=spec, scheduler=scheduler, silence_logs=_LOUDEST) as cluster:
        yield cluster


@contextmanager
def _slurm(options: ClusterOptions) -> Iterator[Any]:
    """Jobs of SLURM, as many at a time as are asked for, and replaced when they end; each works on one scan."""
    require_library("dask_jobqueue", "cohorts on SLURM", EXTRA)
    with _own_signals():  # importing it takes Ctrl-C and the request to end for itself
        from dask_jobqueue.slurm import SLURMCluster

    threads = options.threads or 1
    given: dict[str, Any] = {
        "cores": 1,
        "processes": 1,
        "job_cpu": threads,
        "memory": options.memory or "8GB",
        "walltime": options.walltime or None,
        "job_extra_directives": list(options.slurm_options),
        "job_script_prologue": [f"export OMP_NUM_THREADS={threads}", *_NO_LIMITS],
        "silence_logs": logging.getLevelName(_LOUDEST),
        "scheduler_options": {"dashboard": False, "dashboard_address": _PAGE},
    }
    try:
        cluster = SLURMCluster(**{key: value for key, value in given.items() if value is not None})
    except ValueError as error:
        raise InputError("--slurm", f"cannot be set up ({error}).", "Check --memory and --walltime.") from None
    with cluster:
        cluster.adapt(minimum_jobs=1, maximum_jobs=options.workers or 1)
        yield cluster


def processes_for(cores: int, memory: float) -> int:
    """How many fits to have at a time on processors alone: one a core, as far as memory [bytes] suffices."""
    return max(1, int(min(cores, memory / _ROOM)))


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


def visible_cards() -> list[str]:
    """What CUDA_VISIBLE_DEVICES has to be for each GPU of this machine that may be used."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
