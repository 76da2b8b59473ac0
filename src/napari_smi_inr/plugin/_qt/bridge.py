"""From the worker's thread to the main one: coalesced ticks, errors and the end of the window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QApplication

REFRESH_MS = 80
"""Shortest time between two refreshes in 2-D."""

REFRESH_3D_MS = 250
"""The same in 3-D, where each refresh uploads a volume."""


class WorkerBridge(QObject):
    """Brings news of the worker to the main thread.

    Parameters
    ----------
    refresh
        Called on the main thread some time after news came, once for all that came meanwhile.
    show_error
        Called on the main thread with an error of the worker.
    ended
        Called when the window is gone or the application quits.
    window
        The viewer's main window, if it has one.
    """

    _news = Signal()
    _error = Signal(object)

    def __init__(
        self,
        refresh: Callable[[], None],
        show_error: Callable[[Exception], None],
        ended: Callable[[], None],
        window: Any = None,
    ) -> None:
        super().__init__()
        self._ended = ended
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(refresh)
        self._news.connect(self._start_timer)
        self._error.connect(show_error)
        self._open = True
        self._emitting = threading.Lock()
        self._window = window
        if window is not None:
            window.destroyed.connect(self._on_end)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._on_end)

    def news(self) -> None:
        """Announce progress; from any thread."""
        self._emit(self._news)

    def error(self, error: Exception) -> None:
        """Announce an error; from any thread."""
        self._emit(self._error, error)

    def set_interval(self, ndisplay: int) -> None:
        """Refresh as often as the display can bear."""
        self._timer.setInterval(REFRESH_3D_MS if ndisplay == 3 else REFRESH_MS)

    def close(self) -> None:
        """Cut all connections and go; whatever a thread has to say from now on falls silent."""
        with self._emitting:  # deleting an object in the midst of its signal is a crash
            self._open = False
        self._timer.stop()
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.disconnect(self._on_end)
        self._window = None
        self.deleteLater()

    def _start_timer(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_end(self) -> None:
        self._ended()

    def _emit(self, signal: Any, *arguments: Any) -> None:
        with self._emitting:
            if self._open:
                signal.emit(*arguments)
