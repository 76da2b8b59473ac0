"""Six parameters at one place: value, unit, and where in its bounds it lies."""

from __future__ import annotations

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from ...parameters import PARAMETERS, Parameter
from ..inspecting.evidence_text import bound_text, value_text
from .form import named, theme_colour

_WARNING = "#f0932b"
_FILL = "#4c9be8"


class BoundsBar(QWidget):
    """A thin bar, filled as far as a value has come in its bounds; orange at a bound."""

    def __init__(self) -> None:
        super().__init__()
        self._share: float | None = None
        self._warned = False
        self._track = QColor("#808080")
        self.setMinimumWidth(50)
        self.setFixedHeight(12)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt)
        """As wide as a short word."""
        return QSize(70, 12)

    def show_share(self, share: float | None, warned: bool) -> None:
        """Fill it to a share of its length, or not at all."""
        if (share, warned) != (self._share, self._warned):
            self._share, self._warned = share, warned
            self.update()

    def set_track(self, colour: str) -> None:
        """Take the colour of what is not filled."""
        self._track = QColor(colour)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 (Qt)
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        whole = QRectF(2, self.height() / 2 - 2, self.width() - 4, 4)
        painter.setBrush(self._track)
        painter.drawRoundedRect(whole, 2, 2)
        if self._share is None:
            return
        end = whole.left() + whole.width() * min(1.0, max(0.0, self._share))
        painter.setBrush(QColor(_WARNING if self._warned else _FILL))
        painter.drawRoundedRect(QRectF(whole.left(), whole.top(), end - whole.left(), 4), 2, 2)
        painter.drawRoundedRect(QRectF(end - 2, whole.top() - 3, 4, 10), 2, 2)


def _range_text(parameter: Parameter) -> str:
    if parameter.bounds is None:
        return "in the scan's units, unbounded"
    low, high = parameter.bounds
    return f"{low:g} to {high:g} {parameter.unit}".strip()


class _Row:
    """One parameter's labels and bar."""

    def __init__(self, parameter: Parameter, grid: QGridLayout, row: int) -> None:
        self.symbol, self._parameter = parameter.symbol, parameter
        self.title = QLabel(parameter.symbol)
        self.value = QLabel("–")
        self.value.setMinimumWidth(96)
        self.bar = BoundsBar() if parameter.bounds is not None else None
        tip = f"{parameter.name[0].upper()}{parameter.name[1:]}, {_range_text(parameter)}."
        widgets = [w for w in (self.title, self.value, self.bar) if w is not None]
        for column, widget in enumerate(widgets):
            named(widget, f"{parameter.symbol}, {parameter.name}", tip)
            grid.addWidget(widget, row, column)

    def show(self, value: float | None) -> None:
        bounds = self._parameter.bounds
        text = "" if value is None else bound_text(self.symbol, value)
        self.value.setText("–" if value is None else value_text(self.symbol, value))
        style = f"color: {_WARNING}; font-weight: bold" if text else ""
        if style != self.value.styleSheet():  # costly
            self.value.setStyleSheet(style)
            self.value.setAccessibleDescription(text)
        if self.bar is not None and bounds is not None:
            share = None if value is None else (value - bounds[0]) / (bounds[1] - bounds[0])
            self.bar.show_share(share, bool(text))


class ParameterTable(QWidget):
    """Di, De, Dp, f, S0 and p2 under one another."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Parameters at the point")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(2, 1)
        self.rows = {symbol: _Row(p, grid, n) for n, (symbol, p) in enumerate(PARAMETERS.items())}

    def show_values(self, values: dict[str, float]) -> None:
        """Show values by symbol; a dash for those missing."""
        for symbol, row in self.rows.items():
            row.show(values.get(symbol))

    def follow_theme(self, theme: str) -> None:
        """Take the colours of a napari theme."""
        for row in self.rows.values():
            if row.bar is not None:
                row.bar.set_track(theme_colour(theme, "primary"))
