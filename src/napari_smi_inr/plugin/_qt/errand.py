"""A small question asked on another thread, whose answer nobody waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

_LOOK_MS = 50


class Errand(QObject):
    """Runs a function on a thread of its own and emits its result on this object's.

    Unlike a worker of napari, it may be left behind when the window closes: it asks for no confirmation, holds
    nothing up, and its answer then falls silent. Only Python's own end waits for it: a thread in the midst of
    importing torch would otherwise run on while the interpreter is taken apart.

    Parameters
    ----------
    parent
        Owner; no answer once it has gone.
    question
        What to find out.
    """

    answered = Signal(object)

    def __init__(self, parent: QObject, question: Callable[[], Any]) -> None:
        super().__init__(parent)
        self._answers: list[Any] = []
        answers = self._answers  # all the thread knows: this object may be deleted at any moment, even as it emits
        self._thread = threading.Thread(target=lambda: answers.append(question()), name="smi-inr errand")
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)

    def go(self) -> None:
        """Ask."""
        self._thread.start()
        self._timer.start()

    def _look(self) -> None:
        if self._thread.is_alive():
            return
        self._timer.stop()
        for answer in self._answers:
            self.answered.emit(answer)
