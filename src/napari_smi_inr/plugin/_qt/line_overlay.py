"""The line of a swipe as it is drawn over the canvas: handle in its middle, and a label on either side."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

RADIUS = 13.0
"""Of the handle [px]."""

_MARGIN = 10.0  # between line and labels, and from labels to the edge [px]
_LINE = QColor(255, 255, 255, 235)
_SHADE = QColor(0, 0, 0, 110)  # around the line: it has to be seen on white and on black
_INK = QColor(30, 34, 40)
_PLATE = QColor(20, 22, 26, 205)


@dataclass(frozen=True)
class Drawn:
    """What to draw.

    Attributes
    ----------
    at
        Pixels from the left or upper edge; None: no line, one label for all.
    upright
        Whether the line stands upright.
    first, second
        Labels to the left of or above the line, and beyond it.
    """

    at: float | None
    upright: bool
    first: str
    second: str = ""


class LineOverlay(QWidget):
    """Lies over the canvas and lets every event through to it.

    Parameters
    ----------
    canvas
        The widget to cover.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.drawn: Drawn | None = None
        self.hide()

    def draw(self, drawn: Drawn | None) -> None:
        """Show something, or nothing."""
        canvas = self.parentWidget()
        if canvas is not None and self.size() != canvas.size():
            self.resize(canvas.size())
        if drawn != self.drawn:
            self.drawn = drawn
            self.update()
        self.setVisible(drawn is not None)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 (Qt)
        """Draw."""
        if self.drawn is not None:
            painter = QPainter(self)
            paint(painter, QRectF(self.rect()), self.drawn)
            painter.end()


def paint(painter: QPainter, canvas: QRectF, drawn: Drawn) -> None:
    """Draw line, handle and labels onto anything of the canvas's size, a saved picture too."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    font = painter.font()
    font.setPointSizeF(10.5)
    font.setBold(True)
    painter.setFont(font)
    if drawn.at is None:
        _plate(painter, canvas, QPointF(canvas.width() / 2, _top(canvas)), 0.5, drawn.first)
    elif drawn.upright:
        gap = _gap(drawn.at, canvas.width())
        _line(painter, QPointF(drawn.at, gap), QPointF(drawn.at, canvas.height() - gap))
        _handle(painter, QPointF(drawn.at, canvas.height() / 2), 0)
        for label, side, share in ((drawn.first, -1, 1.0), (drawn.second, 1, 0.0)):
            _plate(painter, canvas, QPointF(drawn.at + side * _MARGIN, _top(canvas)), share, label)
    else:
        gap = _gap(drawn.at, canvas.height())
        _line(painter, QPointF(gap, drawn.at), QPointF(canvas.width() - gap, drawn.at))
        _handle(painter, QPointF(canvas.width() / 2, drawn.at), 90)
        for label, side in ((drawn.first, -1), (drawn.second, 1)):
            _plate(painter, canvas, QPointF(canvas.width() / 4, drawn.at + side * 2.2 * _MARGIN), 0.5, label)


def _top(canvas: QRectF) -> float:
    """Height of labels beside an upright line: below the letter at the top of the canvas."""
    return max(70.0, canvas.height() / 6)


def _gap(at: float, extent: float) -> float:
    """Room for the letter in the middle of each side of the canvas, where the line would run through it."""
    return 44.0 if abs(at - extent / 2) < 14 else 0.0


def _line(painter: QPainter, start: QPointF, end: QPointF) -> None:
    for colour, width in ((_SHADE, 4.0), (_LINE, 2.0)):
        painter.setPen(QPen(colour, width))
        painter.drawLine(start, end)


def _handle(painter: QPainter, centre: QPointF, turned: float) -> None:
    painter.save()
    painter.translate(centre)
    painter.rotate(turned)
    painter.setPen(QPen(_SHADE, 1.5))
    painter.setBrush(_LINE)
    painter.drawEllipse(QPointF(0, 0), RADIUS, RADIUS)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_INK)
    for side in (-1, 1):
        painter.drawPolygon(QPolygonF([QPointF(side * 3, -4.5), QPointF(side * 3, 4.5), QPointF(side * 8, 0)]))
    painter.restore()


def _plate(painter: QPainter, canvas: QRectF, at: QPointF, share: float, label: str) -> None:
    """Draw a label on a plate, of whose width ``share`` lies to the left of a point; left out where it does not fit."""
    metrics = QFontMetricsF(painter.font())
    width, height = metrics.horizontalAdvance(label) + 2 * _MARGIN, metrics.height() + 0.8 * _MARGIN
    box = QRectF(at.x() - share * width, at.y() - height / 2, width, height)
    if not canvas.contains(box):
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE)
    painter.drawRoundedRect(box, height / 2, height / 2)
    painter.setPen(_LINE)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label)
