"""Take away: copy or save the view, freeze it as numbers, make a movie of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox, FloatSpinBox, SpinBox
from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ...errors import InputError
from ...parameters import PARAMETERS
from ..helper import Attempt
from ..layer_origin import origin_in_focus
from ..napari_compat import camera
from ..taking.freeze import FACTORS, Freezing
from ..taking.freeze_view import DEFAULT_FACTOR, FreezeJob, freeze, predicted
from ..taking.picture import Resolution, pixel_ratio
from ..taking.take_away import cancel_all, copy_view, save_view
from ..taking.zoom_movie import Flight, zoom_movie
from .clipboard import ask_for_file
from .form import Rows, button, check_box, may_be_cut, named, paragraph

ON_PAPER = "on paper"
IN_FOCUS, ALL = "the one in focus", "all"
_AUTOMATIC = 0.0
_LOOK_MS = 250
_NIFTI = "NIfTI (*.nii.gz *.nii)"


class TakeAwaySection(QWidget):
    """Takes what is seen out of the viewer.

    Parameters
    ----------
    napari_viewer
        Whose view is taken.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._job: FreezeJob | None = None
        self._closed = False
        self._make_controls()
        self._arrange()
        self._wire()
        self._show()

    def close_section(self) -> None:
        """Let go of the viewer; what is under way ends."""
        if self._closed:
            return
        self._closed = True
        self._soon.stop()
        for emitter in self._emitters:
            emitter.disconnect(self._on_view)
        cancel_all(self._viewer)
        if self._job is not None:
            self._job.cancel()

    @property
    def resolution(self) -> Resolution:
        """What is chosen for pictures."""
        if self.fineness.value == ON_PAPER:
            return Resolution.on_paper(self.dpi.value, self.width_cm.value)
        return Resolution(factor=self.fineness.value or None)

    @property
    def freezing(self) -> Freezing:
        """What is chosen to be frozen."""
        origin = origin_in_focus(self._viewer)
        known = origin.field.parameters if origin is not None else ()
        if self.parameters.value == ALL:
            symbols = tuple(known)
        elif self.parameters.value == IN_FOCUS:
            symbols = (origin.symbol if origin.symbol in known else known[-1],) if origin is not None else ()
        else:
            symbols = (self.parameters.value,)
        thickness = None if self.thickness.value < 0 else self.thickness.value
        return Freezing(symbols, self.factor.value, thickness, self.whole.value, self.fod.value)

    def _make_controls(self) -> None:
        choices = [("as on the screen", 0.0), *((f"{n} x the screen", float(n)) for n in (2, 3, 4))]
        self.fineness = named(
            ComboBox(label="Resolution", choices=[*choices, ("on paper …", ON_PAPER)], value=3.0),
            "Resolution of the picture",
            "Pictures show what the screen shows, only finer: every pixel is computed.",
        )
        self.dpi = named(
            SpinBox(label="Dots per inch", min=50, max=2400, step=50, value=300), "Dots per inch", "Of the print."
        )
        self.width_cm = named(
            FloatSpinBox(label="Width [cm]", min=1, max=200, step=0.5, value=17.0),
            "Width on paper in centimetres",
            "17 cm is the width of a page's text, 8.5 cm that of a column.",
        )
        symbols = [(f"{p.symbol} · {p.name.split(' (')[0]}", p.symbol) for p in PARAMETERS.values()]
        self.parameters = named(
            ComboBox(label="Parameter", choices=[IN_FOCUS, *symbols, ALL], value=IN_FOCUS),
            "Parameters to freeze",
            "Of the fit of the selected layer.",
        )
        self.factor = named(
            SpinBox(label="Samples per voxel", min=FACTORS[0], max=FACTORS[-1], value=DEFAULT_FACTOR),
            "Samples per voxel along each axis",
            "How many times finer than the scan the frozen copy is.",
        )
        self.thickness = named(
            FloatSpinBox(label="Slab [mm]", min=-1, max=1000, step=1, value=-1),
            "Thickness of the slab in millimetres",
            "Around the plane in view; at 0 mm that plane alone.",
        )
        self.thickness.native.setSpecialValueText("a voxel thick")
        self.whole = named(check_box("Whole volume", False), "Freeze the whole volume", "Not only what is in view.")
        self.fod = named(
            check_box("FOD", False),
            "Freeze the FOD, too",
            "Its SH coefficients as MRtrix reads them; to a file alone.",
        )
        for wide in (self.fineness, self.parameters):
            may_be_cut(wide)
        self.extent = paragraph("Size of the picture")
        self.amount = paragraph("Size of the frozen copy")

    def _arrange(self) -> None:
        self.copy_button = button("&Copy view", "Put the picture on the clipboard, once it is complete.")
        self.save_button = button("Sa&ve view…", "Save the picture as PNG or TIFF, once it is complete.")
        self.movie_button = button("&Zoom movie…", "Film the way from the whole slice to the present view: MP4 or GIF.")
        self.layer_button = button("Freeze to &layer", "Sample what is in view on a fixed grid, as an ordinary layer.")
        self.file_button = button("Freeze to &NIfTI…", "The same as a file with its side-car, for other programs.")
        self.cancel_button = button("Cancel", "Stop freezing; nothing is left half done.")
        self.picture_rows = Rows((self.fineness, self.dpi, self.width_cm))
        self.freeze_rows = Rows((self.parameters, self.factor, self.thickness, self.whole, self.fod))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.picture_rows)
        layout.addWidget(self.extent)
        layout.addLayout(_side_by_side(self.copy_button, self.save_button, self.movie_button))
        layout.addSpacing(8)
        layout.addWidget(self.freeze_rows)
        layout.addWidget(self.amount)
        layout.addLayout(_side_by_side(self.layer_button, self.file_button, self.cancel_button))
        self.cancel_button.hide()

    def _wire(self) -> None:
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_LOOK_MS)
        self._soon.timeout.connect(self._show)
        viewer = self._viewer
        view = camera(viewer)
        self._emitters = [
            view.events.zoom,
            view.events.center,
            viewer.dims.events.order,
            viewer.dims.events.point,
            viewer.dims.events.ndisplay,
            viewer.layers.events.inserted,
            viewer.layers.events.removed,
            viewer.layers.selection.events.active,
        ]
        for emitter in self._emitters:
            emitter.connect(self._on_view)
        for control in (self.fineness, self.dpi, self.width_cm):
            control.changed.connect(self._show)
        for control in (self.parameters, self.factor, self.thickness, self.whole, self.fod):
            control.changed.connect(self._show)
        self.copy_button.clicked.connect(lambda: self._safely(lambda: copy_view(self._viewer, self.resolution)))
        self.save_button.clicked.connect(lambda: self._safely(lambda: save_view(self._viewer, self.resolution)))
        self.movie_button.clicked.connect(lambda: self._safely(self._film))
        self.layer_button.clicked.connect(lambda: self._safely(lambda: self._freeze(None)))
        self.file_button.clicked.connect(lambda: self._safely(self._freeze_to_file))
        self.cancel_button.clicked.connect(self._cancel)

    def _on_view(self, event: Any = None) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _show(self, value: Any = None) -> None:
        """Say what would come of each button now."""
        if self._closed:
            return
        on_paper = self.fineness.value == ON_PAPER
        for control in (self.dpi, self.width_cm):
            self.picture_rows.show_row(control, on_paper)
        self.freeze_rows.show_row(self.thickness, not self.whole.value)
        self.extent.setText(self._size_in_words())
        self.amount.setText(predicted(self._viewer, self.freezing, self.fod.value))

    def _size_in_words(self) -> str:
        try:
            height, width = self.resolution.size(self._viewer)
        except InputError as error:
            return str(error)
        dpi = self.resolution.dots_per_inch(self._viewer)
        return f"{width} x {height} pixels: {2.54 * width / dpi:.1f} cm wide, {dpi:.0f} dpi"

    def _film(self) -> None:
        factor = self.resolution.factor or pixel_ratio(self._viewer)
        zoom_movie(self._viewer, flight=Flight(factor=min(factor, 2.0)))

    def _freeze_to_file(self) -> None:
        predicted_now = predicted(self._viewer, self.freezing, to_file=True)
        path = ask_for_file(self._viewer, f"Freeze {predicted_now}", "frozen.nii.gz", _NIFTI)
        if path is not None:
            self._freeze(path)

    def _freeze(self, path: Path | None) -> None:
        self._job = freeze(self._viewer, self.freezing, path, self._on_frozen)
        self._show_job()

    def _on_frozen(self, result: Attempt) -> None:
        self._job = None
        self._show_job()

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._show_job()

    def _show_job(self) -> None:
        if self._closed:
            return
        busy = self._job is not None
        for each in (self.layer_button, self.file_button):
            each.setEnabled(not busy)
        self.cancel_button.setVisible(busy)

    def _safely(self, action: Callable[[], None]) -> None:
        """Do what a button asks, and say what is wrong rather than raise into Qt."""
        try:
            action()
        except InputError as error:
            show_error(str(error))


def _side_by_side(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
