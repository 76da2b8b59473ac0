"""What a comparison needs of Qt: the line over the canvas, the shape of the cursor, timers, and a thread to ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QApplication, QOpenGLWidget, QWidget  # type: ignore[attr-defined]

from ..napari_compat import main_window
from .latest import Latest
from .line_overlay import Drawn, LineOverlay

SETTLED_MS = 250
"""A view that has not changed for this long is measured."""


class CompareStage(QObject):
    """Lives as long as a comparison.

    Parameters
    ----------
    viewer
        A napari viewer.
    answer
        Called on a thread with what is asked.
    on_answer
        Called on the main thread with the :class:`~napari_smi_inr.plugin.helper.Attempt`.
    on_settled
        Called when the view has come to rest.
    on_resized
        Called when the canvas has another size.
    on_end
        Called when the window goes, or the application.
    """

    def __init__(
        self,
        viewer: Any,
        answer: Callable[[Any], Any],
        on_answer: Callable[[Any], None],
        on_settled: Callable[[], None],
        on_resized: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__()
        self._on_resized, self._on_end = on_resized, on_end
        self._latest = Latest(answer)
        self._latest.answered.connect(on_answer)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(SETTLED_MS)
        self._rest.timeout.connect(on_settled)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._do_then)
        self._then: Callable[[], None] | None = None
        window = main_window(viewer)
        self._canvas = _canvas_of(window)
        self.overlay = LineOverlay(self._canvas) if self._canvas is not None else None
        self._cursor: QCursor | None = None
        self._open = True
        if self._canvas is not None:
            self._canvas.installEventFilter(self)
        if window is not None:
            window.destroyed.connect(self._on_gone)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._on_gone)

    @property
    def idle(self) -> bool:
        """Whether nothing is being worked out, or about to be."""
        return self._latest.idle and not self._rest.isActive()

    def ask(self, request: Any) -> None:
        """Have something worked out on the thread, in place of what was asked before."""
        self._latest.ask(request)

    def moved(self) -> None:
        """Note that the view has changed."""
        if self._open:
            self._rest.start()

    def soon(self, action: Callable[[], None]) -> None:
        """Call something when the present event is over."""
        if self._open:
            self._then = action
            self._soon.start(0)

    def draw(self, drawn: Drawn | None) -> None:
        """Draw the line and labels over the canvas."""
        if self.overlay is not None:
            self.overlay.draw(drawn)

    def point(self, upright: bool | None) -> None:
        """Let the cursor say that an upright or level line can be dragged, or no longer (``None``)."""
        if self._canvas is None:
            return
        if upright is None:
            if self._cursor is not None:
                self._canvas.setCursor(self._cursor)
                self._cursor = None
            return
        if self._cursor is None:
            self._cursor = QCursor(self._canvas.cursor())
        shape = Qt.CursorShape.SplitHCursor if upright else Qt.CursorShape.SplitVCursor
        self._canvas.setCursor(shape)

    def close(self) -> None:
        """Take everything off the canvas and end the thread."""
        if not self._open:
            return
        self._open = False
        self._rest.stop()
        self._soon.stop()
        self._latest.close()
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.disconnect(self._on_gone)
        if self._canvas is not None:
            self._clear_canvas(self._canvas)
        self.deleteLater()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 (Qt)
        """Follow the canvas when it changes its size."""
        if self._open and event is not None and event.type() == QEvent.Type.Resize:
            self._on_resized()
        return False

    def _clear_canvas(self, canvas: QWidget) -> None:
        try:
            self.point(None)
            canvas.removeEventFilter(self)
            if self.overlay is not None:
                self.overlay.hide()
                self.overlay.setParent(None)
                self.overlay.deleteLater()
        except RuntimeError:  # Qt has deleted the canvas, and what was on it
            pass
        self._canvas = self.overlay = None

    def _do_then(self) -> None:
        action, self._then = self._then, None
        if action is not None:
            action()

    def _on_gone(self) -> None:
        self._on_end()


def _canvas_of(window: Any) -> QWidget | None:
    """Find the widget that napari draws on: the only OpenGL widget in the middle of its window."""
    middle = window.centralWidget() if window is not None else None
    found = middle.findChildren(QOpenGLWidget) if middle is not None else []
    return found[0] if found else None
