"""The dock for looking closer: maps at the zoom of the screen, comparisons, FODs, and what to take away."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QDockWidget, QVBoxLayout, QWidget

from ..napari_compat import main_window, unwrapped
from .compare_section import CompareSection
from .ending import end_with_python
from .fod_section import FodSection
from .form import Column, Section
from .look_section import LookSection
from .take_away_section import TakeAwaySection

TITLE = "Explore the field"

_WIDTH = 320

_open: WeakValueDictionary[int, ExploreWidget] = WeakValueDictionary()


def explorer_of(viewer: Any) -> ExploreWidget | None:
    """Give the dock of a viewer, if it is open."""
    found = _open.get(id(unwrapped(viewer)))
    return found if found is not None and not found.closed else None


class ExploreWidget(QWidget):
    """Look closer at a fit.

    Parameters
    ----------
    napari_viewer
        Where its layers are.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.closed = False
        self._docked = False
        self.look, self.compare = LookSection(napari_viewer), CompareSection(napari_viewer)
        self.fods, self.take_away = FodSection(napari_viewer), TakeAwaySection(napari_viewer)
        folded = [
            Section("Look", self.look),
            Section("Compare", self.compare),
            Section("Fibre orientations", self.fods),
            Section("Take away", self.take_away, unfolded=False),
        ]
        layout = QVBoxLayout(self)
        layout.setSpacing(2)
        layout.addWidget(Column(folded))
        layout.addStretch(1)
        self.setMinimumWidth(_WIDTH)
        self.setAccessibleName(TITLE)
        _open[id(unwrapped(napari_viewer))] = self
        self._on_destroyed = lambda: self.shut_down()  # a bound method would not be called once its object is gone
        self.destroyed.connect(self._on_destroyed)
        window = main_window(napari_viewer)
        if window is not None:
            window.destroyed.connect(self._on_destroyed)
        end_with_python(napari_viewer)

    def come_forward(self) -> None:
        """Show the dock in front of others."""
        dock = self.parent()
        if isinstance(dock, QDockWidget):
            dock.show()
            dock.raise_()

    def shut_down(self) -> None:
        """Let go of the viewer; the widget is of no use afterwards."""
        if self.closed:
            return
        self.closed = True
        for section in (self.look, self.compare, self.fods, self.take_away):
            section.close_section()

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
