"""Whether the worker that fits a scan has been told to end: by its queue at the end of its time, or by somebody."""

from __future__ import annotations

import sys


def worker_is_leaving() -> bool:
    """Whether this thread works for a dask worker that is closing; others will go on with what it has begun."""
    if "distributed" not in sys.modules:
        return False
    from distributed import Status, get_worker

    try:
        status: Status = get_worker().status
    except ValueError:  # it works for nobody
        return False
    return status in (Status.closing, Status.closed)


def leave_to_others() -> Exception:
    """Make what has to be raised for that."""
    from distributed import Reschedule

    return Reschedule()
