"""The inspector's buttons, and the column that says where it looks and what it finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..inspecting.evidence import Evidence
from ..inspecting.subject import Subject
from .form import button, named
from .parameter_table import ParameterTable
from .plot_base import looks_of

_AXES = (("x", "to the right"), ("y", "to the front"), ("z", "upwards"))
_MARKS = {"o": "●", "s": "■", "t": "▼", "d": "◆", "t1": "▲", "p": "⬟"}
_PIN_TIP = "Stay at this point (Shift+click on the canvas pins another) or follow the mouse again."
_WHERE_TIP = (
    "Nearest voxel, counted from 0, and whether the point lies in the mask of the fit. Outside it, the values are "
    "extrapolated, and pale."
)
_WIDTH = 236
_FAR = 9999.0  # mm


class InspectorControls(QWidget):
    """Pin, choice of shell, axis, copy and save; behind them the legend, or a word on what is missing."""

    shell_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.pin = button("&Pin", _PIN_TIP)
        self.pin.setCheckable(True)
        self._shells = QComboBox()
        self._shells.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        named(self._shells, "Shells against angle", "Which shells the middle plot shows.")
        self.logarithmic = QCheckBox("lo&g")
        named(self.logarithmic, "Logarithmic signal", "Show the signals on a logarithmic axis.")
        self.copy = button("&Copy values", "Copy position and parameters to the clipboard, tab-separated, with units.")
        self.save = button("S&ave CSV…", "Write all numbers of the plots to a table.")
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setAccessibleName("Legend")
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.pin, self._shells, self.logarithmic, self.copy, self.save):
            layout.addWidget(widget)
        layout.addWidget(self.text, stretch=1)
        self._legend = self._note = ""
        self._shells.currentIndexChanged.connect(self._on_shell)
        self.show_subject(None)

    @property
    def shell(self) -> int | None:
        """Shell to show against angle, without b = 0; None for the strongest of each shape."""
        chosen = self._shells.currentIndex()
        return chosen - 1 if chosen > 0 else None

    def show_subject(self, subject: Subject | None) -> None:
        """Offer the shells of a protocol, and explain its markers."""
        for widget in (self.copy, self.save, self.logarithmic, self._shells):
            widget.setEnabled(subject is not None)
        if subject is None:
            self._legend = ""
            return
        names = [f"b {s.b:.3g}, {s.shape} ({len(s.volumes)})" for s in subject.shells]
        choices = ["strongest of each shape", *names]
        if [self._shells.itemText(i) for i in range(self._shells.count())] != choices:
            self._shells.blockSignals(True)
            self._shells.clear()
            self._shells.addItems(choices)
            self._shells.blockSignals(False)
        self._legend = _legend(subject)
        self._write()

    def show_text(self, note: str) -> None:
        """Show a word on what is missing, before the legend."""
        if note != self._note or not self.text.text():
            self._note = note
            self._write()

    def _write(self) -> None:
        self.text.setText(" &nbsp; ".join(filter(None, (self._note, "" if self._note else self._legend))))
        self.text.setToolTip(self._note)

    def _on_shell(self) -> None:
        self.shell_changed.emit()


def _legend(subject: Subject) -> str:
    looks = zip(subject.shapes, looks_of(subject), strict=True)
    shapes = [f'<span style="color:{colour}">{_MARKS[mark]}</span> {shape.name}' for shape, (colour, mark) in looks]
    held = int(np.count_nonzero(subject.held_out))
    seen = [f"○ held out ({held})"] if held else []
    return " &nbsp; ".join([*shapes, *seen, "━ fit, all directions", "╌ along fibre", "┈ across"])


class PlaceBox(QWidget):
    """Position, voxel, mask and parameters under one another."""

    moved = Signal(object)
    """(3,) RAS position [mm] the user has typed."""

    def __init__(self) -> None:
        super().__init__()
        self.position = [self._coordinate(axis, meaning) for axis, meaning in _AXES]
        self.where = QLabel()
        self.where.setAccessibleName("Voxel and mask")
        self.where.setToolTip(_WHERE_TIP)
        self.table = ParameterTable()
        row = QHBoxLayout()
        row.setSpacing(2)
        for spin in self.position:
            row.addWidget(spin)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.where)
        layout.addWidget(self.table)
        layout.addStretch()
        self.setFixedWidth(_WIDTH)

    def show_evidence(self, evidence: Evidence) -> None:
        """Say where it is and what the fit has there."""
        self._set_position(evidence.point)
        voxel = "" if evidence.voxel is None else "voxel {} {} {} · ".format(*evidence.voxel)
        self.where.setText(voxel + evidence.place)
        self.table.show_values(evidence.values)
        self.table.setEnabled(evidence.trusted)

    def clear(self) -> None:
        """Show nothing but the position."""
        self.where.clear()
        self.table.show_values({})

    def _coordinate(self, axis: str, meaning: str) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setRange(-_FAR, _FAR)
        spin.setDecimals(1)
        spin.setSingleStep(0.5)
        spin.setPrefix(f"{axis} ")
        spin.setKeyboardTracking(False)
        spin.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        named(
            spin,
            f"Position {axis}, mm",
            f"Position {meaning} in scanner axes (RAS) [mm]. Typing or ↑ ↓ pins the point.",
        )
        spin.valueChanged.connect(self._on_typed)
        return spin

    def _set_position(self, point: NDArray[np.float64]) -> None:
        for spin, mm in zip(self.position, point, strict=True):
            spin.blockSignals(True)
            spin.setValue(float(mm))
            spin.blockSignals(False)

    def _on_typed(self) -> None:
        self.moved.emit(np.array([spin.value() for spin in self.position]))
