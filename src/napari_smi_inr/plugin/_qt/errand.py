"""A small question asked on another thread, whose answer nobody waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]


class Errand(QObject):
    """Runs a function on a daemon thread and emits its result on this object's own.

    Unlike a worker of napari, it may be left behind when the window closes: it asks for no confirmation, holds
    nothing up, and its answer then falls silent.

    Parameters
    ----------
    parent
        Owner; no answer once it has gone.
    """

    answered = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)

    def go(self, question: Callable[[], Any]) -> None:
        """Ask."""
        threading.Thread(target=self._run, args=(question,), daemon=True, name="smi-inr errand").start()

    def _run(self, question: Callable[[], Any]) -> None:
        answer = question()
        with suppress(RuntimeError):  # this object has been deleted meanwhile
            self.answered.emit(answer)
