"""The dock for stepping through a fitted cohort: a list of its scans, and the maps of the one in hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox
from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout

from ...cohort.finished import RESIDUAL, Entry, FinishedCohort
from ...errors import InputError
from ...parameters import SCALARS
from ..cohort.scan_layers import Question, ScanLayers, ScanMaps, read_scan
from ..helper import Attempt
from ..layer_styles import FIRST_SHOWN
from ..parameter_look import map_choices
from .docked import Docked
from .form import Rows, button, check_box, named, paragraph
from .latest import Latest

TITLE = "Cohort"

_WIDTH = 320
_ALL, _ODD, _FAILED = "all scans", "to look at", "failed"
_MARKS = {"good": "", "odd": "▲ ", "failed": "✕ ", "stopped": "… "}
_ENTRY = Qt.ItemDataRole.UserRole
_NOTHING = "Open the folder that 'smi-inr cohort' wrote."


class CohortWidget(Docked):
    """Look at one scan of a cohort after another.

    Parameters
    ----------
    napari_viewer
        Where their maps are shown.
    """

    title = TITLE

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.cohort: FinishedCohort | None = None
        self.layers = ScanLayers(napari_viewer)
        self._shown = ""
        self._latest = Latest(_answer)
        self._latest.answered.connect(self._show)
        self._make_controls()
        self._arrange()
        self._wire()
        self._tell_nothing()

    @property
    def entry(self) -> Entry | None:
        """The scan in hand."""
        item = self.scans.currentItem()
        return None if item is None else item.data(_ENTRY)

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is shown."""
        return self._latest.idle

    def open_folder(self, folder: str | Path) -> None:
        """Open a cohort, and show its first scan."""
        try:
            self.cohort = FinishedCohort.open(folder)
        except InputError as error:
            show_error(str(error))
            return
        self._fill()

    def step(self, by: int) -> None:
        """Go some scans on in the list, or back; stops at its ends."""
        row = self.scans.currentRow() + by
        if 0 <= row < self.scans.count():
            self.scans.setCurrentRow(row)

    def let_go(self) -> None:
        """End the thread."""
        self._latest.close()

    def _make_controls(self) -> None:
        self.open = button("&Open cohort…", "Choose the folder that 'smi-inr cohort' wrote.")
        self.report = button("&Report", "Open the quality report in the browser.")
        self.heading = paragraph("Cohort")
        self.shown = named(ComboBox(label="Show", choices=[_ALL, _ODD, _FAILED]), "Scans to list")
        symbols = [(words, symbol) for words, symbol in map_choices() if symbol in SCALARS]
        choices = [*symbols, ("residual", RESIDUAL)]
        self.map = named(ComboBox(label="Map", choices=choices, value=FIRST_SHOWN), "Map to look at")
        self.zoom = check_box("Zoom", False)
        named(self.zoom, "Zoom", "Open the field of each scan, and show it at the resolution of the screen.")
        self.scans = named(QListWidget(), "Scans", "▲ to look at, ✕ failed, … not yet fitted")
        self.back = button("◂ &Previous", "Shift+Up on the canvas")
        self.on = button("&Next ▸", "Shift+Down on the canvas")
        self.details = paragraph("What there is to know of the scan")

    def _arrange(self) -> None:
        top, steps = QHBoxLayout(), QHBoxLayout()
        for row, parts in ((top, (self.open, self.report)), (steps, (self.back, self.on))):
            for part in parts:
                row.addWidget(part)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.heading)
        layout.addWidget(Rows([self.shown, self.map, self.zoom]))
        layout.addWidget(self.scans, stretch=1)
        layout.addLayout(steps)
        layout.addWidget(self.details)
        self.setMinimumWidth(_WIDTH)

    def _wire(self) -> None:
        self.open.clicked.connect(self._ask_for_folder)
        self.report.clicked.connect(self._open_report)
        self.shown.changed.connect(self._fill)
        self.map.changed.connect(self._see)
        self.zoom.changed.connect(self._ask)
        self.scans.currentItemChanged.connect(self._ask)
        self.back.clicked.connect(lambda: self.step(-1))
        self.on.clicked.connect(lambda: self.step(1))

    def _ask_for_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a fitted cohort")
        if folder:
            self.open_folder(folder)

    def _open_report(self) -> None:
        if self.cohort is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.cohort.report.absolute())))

    def _fill(self) -> None:
        """List the scans that are wanted, the one in hand still in hand if it is among them."""
        if self.cohort is None:
            return
        before = self.entry
        wanted = [entry for entry in self.cohort.entries if _is_wanted(entry, self.shown.value)]
        blocked = self.scans.blockSignals(True)
        self.scans.clear()
        for entry in wanted:
            self.scans.addItem(_item(entry))
        self.scans.blockSignals(blocked)
        self.heading.setText(_counts(self.cohort))
        names = [entry.name for entry in wanted]
        self.scans.setCurrentRow(names.index(before.name) if before and before.name in names else 0)
        if not wanted:
            self._tell_nothing()

    def _tell_nothing(self) -> None:
        for part in (self.back, self.on):
            part.setEnabled(False)
        self.report.setEnabled(self.cohort is not None)
        self.details.setText(_NOTHING if self.cohort is None else "There is none.")

    def _ask(self) -> None:
        """Have the scan in hand read; until then the one before stays."""
        entry = self.entry
        if entry is None or self.closed:
            return
        row = self.scans.currentRow()
        self.back.setEnabled(row > 0)
        self.on.setEnabled(row < self.scans.count() - 1)
        self.report.setEnabled(True)
        still = f"\nThe maps are still those of {self._shown}." if self._shown and not entry.done else ""
        self.details.setText(_told(entry) + still)
        if entry.done:
            self._latest.ask(Question(entry, bool(self.zoom.value)))

    def _show(self, attempt: Attempt) -> None:
        if self.closed:
            return
        if attempt.error is not None:
            self.details.setText(f"Could not be shown: {attempt.error}")
            show_error(str(attempt.error))
            return
        scan: ScanMaps = attempt.value
        if self.entry is None or scan.entry.name != self.entry.name:
            return  # another is in hand by now
        self.layers.show(scan, self.map.value)
        self._shown = scan.entry.name
        if self.zoom.value and scan.entry.field is None:
            self.details.setText(f"{_told(scan.entry)}\nThis scan has no field: its method fits voxels.")

    def _see(self, symbol: str) -> None:
        self.layers.see(symbol)
        if self.zoom.value:
            self._ask()


def _answer(question: Question) -> ScanMaps:
    return read_scan(question)


def _is_wanted(entry: Entry, which: str) -> bool:
    return which == _ALL or (which == _ODD and bool(entry.flags)) or (which == _FAILED and entry.status == _FAILED)


def _item(entry: Entry) -> QListWidgetItem:
    kind = entry.status if entry.status in _MARKS else "odd" if entry.flags else "good"
    item = QListWidgetItem(_MARKS[kind] + entry.name)
    item.setData(_ENTRY, entry)
    item.setToolTip("\n".join([*entry.flags, *([entry.error] if entry.error else [])]))
    return item


def _counts(cohort: FinishedCohort) -> str:
    entries = cohort.entries
    told = f"{cohort.folder.name}: {len(entries)} scans"
    odd, failed = sum(bool(e.flags) for e in entries), sum(e.status == _FAILED for e in entries)
    return told + f", {odd} to look at" * bool(odd) + f", {failed} failed" * bool(failed)


def _told(entry: Entry) -> str:
    if entry.status == _FAILED:
        return f"{entry.name} failed.\n{entry.error}"
    if not entry.done:
        return f"{entry.name} has not been fitted yet."
    return f"{entry.name}\n" + ("\n".join(f"▲ {flag}" for flag in entry.flags) or "Nothing odd about it.")
