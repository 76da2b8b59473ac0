"""Result: how far to trust a fit; look at it closely, save it, or open another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from ..parameter_look import map_choices
from ..preferences import preferences
from .form import button, may_be_cut, named
from .quality_panel import QualityPanel

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate


class ResultSection(QWidget):
    """Emits requests about the present field."""

    zoom_requested = Signal(str)
    export_requested = Signal(object)
    open_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        choice = ComboBox(choices=map_choices(), value=preferences().first_map)
        self.parameter = named(choice, "Parameter of the zoom layer", "What to look at closely.")
        may_be_cut(self.parameter)
        self.zoom_button = button("Add &zoom layer", "Show the parameter at screen resolution, at any zoom.")
        self.export_button = button("&Export…", "Write all maps, the FOD and the field file into a folder.")
        self.open_button = button("Open &field…", "Open a field file (.smi.safetensors) without its scan.")
        self.quality = QualityPanel()
        self._arrange()
        self.show_field(None)

    def show_field(self, field: Estimate | None, has_scan: bool = False) -> None:
        """Show how far to trust a fit, and enable what makes sense now; ``has_scan``: its scan is at hand."""
        self.quality.show_fit(field, has_scan)
        for widget in (self.zoom_button, self.export_button):
            widget.setEnabled(field is not None)

    def _arrange(self) -> None:
        look, files = QHBoxLayout(), QHBoxLayout()
        look.addWidget(self.parameter.native, stretch=1)
        look.addWidget(self.zoom_button)
        files.addWidget(self.export_button)
        files.addWidget(self.open_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.quality)
        layout.addLayout(look)
        layout.addLayout(files)
        self.zoom_button.clicked.connect(lambda: self.zoom_requested.emit(self.parameter.value))
        self.export_button.clicked.connect(self._ask_for_folder)
        self.open_button.clicked.connect(self._ask_for_field)

    def _ask_for_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for maps, FOD and field")
        if folder:
            self.export_requested.emit(Path(folder))

    def _ask_for_field(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Open field", "", "Field (*.smi.safetensors)")
        if file:
            self.open_requested.emit(Path(file))
