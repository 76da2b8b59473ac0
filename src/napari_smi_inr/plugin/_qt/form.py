"""Small parts for forms: names for screen readers, labelled rows, sections that fold, theme colours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from magicgui.widgets import CheckBox, FloatSlider
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QFormLayout,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

_SELECTABLE = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
_TITLE = """
QPushButton { background: transparent; border: 1px solid transparent; text-align: left; font-weight: bold }
QPushButton:focus { border: 1px solid palette(highlight) }
"""

_AROUND_NUMBER = 14  # px


def named(widget: Any, name: str, tip: str = "") -> Any:
    """Give a Qt or magicgui widget the name a screen reader speaks, and its tooltip."""
    native = getattr(widget, "native", widget)
    for part in (native, *native.findChildren(QWidget)):
        part.setAccessibleName(name)
        if tip:
            part.setToolTip(tip)
            part.setAccessibleDescription(tip)
    return widget


def check_box(label: str, value: bool) -> Any:
    """Make a check box whose label stands in front, as everywhere, and not beside it once more."""
    made = CheckBox(label=label, value=value)
    made.native.setText("")
    return made


def slider(label: str, low: float, high: float, step: float, value: float) -> Any:
    """Make a slider whose number takes no more room than it needs, as napari's style gives it half of a narrow row."""
    made = FloatSlider(label=label, min=low, max=high, step=step, value=value)
    number = made.native.findChild(QAbstractSpinBox)
    if number is not None:
        number.setFixedWidth(number.fontMetrics().horizontalAdvance("0.000") + _AROUND_NUMBER)
    return made


def may_be_cut(widget: Any) -> None:
    """Let long choices be cut rather than make the dock wider."""
    native = getattr(widget, "native", widget)
    native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)


def button(text: str, tip: str) -> QPushButton:
    """Make a push button with mnemonic, tooltip and spoken name."""
    made = QPushButton(text)
    made.setAutoDefault(True)  # Return presses the focused button
    return named(made, text.replace("&", "").rstrip("…"), tip)  # type: ignore[no-any-return]


def paragraph(name: str) -> QLabel:
    """Make a label for running text, which can be selected and copied."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(_SELECTABLE)
    label.setAccessibleName(name)
    return label


class Rows(QWidget):
    """magicgui controls under one another, each with its label in front.

    Parameters
    ----------
    controls
        Their ``label`` is shown; their order is that of the Tab key.
    """

    def __init__(self, controls: Iterable[Any]) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(4)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for control in controls:
            self._form.addRow(control.label, control.native)

    def show_row(self, control: Any, shown: bool) -> None:
        """Show or hide a control with its label."""
        self._form.setRowVisible(control.native, shown)


class Section(QWidget):
    """Content under a title that folds it away.

    Parameters
    ----------
    title
        Shown, and pressed by mouse or keyboard to fold.
    content
        What is folded.
    unfolded
        Whether it is to be seen at first.
    """

    def __init__(self, title: str, content: QWidget, unfolded: bool = True) -> None:
        super().__init__()
        self._title, self.content = title, content
        self.toggle = QPushButton()
        self.toggle.setCheckable(True)
        self.toggle.setStyleSheet(_TITLE)
        named(self.toggle, f"{title} section", f"Show or hide {title.lower()}.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(2)
        layout.addWidget(self.toggle)
        layout.addWidget(content)
        self.toggle.toggled.connect(self._show)
        self.toggle.setChecked(unfolded)
        self._show(unfolded)

    def unfold(self, unfolded: bool) -> None:
        """Show or hide the content."""
        self.toggle.setChecked(unfolded)

    def _show(self, unfolded: bool) -> None:
        self.toggle.setText(f"{'▾' if unfolded else '▸'}  {self._title}")
        self.content.setVisible(unfolded)


class Column(QScrollArea):
    """Widgets under one another, as high as they need to be, and scrolling only where the window is too low."""

    def __init__(self, widgets: Iterable[QWidget]) -> None:
        super().__init__()
        self._inner = QWidget()
        self._stack = QVBoxLayout(self._inner)
        self._stack.setContentsMargins(0, 0, 6, 0)
        for widget in widgets:
            self._stack.addWidget(widget)
        self._stack.addStretch()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(self._inner)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt)
        """As high as its text needs at its present width, and no wider than it must be."""
        height = self._stack.totalHeightForWidth(self._inner.width()) if self._stack.hasHeightForWidth() else -1
        hint = self._inner.minimumSizeHint()
        return QSize(hint.width(), height if height > 0 else hint.height())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 (Qt)
        """Tell the layout around it when the content has changed its mind about its size."""
        if event is not None and event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def theme_colour(theme_name: str, role: str) -> str:
    """Give a colour of a napari theme, e.g. ``"text"``, as ``#rrggbb``."""
    return str(getattr(get_theme(theme_name), role).as_hex(format="long"))
