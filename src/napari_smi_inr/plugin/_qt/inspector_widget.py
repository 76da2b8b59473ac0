"""The voxel inspector: what was measured at a place, and what the fit makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.utils.notifications import show_error, show_info
from numpy.typing import NDArray
from qtpy.QtCore import QEvent
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget
from superqt.utils import QSignalThrottler

from ...errors import InputError
from ..helper import Attempt
from ..inspecting.evidence import Evidence, Question
from ..inspecting.evidence_text import summary, values_text, write_evidence
from ..inspecting.examiner import Examiner
from ..inspecting.measurements import Measurements, find_measurements
from ..layer_origin import MapOrigin, origin_in_focus, origin_of
from ..napari_compat import unwrapped
from .ending import end_with_python
from .evidence_plots import EvidencePlots
from .inspected_point import InspectedPoint
from .inspector_controls import InspectorControls, PlaceBox
from .latest import Latest, attempt

TITLE = "Voxel inspector"

_PACE_MS = 25
"""Shortest time between two questions, hence between two drawings."""

_NO_FIT = "No fit to inspect: fit a scan, or open a field file (.smi.safetensors)."
_NO_SCAN = "Only the fitted curves are shown. For the measurements, open the scan that was fitted (File > Open)."
_NOT_IN_3D = "In 3-D the point stays where it is; pin one in 2-D, or type its position."

_open: WeakKeyDictionary[Any, InspectorWidget] = WeakKeyDictionary()


def inspector_of(viewer: Any) -> InspectorWidget | None:
    """Give the inspector that is open in a viewer."""
    return _open.get(unwrapped(viewer))


class InspectorWidget(QWidget):
    """Follows the mouse over the canvas, or stays at a pinned point, and shows the evidence there.

    Parameters
    ----------
    napari_viewer
        Shows the fit, and the scan where the fit came from a file.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.evidence: Evidence | None = None
        self._found: tuple[Any, Measurements | None] | None = None
        self._subject: Any = None
        self._docked = self._closed = False
        self.place, self.controls, self.plots = PlaceBox(), InspectorControls(), EvidencePlots()
        self._point = InspectedPoint(napari_viewer, self)
        self._examiner = Examiner()
        self._latest = Latest(self._examiner.answer)
        self._pace = QSignalThrottler(parent=self)
        self._pace.setTimeout(_PACE_MS)
        self._arrange()
        self._wire()
        _open[unwrapped(napari_viewer)] = self
        end_with_python(napari_viewer)

    @property
    def pinned(self) -> bool:
        """Whether the point stays where it is."""
        return self._point.pinned

    @property
    def point(self) -> NDArray[np.float64] | None:
        """(3,) RAS position [mm] being looked at."""
        return self._point.position

    @property
    def idle(self) -> bool:
        """Whether all that was asked has been shown."""
        return self._latest.idle

    def pin_at(self, point_mm: NDArray[np.floating]) -> None:
        """Stay at a RAS position [mm]."""
        self._point.pin_at(point_mm)

    def toggle_pin(self) -> None:
        """Stay where the mouse is, or follow it again."""
        self._point.pin(not self.pinned)

    def copy_values(self) -> None:
        """Put position and parameters on the clipboard, tab-separated."""
        clipboard = QApplication.clipboard()
        if self.evidence is not None and clipboard is not None:
            clipboard.setText(values_text(self.evidence))
            show_info("Position and parameters copied.")

    def save(self, path: Path) -> None:
        """Write the numbers of the plots to a CSV file."""
        if self.evidence is None:
            return
        try:
            write_evidence(self.evidence, path)
        except InputError as error:
            show_error(str(error))
            return
        show_info(f"Wrote {path}.")

    def shut_down(self) -> None:
        """Let go of viewer and thread; the widget is of no use afterwards."""
        if not self._closed:
            self._let_go()
            self._point.hide_mark()

    def _let_go(self) -> None:
        """All that can be done when the window has gone, too, and has taken what is Qt about this widget with it."""
        if self._closed:
            return
        self._closed = True
        _open.pop(unwrapped(self._viewer), None)
        self._latest.close()
        self._point.let_go()
        viewer = unwrapped(self._viewer)
        viewer.layers.events.inserted.disconnect(self._on_layers)
        viewer.layers.events.removed.disconnect(self._on_layers)
        viewer.layers.selection.events.active.disconnect(self._on_focus)
        viewer.events.theme.disconnect(self._follow_theme)

    def event(self, event: QEvent | None) -> bool:
        """Notice the end of the dock widget: napari takes its content out, and lets it drop."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self.destroyed.disconnect(self._on_destroyed)
                self.shut_down()
            self._docked = self.parent() is not None
        return bool(super().event(event))

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 (Qt)
        """Catch up with what happened while nobody looked."""
        super().showEvent(event)
        self._pace.throttle()

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.place)
        row.addWidget(self.plots, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 2, 6, 2)
        layout.setSpacing(2)
        layout.addWidget(self.controls)
        layout.addLayout(row, stretch=1)
        self.setAccessibleName(TITLE)
        self.setMinimumHeight(self.minimumSizeHint().height())

    def _wire(self) -> None:
        viewer = unwrapped(self._viewer)
        viewer.layers.events.inserted.connect(self._on_layers)
        viewer.layers.events.removed.connect(self._on_layers)
        viewer.layers.selection.events.active.connect(self._on_focus)
        viewer.events.theme.connect(self._follow_theme)
        self._pace.triggered.connect(self._ask)
        self._latest.answered.connect(self._show)
        self._point.moved.connect(self._pace.throttle)
        self._point.pin_changed.connect(self.controls.pin.setChecked)
        self.place.moved.connect(self._point.pin_at)
        self.controls.pin.toggled.connect(self._point.pin)
        self.controls.shell_changed.connect(self._pace.throttle)
        self.controls.logarithmic.toggled.connect(self._on_logarithmic)
        self.controls.copy.clicked.connect(self.copy_values)
        self.controls.save.clicked.connect(self._ask_for_file)
        self._on_destroyed = lambda: self._let_go()  # a bound method would not be called once its object is gone
        self.destroyed.connect(self._on_destroyed)
        self._follow_theme()

    def _on_layers(self, event: Any) -> None:
        if origin_of(event.value) is not None:
            self._found = None
            self._pace.throttle()

    def _on_focus(self) -> None:
        self._pace.throttle()

    def _on_logarithmic(self, wanted: bool) -> None:
        self.plots.set_logarithmic(wanted)
        if self.evidence is not None:
            self.plots.show_evidence(self.evidence)

    def _ask(self) -> None:
        if self._closed or not self.isVisible():
            return
        origin = origin_in_focus(self._viewer)
        if origin is None:
            self._show_nothing(_NO_FIT)
            return
        point = self.point
        if point is None:
            self._show_nothing(_NOT_IN_3D)
            return
        question = Question(origin.field, self._measurements(origin), point, self.controls.shell)
        if self._latest.idle and self._examiner.is_quick(question):
            # a thread would wait for the window's own between any two of its steps, ten times as long as it works
            self._show(attempt(self._examiner.answer, question))
        else:
            self._latest.ask(question)

    def _measurements(self, origin: MapOrigin) -> Measurements | None:
        if self._found is None or self._found[0] is not origin.field:
            self._found = origin.field, find_measurements(self._viewer, origin.field)
        return self._found[1]

    def _show(self, attempt: Attempt) -> None:
        if self._closed:
            return
        if attempt.error is not None:
            self._show_nothing(f"This place could not be examined: {attempt.error}")
            return
        evidence: Evidence = attempt.value
        self.evidence = evidence
        if evidence.subject is not self._subject:
            self._subject = evidence.subject
            self.controls.show_subject(evidence.subject)
        self.plots.show_evidence(evidence)
        self.place.show_evidence(evidence)
        self.controls.show_text("" if evidence.subject.measurements is not None else _NO_SCAN)
        if self.pinned:
            self.setAccessibleDescription(summary(evidence))

    def _show_nothing(self, why: str) -> None:
        self.evidence = self._subject = None
        self.plots.clear_all()
        self.place.clear()
        self.controls.show_subject(None)
        self.controls.show_text(why)

    def _ask_for_file(self) -> None:
        if self.evidence is None:
            return
        file, _ = QFileDialog.getSaveFileName(self, "Save the numbers of the plots", "evidence.csv", "Table (*.csv)")
        if file:
            self.save(Path(file))

    def _follow_theme(self) -> None:
        theme = str(self._viewer.theme)
        self.plots.follow_theme(theme)
        self.place.table.follow_theme(theme)
