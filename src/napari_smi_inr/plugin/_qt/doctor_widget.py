"""What this machine can do, in the viewer: the text of ``smi-inr doctor``, to be read and copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QFontDatabase, QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from ..helper import Attempt
from .ending import end_with_python
from .errand import Errand
from .form import button, named, paragraph
from .latest import attempt

if TYPE_CHECKING:
    from ...doctor.examination import Examination

TITLE = "Check this machine"

_COLUMNS = 64
"""Characters to be seen in a line at least; longer ones are broken."""

_WAIT = "Looking at torch, graphics cards, memory and folders …"
_COPY = "Put all of it on the clipboard, for a report of a fault."
_AGAIN = "Look again, after something was changed. What Python has loaded stays until napari is restarted."


class DoctorWidget(QWidget):
    """Looks at the machine when it opens, on a thread of its own, and tells what to do above what was found.

    Parameters
    ----------
    napari_viewer
        To whose window it belongs.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.examination: Examination | None = None
        self.advice = paragraph("What to do")
        self.report = named(QPlainTextEdit(), "What was found", "The same as smi-inr doctor says.")
        self.report.setReadOnly(True)
        self.report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.report.setMinimumWidth(self.report.fontMetrics().horizontalAdvance("0" * _COLUMNS))
        self.copy_button, self.again_button = button("&Copy", _COPY), button("Look &again", _AGAIN)
        self.copy_button.clicked.connect(self.copy)
        self.again_button.clicked.connect(self.look)
        self._arrange()
        end_with_python(napari_viewer)
        self.look()

    def look(self) -> None:
        """Examine the machine, and show what comes of it."""
        self.advice.setText(_WAIT)
        self._let_press(False)
        errand = Errand(self, lambda: attempt(lambda _: _examine(), None))
        errand.answered.connect(self._show)
        errand.answered.connect(lambda _: errand.deleteLater())
        errand.go()

    def copy(self) -> None:
        """Put the whole text on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.report.toPlainText())

    def _show(self, found: Attempt) -> None:
        self._let_press(True)
        if found.error is not None:
            self.advice.setText(f"The machine could not be examined: {found.error}")
            return
        self.examination = found.value
        self.advice.setText(found.value.in_short)
        self.report.setPlainText(found.value.text)

    def _let_press(self, ready: bool) -> None:
        for each in (self.copy_button, self.again_button):
            each.setEnabled(ready)

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.again_button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.advice)
        layout.addWidget(self.report, stretch=1)
        layout.addLayout(buttons)
        self.setAccessibleName(TITLE)


def _examine() -> Examination:
    from ...doctor.examination import examine  # on the thread: it loads torch

    return examine()
