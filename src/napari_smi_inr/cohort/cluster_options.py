"""Which workers to use, and how dask is to behave with all of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

EXTRA = "cohort"
"""The extra of this package that brings what cohorts need."""

LOUDEST = logging.CRITICAL
"""Below it dask keeps silent: what befalls a worker is told of the scan it worked on."""

PAGE = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
"""dask serves pages of its own, on a port of its choice: for this machine alone."""


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
