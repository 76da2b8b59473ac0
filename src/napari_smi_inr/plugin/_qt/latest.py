"""A question asked again and again on another thread, of which only the latest counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from ..helper import Attempt

THREAD_NAME = "smi-inr questions"


class Latest(QObject):
    """Answers requests one after another on a thread of its own; a request not yet begun gives way to a newer one.

    The thread ends with :meth:`close`, which whoever owns this must call; it is a daemon, and holds nothing up.

    Parameters
    ----------
    answer
        Called on the thread with a request. What it raises arrives as the error of the attempt.
    """

    answered = Signal(object)
    """The :class:`~napari_smi_inr.plugin.helper.Attempt`, on the thread of this object."""

    _done = Signal(object)

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self._answer = answer
        self._condition = threading.Condition()
        self._request: tuple[Any] | None = None
        self._open = True
        self._busy = False
        self._done.connect(self._deliver)
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether nothing is being worked on."""
        with self._condition:
            return self._request is None and not self._busy

    def ask(self, request: Any) -> None:
        """Ask, in place of what has been asked and not yet begun."""
        with self._condition:
            self._request = (request,)
            self._condition.notify()

    def close(self, timeout: float = 2.0) -> None:
        """End the thread after the answer in hand, which falls silent."""
        with self._condition:
            self._open = False
            self._condition.notify()
        self._thread.join(timeout)
        self.deleteLater()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._busy = False
                self._condition.wait_for(lambda: self._request is not None or not self._open)
                if not self._open:
                    return
                assert self._request is not None
                (request,) = self._request
                self._request, self._busy = None, True
            result = attempt(self._answer, request)
            with self._condition:
                if self._open:  # under the lock: deleting an object in the midst of its signal is a crash
                    self._done.emit(result)

    def _deliver(self, result: Attempt) -> None:
        if self._open:  # it may have been closed since the thread said so
            self.answered.emit(result)


def attempt(answer: Callable[[Any], Any], request: Any) -> Attempt:
    """Answer a request, or say what went wrong."""
    try:
        return Attempt(answer(request))
    except Exception as error:  # told to whoever asked
        return Attempt(None, error)
