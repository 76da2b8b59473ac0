"""Quality: what to look at before trusting the maps of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from .form import button, may_be_cut, named, paragraph

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate

_MARKS = {"good": ("✓", "#2e9e5b"), "warning": ("⚠", "#d9822b"), "unknown": ("?", "#808080")}
_ROWS = ("Error", "Noise", "At a bound")
_TIP = "Root mean square of measured minus fitted signal in every voxel, as a layer: bright where the fit fails."
_NO_SCAN = "The residual map needs the scan: choose under Data the one that was fitted."


class QualityPanel(QWidget):
    """Shows the error against the noise, the SNR and the voxels at a bound; asks for the residual map."""

    residual_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Quality of the fit")
        self.mark = named(QLabel(), "Judgement of the fit")
        self.verdict = paragraph("What the error means")
        self.rows = {title: paragraph(title) for title in _ROWS}
        self.residual_button = button("Residual &map", _TIP)
        self._arrange()
        self.show_fit(None, has_scan=False)

    def show_fit(self, fit: Estimate | None, has_scan: bool) -> None:
        """Show the quality of a fit, or nothing; ``has_scan`` says whether it can be compared with its scan."""
        self.setVisible(fit is not None)
        self.set_ready(has_scan)
        if fit is None:
            return
        from ...estimation.quality_text import brief_rows, judgement, verdict_text

        mark, colour = _MARKS[judgement(fit)]
        self.mark.setText(mark)
        self.mark.setStyleSheet(f"color: {colour}; font-size: 18px; font-weight: bold")
        self.mark.setMinimumHeight(self.mark.sizeHint().height())
        self.mark.setAccessibleDescription(judgement(fit))
        self.verdict.setText(verdict_text(fit))
        for title, (text, tip) in brief_rows(fit).items():
            self.rows[title].setText(text)
            named(self.rows[title], f"{title}: {text}", tip)

    def set_ready(self, ready: bool) -> None:
        """Let the residual map be asked for, or say what it needs."""
        self.residual_button.setEnabled(ready)
        self.residual_button.setToolTip(_TIP if ready else _NO_SCAN)
        self.residual_button.setAccessibleDescription(_TIP if ready else _NO_SCAN)

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.mark, alignment=Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.verdict, stretch=1)
        table = QGridLayout()
        table.setColumnStretch(1, 1)
        table.setVerticalSpacing(0)
        for row, (title, label) in enumerate(self.rows.items()):
            label.setWordWrap(False)  # short as they are; lines that wrap would be given too little height
            may_be_cut(label)
            table.addWidget(QLabel(title), row, 0)
            table.addWidget(label, row, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addLayout(table)
        layout.addWidget(self.residual_button)
        self.residual_button.clicked.connect(self.residual_requested.emit)
