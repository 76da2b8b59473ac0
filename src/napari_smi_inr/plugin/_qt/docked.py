"""Content of a dock that notices its own end: of the dock, of the window, or of Python."""

from __future__ import annotations

from typing import Any, TypeVar
from weakref import WeakValueDictionary

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QDockWidget, QWidget

from ..napari_compat import main_window, unwrapped
from .ending import end_with_python

D = TypeVar("D", bound="Docked")

_open: WeakValueDictionary[tuple[type[Docked], int], Docked] = WeakValueDictionary()


def dock_of(viewer: Any, kind: type[D]) -> D | None:
    """Give the dock of a kind that a viewer has open, if it has."""
    found = _open.get((kind, id(unwrapped(viewer))))
    return found if isinstance(found, kind) and not found.closed else None


def open_dock(viewer: Any, kind: type[D]) -> None:
    """Open a dock, or bring it to the front."""
    found = dock_of(viewer, kind)
    if found is None:
        viewer.window.add_dock_widget(kind(viewer), name=kind.title, area="right", tabify=True)
    else:
        found.come_forward()


class Docked(QWidget):
    """A widget that lets go of what it holds, once, when it is of no use any more.

    Attributes
    ----------
    title
        Of the dock.

    Parameters
    ----------
    viewer
        In whose window the dock is.
    """

    title = ""

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
        self.setAccessibleName(self.title)
        _open[type(self), id(unwrapped(viewer))] = self
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
