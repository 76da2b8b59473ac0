"""The other end of :mod:`.fit_process`: one fit, told about on standard output and commanded on standard input."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from .fit_job import FitJob, Update

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate


def serve() -> None:
    """Read a scan and its settings, fit, write each update and at last the outcome."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is meant for the program that started this one
    commands, out = sys.stdin.buffer, _own_output()
    import_module("...inr.training", __package__)  # brings torch: seconds, while the user still chooses
    try:
        job = FitJob(*pickle.load(commands))
        threading.Thread(target=_obey, args=(job, commands), daemon=True).start()
        _report(job, out)
    except (EOFError, BrokenPipeError):  # the program that started this one has ended
        pass
    os._exit(0)  # Python itself could not end while a thread of it reads standard input


def _report(job: FitJob, out: BinaryIO) -> None:
    """Do the job, and say all that it has to say."""
    run = job.run()
    while True:
        try:
            _say(out, _portable(next(run)))
        except StopIteration as end:
            _say(out, replace(end.value, error=_portable_error(end.value.error)))
            return


def _own_output() -> BinaryIO:
    """Standard output for us alone: what anybody prints goes with the errors."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    errors = sys.stderr.fileno() if sys.stderr else os.open(os.devnull, os.O_WRONLY)
    os.dup2(errors, sys.stdout.fileno())
    return own


def _say(out: BinaryIO, what: Any) -> None:
    pickle.dump(what, out, protocol=pickle.HIGHEST_PROTOCOL)
    out.flush()


def _portable(update: Update | None) -> Update | None:
    """The same without the way to the fit itself, which cannot leave this process."""
    return update and replace(update, step=replace(update.step, _field=_out_of_reach))


def _out_of_reach() -> Estimate:
    raise RuntimeError("the fit is in another process; its field comes with an update")


def _portable_error(error: Exception | None) -> Exception | None:
    """The error, or its words if it cannot leave this process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # anything an error's own making may raise
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _obey(job: FitJob, commands: BinaryIO) -> None:
    """Do as told, and end with the program that tells."""
    try:
        while True:
            getattr(job, pickle.load(commands))()
    except EOFError:
        os._exit(0)
