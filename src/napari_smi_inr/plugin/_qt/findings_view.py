"""What checks of a scan found, above its protocol so that it is seen first, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from ...checks import Finding, Severity
from ...checks.axes import in_words
from .form import button, paragraph, theme_colour

_ROLES = {Severity.WARNING: "warning", Severity.NOTICE: "highlight"}
_SIGNS = {Severity.WARNING: "⚠", Severity.NOTICE: "ⓘ"}
_BOX = "QFrame#finding {{ border: none; border-left: 4px solid {colour}; background: {ground} }}"


class FindingsView(QWidget):
    """One box a finding, with a bar in the theme's colour for its severity."""

    axes_wanted = Signal(str)
    """Axes of the directions that the user takes up."""

    def __init__(self) -> None:
        super().__init__()
        self.findings: tuple[Finding, ...] = ()
        self.boxes: list[QFrame] = []
        self._theme = "dark"
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self.setAccessibleName("Checks of the scan")
        self.hide()

    def show_findings(self, findings: Iterable[Finding]) -> None:
        """Show these and no others."""
        found = tuple(findings)
        if found == self.findings:
            return
        self.findings = found
        for box in self.boxes:
            box.hide()
            box.deleteLater()
        self.boxes = [self._box(finding) for finding in found]
        self.follow_theme(self._theme)
        self.setVisible(bool(found))

    def follow_theme(self, theme: str) -> None:
        """Take the colours of a napari theme."""
        self._theme = theme
        ground = theme_colour(theme, "foreground")
        for box, finding in zip(self.boxes, self.findings, strict=True):
            box.setStyleSheet(_BOX.format(colour=theme_colour(theme, _ROLES[finding.severity]), ground=ground))

    def _box(self, finding: Finding) -> QFrame:
        box = QFrame()
        box.setObjectName("finding")
        box.setAccessibleName(f"{finding.severity.capitalize()}: {finding.what}")
        layout = QVBoxLayout(box)
        layout.setContentsMargins(8, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(_text(f"{_SIGNS[finding.severity]} {finding.what}", bold=True))
        layout.addWidget(_text(f"{finding.text} {finding.remedy}".strip()))
        if finding.bvec_axes:
            self._offer(layout, finding.bvec_axes)
        self._layout.addWidget(box)
        return box

    def _offer(self, layout: QVBoxLayout, axes: str) -> None:
        fix = button(f"Take {in_words(axes)}", f"Read the scan again with the directions' axes {axes}.")
        fix.clicked.connect(lambda: self.axes_wanted.emit(axes))
        layout.addWidget(fix)


def _text(text: str, bold: bool = False) -> QLabel:
    label = paragraph(text)
    label.setText(text[0].upper() + text[1:])
    if bold:
        label.setStyleSheet("font-weight: bold")
    return label
