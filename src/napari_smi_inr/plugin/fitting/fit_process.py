"""A fit in a Python of its own: what the window draws cannot hold it up, and what befalls it leaves the window be."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from ...dataset import DiffusionDataset
from ...errors import InputError
from ...estimation.settings import Settings
from .fit_job import Job, Outcome, Update

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate
    from ...estimation.keep import Keep

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from napari_smi_inr.plugin.fitting.fit_server import serve; serve()"
)
_NO_CONSOLE = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows would open one
_PATIENCE = 5.0  # seconds to wait for the system to clear away a process that has ended


class FitProcess:
    """A process that loads what a fit needs, waits for one scan, and ends with its fit or with this program.

    multiprocessing would run the user's own script once more in there; this runs nothing but the fit.

    Raises
    ------
    OSError
        If the system starts no process.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, creationflags=_NO_CONSOLE)
        self._outbox: SimpleQueue[Any] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="smi-inr-fit-outbox", daemon=True)
        self._writer.start()

    @classmethod
    def started(cls) -> Self | None:
        """One, or None where there is no Python to start: in a bundled program, or on a system that forbids it."""
        if getattr(sys, "frozen", False) or not sys.executable:
            return None
        try:
            return cls()
        except OSError:
            return None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def tell(self, what: Any) -> None:
        """Send something, in order, without waiting until it is read."""
        self._outbox.put(what)

    def hear(self) -> Any:
        """Wait for the next thing it says.

        Raises
        ------
        EOFError
            If it has ended.
        """
        assert self._process.stdout is not None
        try:
            return pickle.load(self._process.stdout)
        except (OSError, ValueError, pickle.UnpicklingError) as error:  # ended in mid-word, or by us
            raise EOFError from error

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._outbox.put(None)
        self._writer.join(_PATIENCE)
        assert self._process.stdout is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
            self._process.stdout.close()  # only now: closing waits for a thread that still listens

    def how_it_ended(self) -> str:
        """The signal or code it ended with, in words."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        code = self._process.returncode
        if code is None:
            return "it says no more"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _write(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        with suppress(OSError), stream:  # it has ended: whoever listens to it will notice
            while (what := self._outbox.get()) is not None:
                pickle.dump(what, stream, protocol=pickle.HIGHEST_PROTOCOL)
                stream.flush()


class ProcessJob(Job):
    """A fit in a process of its own.

    Parameters
    ----------
    process
        One that waits.
    dataset, config
        What to fit and how.
    keep
        Where the fit keeps its state.
    """

    def __init__(
        self, process: FitProcess, dataset: DiffusionDataset, config: Settings, keep: Keep | None = None
    ) -> None:
        self.dataset, self.config = dataset, config
        self.ended = threading.Event()
        self._paused = False
        self._process = process
        self._stopped = False
        self._abandoned = False
        self._begun = False  # it has said something: until then it may be loading, for seconds, and hear nothing
        process.tell((dataset, config, None, keep))

    @property
    @override
    def paused(self) -> bool:
        return self._paused

    @override
    def pause(self) -> None:
        self._paused = True
        self._process.tell("pause")

    @override
    def resume(self) -> None:
        self._paused = False
        self._process.tell("resume")

    @override
    def stop(self) -> None:
        if not self._begun:
            self.abandon()
            return
        self._stopped = True
        self._process.tell("stop")

    @override
    def abandon(self) -> None:
        self._stopped = self._abandoned = True
        self._process.end()

    @override
    def run(self) -> Generator[Update | None, None, Outcome]:
        best: Estimate | None = None
        try:
            while True:
                said = self._process.hear()
                self._begun = True
                if isinstance(said, Outcome):
                    return said
                if said is not None and said.field is not None:
                    best = said.field
                yield said
        except EOFError:
            return Outcome(best, self._stopped, None if self._abandoned else self._lost())
        finally:
            self._process.end()
            self.ended.set()

    def _lost(self) -> InputError:
        fault = f"its process has ended before its time ({self._process.how_it_ended()})."
        remedy = "Often memory has run out: close other programs, or fit a smaller mask or in smaller batches."
        return InputError("The fit", fault, remedy)
