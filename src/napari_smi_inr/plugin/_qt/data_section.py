"""Data: which scan to fit, with which mask and side-cars, and what it can tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, FileEdit, FloatSpinBox, LineEdit
from qtpy.QtCore import QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from ...acquisition import B0_THRESHOLD, HIGHEST_B0_THRESHOLD
from ...checks.axes import AS_GIVEN, AUTO, BVEC_AXES, in_words
from ...io.noise import parse_noise
from ..fitting.scan_request import ScanRequest
from ..layer_origin import ScanOrigin, VolumeOrigin, origin_of
from ..napari_compat import unwrapped
from .acquisition_table import AcquisitionTable
from .findings_view import FindingsView
from .form import Rows, Section, button, may_be_cut, named

_NIFTI = "NIfTI (*.nii *.nii.gz)"
_B0 = 1000 * B0_THRESHOLD  # s/mm²
_SETTLE_MS = 250  # several fields may change at once
_SIDECARS = {
    "bval": ("b-values [s/mm² or ms/µm²]", "Text file, a number a volume; by default found beside the scan by name."),
    "bvec": ("Directions", "Text file in FSL convention; by default found beside the scan by name."),
    "bdelta": (
        "b-tensor shape",
        "Text file of b_delta, -0.5 (planar) to 1 (linear), one a volume or one for all; by default found beside the "
        "scan (.bdelta, .bshape, .beta), else linear.",
    ),
    "gradients": (
        "Whole protocol",
        "One file instead of the three: b-tensors with six or nine numbers a volume (.btens), md-dMRI's _xps.mat, or a "
        "table of MRtrix (.b). By default found beside the scan by name.",
    ),
    "grad_dev": (
        "Gradient deviation",
        "NIfTI of nine volumes on the scan's grid: the non-uniformity of the gradients in the FSL/HCP convention "
        "(grad_dev), or as QSIPrep writes it (graddev). Never taken unasked.",
    ),
}


class DataSection(QWidget):
    """Emits what is to be loaded; shows what was.

    Parameters
    ----------
    viewer
        Its layers are the scans and masks to choose from.
    """

    request_changed = Signal(object)
    open_requested = Signal(object)

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.scan = named(
            ComboBox(label="Scan", choices=self._scans, nullable=False),
            "Scan",
            "A 4-D diffusion scan among the layers. Open one here, by drag and drop, or from File > Open Sample.",
        )
        self.mask_choice = named(
            ComboBox(label="Mask", choices=self._masks, nullable=False),
            "Mask",
            "Voxels to fit: a 3-D NIfTI on the scan's grid, above zero inside. Automatic: all that is not background.",
        )
        self.more = _more_series()
        self.b0 = named(
            FloatSpinBox(label="b = 0 up to", min=0.0, max=1000 * HIGHEST_B0_THRESHOLD, step=5.0, value=_B0),
            "Largest b-value that counts as b = 0 [s/mm²]",
            "Volumes up to this b-value [s/mm²] count as b = 0. Raise it where a scanner's b = 0 has some weighting.",
        )
        self.b0.native.setSuffix(" s/mm²")
        self.sidecars = {key: _file_choice(name, tip) for key, (name, tip) in _SIDECARS.items()}
        self.noise = named(
            LineEdit(label="Noise σ"),
            "Noise level",
            "Standard deviation of the noise in the scan's units: a number, the path of a 3-D NIfTI map, "
            "or how to estimate it from the scan: mppca (random matrix theory) or b0 (differences of repeated b = 0 "
            "volumes). Needed for the Rician loss.",
        )
        self.axes = named(
            ComboBox(label="Direction axes", choices=_axes_choices(), value=AS_GIVEN),
            "Axes of the directions",
            "Which axes of the directions' file are flipped or swapped, if any. By the fibres: what they ask for "
            "beyond doubt.",
        )
        may_be_cut(self.axes)
        self.table, self.findings = AcquisitionTable(), FindingsView()
        self.open_button = button("&Open…", "Open a diffusion scan or a mask (NIfTI).")
        self._arrange()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLE_MS)
        self._soon.timeout.connect(self._emit)
        for widget in (self.scan, *self._for_files):
            widget.changed.connect(self._on_changed)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        self._soon.start()

    @property
    def settling(self) -> bool:
        """Whether a change has not been told yet."""
        return self._soon.isActive()

    @property
    def _for_files(self) -> tuple[Any, ...]:
        """Controls of what is read from files."""
        return (self.mask_choice, self.noise, self.axes, self.b0, self.more, *self.sidecars.values())

    def request(self) -> ScanRequest | None:
        """What is asked for now."""
        origin = self._origin(self.scan.value)
        if not isinstance(origin, ScanOrigin):
            return None
        if origin.dataset is not None:
            return ScanRequest(origin.dataset)
        assert origin.path is not None
        mask = self._origin(self.mask_choice.value)
        files = {key: _path(widget.value) for key, widget in self.sidecars.items()}
        mask_path = mask.path if isinstance(mask, VolumeOrigin) else None
        return ScanRequest(
            origin.path,
            mask_path,
            **files,
            noise=parse_noise(self.noise.value),
            bvec_axes=self.axes.value,
            b0_threshold=None if self.b0.value == _B0 else float(self.b0.value),
            more=tuple(path for value in self.more.value if (path := _path(value)) is not None),
        )

    def close_section(self) -> None:
        """Let go of the viewer."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.open_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Rows([self.scan, self.mask_choice]))
        layout.addLayout(row)
        rows = Rows([self.more, *self.sidecars.values(), self.axes, self.b0, self.noise])
        layout.addWidget(Section("Side-cars and noise", rows, unfolded=False))
        layout.addWidget(self.findings)
        layout.addWidget(self.table)
        self.findings.axes_wanted.connect(self._take_axes)
        self.open_button.clicked.connect(self._ask_for_file)

    def _take_axes(self, axes: str) -> None:
        self.axes.value = axes

    def _ask_for_file(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Open scan and mask", "", _NIFTI)
        for file in files:
            self.open_requested.emit(Path(file))

    def _on_changed(self) -> None:
        self._soon.start()

    def _emit(self) -> None:
        request = self.request()
        from_file = request is not None and isinstance(request.scan, Path)
        for widget in self._for_files:
            widget.enabled = from_file or request is None
        self.request_changed.emit(request)

    def _layers(self, kind: type) -> Iterator[Any]:
        return (layer for layer in unwrapped(self._viewer).layers if isinstance(origin_of(layer), kind))

    def _scans(self, _: Any) -> list[tuple[str, Any]]:
        return [(layer.name, layer.unique_id) for layer in self._layers(ScanOrigin)]

    def _masks(self, _: Any) -> list[tuple[str, Any]]:
        return [("Automatic", ""), *((layer.name, layer.unique_id) for layer in self._layers(VolumeOrigin))]

    def _origin(self, unique_id: Any) -> Any:
        layers = unwrapped(self._viewer).layers
        return next((origin_of(layer) for layer in layers if layer.unique_id == unique_id), None)

    def _on_inserted(self, event: Any) -> None:
        """A scan or mask that has just been opened is the one that is meant."""
        self._refresh_choices()
        origin = origin_of(event.value)
        if isinstance(origin, ScanOrigin):
            self.scan.value = event.value.unique_id
        elif isinstance(origin, VolumeOrigin) and origin.binary:
            self.mask_choice.value = event.value.unique_id

    def _on_removed(self) -> None:
        self._refresh_choices()
        self._soon.start()

    def _refresh_choices(self) -> None:
        self.scan.reset_choices()
        self.mask_choice.reset_choices()


def _axes_choices() -> list[tuple[str, str]]:
    given, *others = BVEC_AXES
    return [(in_words(given), given), ("by the fibres", AUTO), *((in_words(axes), axes) for axes in others)]


def _more_series() -> Any:
    tip = (
        "Further series of the same subject at the same place, one for each encoding, say: fitted with the scan as "
        "one. Their b-values, directions and shapes are found beside them by name."
    )
    return named(FileEdit(label="More series", mode=FileDialogMode.EXISTING_FILES, filter=_NIFTI), "More series", tip)


def _file_choice(name: str, tip: str) -> Any:
    label = name.split(" [")[0]
    return named(FileEdit(label=label, mode=FileDialogMode.EXISTING_FILE, nullable=True), name, tip)


def _path(value: Any) -> Path | None:
    return Path(value) if value and str(value) not in ("", ".") else None
