"""The offer to go on with a fit that was cut short."""

from __future__ import annotations

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ..fitting.kept_fits import KeptFit
from .form import button, paragraph


class KeptFitOffer(QWidget):
    """Shows a fit that can go on; emits what is wanted. Hidden where there is none, or while another runs."""

    resume_requested = Signal(object)
    forget_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._kept: KeptFit | None = None
        self._busy = False
        self.words = paragraph("A fit that was cut short")
        self.resume_button = button(
            "Go &on with it", "Continue that fit, with its own settings, where it was cut short."
        )
        self.forget_button = button("&Forget it", "Remove what is kept of that fit.")
        layout, buttons = QVBoxLayout(self), QHBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        for each in (self.resume_button, self.forget_button):
            buttons.addWidget(each)
        layout.addWidget(self.words)
        layout.addLayout(buttons)
        self.resume_button.clicked.connect(lambda: self.resume_requested.emit(self._kept))
        self.forget_button.clicked.connect(lambda: self.forget_requested.emit(self._kept))
        self.hide()

    def show_kept(self, kept: KeptFit | None) -> None:
        """Offer a fit, or none."""
        self._kept = kept
        self.words.setText(kept.text if kept is not None else "")
        self.set_busy(self._busy)

    def set_busy(self, busy: bool) -> None:
        """Offer nothing while a fit runs."""
        self._busy = busy
        self.setVisible(self._kept is not None and not busy)
