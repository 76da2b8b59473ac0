"""The protocol at a glance: shells and shapes in a table, with a verdict in plain words."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from ...acquisition import TABLE_HEADER
from ...dataset import DiffusionDataset
from .form import paragraph

_MOST_ROWS = 7


class AcquisitionTable(QWidget):
    """Shows what was measured and what can be learnt from it."""

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(0, len(TABLE_HEADER))
        self.table.setAccessibleName("Acquisition: shells and shapes")
        self.table.setHorizontalHeaderLabels(list(TABLE_HEADER))
        header: Any = self.table.horizontalHeader()
        side: Any = self.table.verticalHeader()
        self._header, self._side = header, side
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        side.hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verdict = paragraph("What this protocol can identify")
        self.notes = paragraph("Notes on reading")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.table, self.verdict, self.notes):
            layout.addWidget(widget)
        self.show_text("No scan chosen.")

    def show_dataset(self, dataset: DiffusionDataset, lmax: int) -> None:
        """Show protocol, verdict for an FOD of order ``lmax``, and what was noted on reading."""
        rows = dataset.acquisition.table()
        self.table.setRowCount(len(rows))
        for i, row in enumerate(rows):
            for j, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.table.setItem(i, j, item)
        self._fit_height(len(rows))
        self.table.show()
        self.verdict.setText(dataset.acquisition.verdict(lmax).text)
        size = " × ".join(f"{edge:.3g}" for edge in dataset.voxel_size)
        facts = (f"{dataset.n_voxels:,} voxels of {size} mm to fit.", *dataset.notes)
        self.notes.setText("\n".join(f"• {fact}" for fact in facts))
        self.notes.show()

    def show_text(self, text: str) -> None:
        """Show a message in place of a dataset."""
        self.table.hide()
        self.notes.hide()
        self.verdict.setText(text)

    def _fit_height(self, rows: int) -> None:
        height = self._header.sizeHint().height() + self._side.defaultSectionSize() * min(rows, _MOST_ROWS)
        self.table.setFixedHeight(height + 2)
