"""What a worker of our own does before all else (dask loads this module into it by name)."""

from __future__ import annotations

import atexit
import os
import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to whoever started the worker, who asks it to stop: a terminal sends it to every process.

    And have it end at once when it is told to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit.register(os._exit, 0)  # all is written by then; torch takes seconds to take itself apart
