"""Run: start, pause and stop a fit, and see how it goes."""

from __future__ import annotations

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from ..fitting.fit_session import State, Status
from .form import button, paragraph
from .loss_plot import LossPlot

_TICKS = 1000


class RunSection(QWidget):
    """Emits requests; shows the status and the losses."""

    run_requested = Signal()
    pause_requested = Signal()
    resume_requested = Signal()
    stop_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.run_button = button("&Run", "Fit the Standard Model to the scan.")
        self.pause_button = button("&Pause", "Hold the fit; the processor is free meanwhile.")
        self.stop_button = button("&Stop", "End the fit within a second and keep the best field so far.")
        self.progress = QProgressBar()
        self.progress.setRange(0, _TICKS)
        self.progress.setAccessibleName("Progress of the fit")
        self.status = paragraph("Status of the fit")
        self.plot = LossPlot()
        self.plot.hide()  # until there is something to see
        self._paused = False
        self._arrange()
        self.show_status(Status(), ready=False)

    def show_status(self, status: Status, ready: bool) -> None:
        """Enable what makes sense now; ``ready`` says whether there is a dataset to fit."""
        self._paused = status.state is State.PAUSED
        self.run_button.setEnabled(ready and not status.busy)
        self.pause_button.setEnabled(status.state in (State.RUNNING, State.PAUSED))
        self.pause_button.setText("&Resume" if self._paused else "&Pause")
        self.pause_button.setAccessibleName("Resume" if self._paused else "Pause")
        self.stop_button.setEnabled(status.state in (State.RUNNING, State.PAUSED))
        self.progress.setValue(round(_TICKS * status.fraction))
        self.status.setText(status.text)

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        for each in (self.run_button, self.pause_button, self.stop_button):
            buttons.addWidget(each)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        for widget in (self.progress, self.status, self.plot):
            layout.addWidget(widget)
        layout.addStretch()
        layout.setStretchFactor(self.plot, 1000)  # all the room there is, while it is shown
        self.run_button.clicked.connect(self.run_requested.emit)
        self.stop_button.clicked.connect(self.stop_requested.emit)
        self.pause_button.clicked.connect(self._on_pause)

    def _on_pause(self) -> None:
        (self.resume_requested if self._paused else self.pause_requested).emit()
