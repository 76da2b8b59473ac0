"""When to draw anew: at once for a step, after a pause for a motion; and the end of the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QApplication

PAUSE_MS = 70
"""A view that has not changed for this long has settled."""

STEP_MS = 10
"""Several changes that come together are one."""


class Settling(QObject):
    """Calls back when there is something new to draw.

    Parameters
    ----------
    ready
        Called on the main thread.
    ended
        Called when the window is gone or the application quits.
    window
        The viewer's main window, if it has one.
    """

    def __init__(self, ready: Callable[[], None], ended: Callable[[], None], window: Any = None) -> None:
        super().__init__()
        self._ended: Callable[[], None] | None = ended
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(ready)
        if window is not None:
            window.destroyed.connect(self._on_end)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._on_end)

    @property
    def waiting(self) -> bool:
        """Whether a call is due."""
        return self._timer.isActive()

    def moved(self) -> None:
        """Call back once the motion has come to rest."""
        self._timer.start(PAUSE_MS)

    def stepped(self) -> None:
        """Call back very soon."""
        if not self._timer.isActive() or self._timer.remainingTime() > STEP_MS:
            self._timer.start(STEP_MS)

    def close(self) -> None:
        """Never call back again."""
        self._ended = None
        self._timer.stop()
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.disconnect(self._on_end)
        self.deleteLater()

    def _on_end(self) -> None:
        if self._ended is not None:
            self._ended()
