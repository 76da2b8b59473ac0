"""Content of a dock that notices its own end: of the dock, of the window, or of Python."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QDockWidget, QWidget

from ..napari_compat import main_window
from .ending import end_with_python


class Docked(QWidget):
    """A widget that lets go of what it holds, once, when it is of no use any more.

    Parameters
    ----------
    viewer
        In whose window the dock is.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.closed = False
        self._docked = False
        self._on_destroyed = lambda: self.shut_down()  # a bound method would not be called once its object is gone
        self.destroyed.connect(self._on_destroyed)
        window = main_window(viewer)
        if window is not None:
            window.destroyed.connect(self._on_destroyed)
        end_with_python(viewer)

    def let_go(self) -> None:
        """End threads and forget the viewer; what is Qt about the widget may be gone already."""
        raise NotImplementedError

    def shut_down(self) -> None:
        """Let go of the viewer; the widget is of no use afterwards."""
        if not self.closed:
            self.closed = True
            self.let_go()

    def come_forward(self) -> None:
        """Show the dock in front of others."""
        dock = self.parent()
        if isinstance(dock, QDockWidget):
            dock.show()
            dock.raise_()

    def event(self, event: QEvent | None) -> bool:
        """Notice the end of the dock: napari takes its content out, and lets it drop."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self._part_from_window()
                self.shut_down()
            self._docked = self.parent() is not None
        return bool(super().event(event))

    def _part_from_window(self) -> None:
        """Let the ends of widget and window go by unnoticed; the window would keep this otherwise."""
        self.destroyed.disconnect(self._on_destroyed)
        window = main_window(self._viewer)
        if window is not None:
            window.destroyed.disconnect(self._on_destroyed)
