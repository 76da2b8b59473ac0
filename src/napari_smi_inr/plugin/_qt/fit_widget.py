"""The dock widget: Data, Model and Run, and what can be done with the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ...checks import concerning
from ...dataset import DiffusionDataset
from ...errors import InputError
from ...repeat import changed_inputs, read_recorded
from ..fitting.devices import find_devices
from ..fitting.fit_controller import FitController, explain
from ..fitting.fit_job import Outcome
from ..fitting.fit_session import FitSession
from ..fitting.kept_fits import KeptFit, forget_fit
from ..fitting.scan_request import CheckedScan, ScanRequest
from ..helper import Attempt
from .data_section import DataSection
from .ending import end_with_python
from .errand import Errand
from .form import Column, Section
from .kept_fit_offer import KeptFitOffer
from .model_section import ModelSection
from .result_section import ResultSection
from .run_section import RunSection

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate
    from ...estimation.keep import Keep
    from ...estimation.settings import Settings

_WIDTH = 340


class FitWidget(QWidget):
    """Fit the Standard Model of white matter to a scan in the viewer.

    Parameters
    ----------
    napari_viewer
        Where scan, maps and zoom layer live.
    session
        The fit's state; a fresh one by default.
    """

    def __init__(self, napari_viewer: Any, session: FitSession | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._checked: CheckedScan | None = None
        self.controller = FitController(napari_viewer, session)
        self.session = self.controller.session
        self.data, self.model = DataSection(napari_viewer), ModelSection()
        self.run, self.result = RunSection(), ResultSection()
        self.offer = KeptFitOffer()
        self._run_at_once = False
        self._docked = False
        self._closed = False
        self._arrange()
        self._wire()
        self._devices = Errand(self, find_devices)
        self._devices.answered.connect(self.model.show_devices)
        self._devices.go()
        end_with_python(napari_viewer)

    @property
    def dataset(self) -> DiffusionDataset | None:
        """The scan that has been loaded."""
        return self._checked.dataset if self._checked else None

    def run_when_loaded(self) -> None:
        """Press Run for the user as soon as there is a dataset."""
        self._run_at_once = True
        self._run_if_wished()

    def shut_down(self) -> None:
        """End a running fit and let go of viewer and session; the widget is of no use afterwards.

        Also called when the window has gone and taken all that is Qt about this widget with it.
        """
        if self._closed:
            return
        self._closed = True
        self.session.status_changed.disconnect(self._show_status)
        self.session.curves_grew.disconnect(self.run.plot.show_curves)
        self.session.ended.disconnect(self._on_ended)
        self.controller.close()
        self.data.close_section()
        self._viewer.events.theme.disconnect(self._follow_theme)

    def event(self, event: QEvent | None) -> bool:
        """Notice the end of the dock widget: napari takes its content out, and lets it drop."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self.destroyed.disconnect(self._on_destroyed)
                self.shut_down()
            self._docked = self.parent() is not None
        return bool(super().event(event))

    def _arrange(self) -> None:
        self.questions = [Section("Data", self.data), Section("Model", self.model)]
        layout = QVBoxLayout(self)
        layout.setSpacing(2)
        layout.addWidget(Column(self.questions))
        layout.addWidget(self.offer)
        layout.addWidget(Section("Run", self.run), stretch=1)
        layout.addWidget(Section("Result", self.result))
        self.setMinimumWidth(_WIDTH)
        self.setAccessibleName("Standard Model INR")

    def _wire(self) -> None:
        self.data.request_changed.connect(self._load)
        self.data.open_requested.connect(self.controller.open)
        self.model.lmax_changed.connect(self._show_dataset)
        self.model.settings_requested.connect(self._load_settings)
        self.model.loss_changed.connect(self._show_findings)
        self.run.run_requested.connect(self._run)
        self.run.pause_requested.connect(self.session.pause)
        self.run.resume_requested.connect(self.session.resume)
        self.run.stop_requested.connect(self.session.stop)
        self.offer.resume_requested.connect(self._go_on)
        self.offer.forget_requested.connect(self._forget)
        self.result.zoom_requested.connect(self.controller.add_zoom)
        self.result.export_requested.connect(self.controller.export)
        self.result.open_requested.connect(self.controller.open)
        self.result.quality.residual_requested.connect(self._add_residual)
        self.session.status_changed.connect(self._show_status)
        self.session.curves_grew.connect(self.run.plot.show_curves)
        self.session.ended.connect(self._on_ended)
        self.controller.field_changed.connect(self._show_field)
        self._viewer.events.theme.connect(self._follow_theme)
        self._on_destroyed = lambda: self.shut_down()  # a bound method would not be called once its object is gone
        self.destroyed.connect(self._on_destroyed)
        self._follow_theme()

    def _load(self, request: ScanRequest | None) -> None:
        if self._closed:
            return
        self._checked = None
        self.offer.show_kept(None)
        self.data.findings.show_findings(())
        self._show_status()
        if request is None:
            self.data.table.show_text("Open a diffusion scan, or take File > Open Sample.")
            return
        self.data.table.show_text("Reading …")
        self.controller.load(request, self._on_loaded)

    def _on_loaded(self, result: Attempt) -> None:
        if result.error is not None:
            text = explain(result.error, "The scan could not be read")
            self.data.table.show_text(text)
            show_error(text)
            return
        self._checked = result.value
        self.session.prepare()
        self._look_for_kept()
        self._show_dataset()
        self._show_field(self.controller.field)  # it may be the scan of a field that was opened from its file
        self._show_status()
        self._run_if_wished()

    def _run_if_wished(self) -> None:
        if self._run_at_once and self.dataset is not None:
            self._run_at_once = False
            self._run()

    def _run(self) -> None:
        if self._checked is None:
            return
        try:
            config = self.model.config()
        except InputError as error:
            show_error(str(error))
            return
        self._start(config)

    def _start(self, config: Settings, keep: Keep | None = None) -> None:
        if self._checked is None:
            return
        for section in self.questions:
            section.unfold(False)  # room for the plot, also on a small screen
        self.run.plot.show()
        self.controller.run(self._checked.recorded(self.model.effective_loss), config, keep)

    def _look_for_kept(self) -> None:
        """Offer to go on with a fit of the present scan, if one was cut short."""
        if (dataset := self.dataset) is not None:
            self.controller.find_kept(
                dataset, lambda kept: self.offer.show_kept(kept) if self.dataset is dataset else None
            )

    def _go_on(self, kept: KeptFit) -> None:
        self._start(kept.config, kept.keep)

    def _forget(self, kept: KeptFit) -> None:
        forget_fit(kept.keep)
        self.offer.show_kept(None)

    def _load_settings(self, path: Path) -> None:
        try:
            recorded = read_recorded(path)
            self.model.show_settings(recorded)
        except InputError as error:
            show_error(str(error))
            return
        changed = [] if self.dataset is None else changed_inputs(recorded, self.dataset)
        if changed:
            show_warning(f"The settings of {path.name} are loaded. {' '.join(changed)}")

    def _show_dataset(self) -> None:
        if self.dataset is not None:
            self.data.table.show_dataset(self.dataset, self.model.lmax.value)
            self._show_findings()

    def _show_findings(self) -> None:
        if self._checked is not None:
            self.data.findings.show_findings(concerning(self._checked.findings, self.model.effective_loss))

    def _show_status(self) -> None:
        status = self.session.status
        self.run.show_status(status, ready=self.dataset is not None)
        self.offer.set_busy(status.busy)
        self.result.quality.setVisible(self.controller.field is not None and not status.busy)  # not of the last fit

    def _on_ended(self, outcome: Outcome) -> None:
        self.offer.show_kept(None)
        self._look_for_kept()

    def _show_field(self, field: Estimate | None) -> None:
        self.result.show_field(field, self._scan_of_field() is not None)

    def _scan_of_field(self) -> DiffusionDataset | None:
        """What the present field was fitted to, if it is at hand: with its layers, or loaded since."""
        return self.controller.scan_of_field(self.dataset)

    def _add_residual(self) -> None:
        dataset = self._scan_of_field()
        if dataset is not None:
            self.result.quality.set_ready(False)
            self.controller.add_residual(dataset, lambda: self._show_field(self.controller.field))

    def _follow_theme(self) -> None:
        self.run.plot.follow_theme(self._viewer.theme)
        self.data.findings.follow_theme(self._viewer.theme)
