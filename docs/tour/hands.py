"""Real mouse and key events on a napari window, and how long it did not respond meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QImage, QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QLineEdit,
    QMainWindow,
    QMenu,
    QPushButton,
    QScrollBar,
    QSlider,
    QWidget,
)

LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
SHIFT, NO_KEY = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


def pump(seconds: float) -> None:
    """Let the window live for a while."""
    QTest.qWait(max(1, round(1000 * seconds)))


def wait(done: Callable[[], Any], seconds: float, what: str) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        pump(0.005)


class Hands:
    """A visitor's hands: on the canvas and the widgets of the one open window."""

    def __init__(self) -> None:
        (self.window,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow) and w.isVisible()]
        (self.canvas,) = [
            w for w in self.window.findChildren(QWidget) if type(w).__name__ == "CanvasBackendDesktop" and w.isVisible()
        ]

    def at(self, right: float = 0.5, down: float = 0.5) -> QPointF:
        """Place on the canvas, as shares of its width and height."""
        return QPointF(right * self.canvas.width(), down * self.canvas.height())

    def wheel(self, notches: int, at: QPointF | None = None, pause: float = 0.033) -> None:
        """Turn the wheel, notch by notch."""
        at = at or self.at()
        where = QPointF(self.canvas.mapToGlobal(at.toPoint()))
        for _ in range(abs(notches)):
            turn = QPoint(0, 120 if notches > 0 else -120)
            phase = Qt.ScrollPhase.NoScrollPhase
            QApplication.sendEvent(self.canvas, QWheelEvent(at, where, QPoint(), turn, NO_BUTTON, NO_KEY, phase, False))
            pump(pause)

    def move(self, to: QPointF) -> None:
        """Bring the mouse somewhere."""
        self._mouse(QMouseEvent.Type.MouseMove, to, NO_BUTTON, NO_BUTTON)

    def drag(self, start: QPointF, step: QPointF, steps: int = 10) -> None:
        """Press, move in steps, let go."""
        self.move(start)
        self._mouse(QMouseEvent.Type.MouseButtonPress, start, LEFT, LEFT)
        for i in range(1, steps + 1):
            pump(0.02)
            self._mouse(QMouseEvent.Type.MouseMove, start + step * i, NO_BUTTON, LEFT)
        pump(0.02)
        self._mouse(QMouseEvent.Type.MouseButtonRelease, start + step * steps, LEFT, NO_BUTTON)

    def shift_click(self, at: QPointF) -> None:
        """Click with Shift held."""
        self._mouse(QMouseEvent.Type.MouseButtonPress, at, LEFT, LEFT, SHIFT)
        self._mouse(QMouseEvent.Type.MouseButtonRelease, at, LEFT, NO_BUTTON, SHIFT)

    def key(self, key: Qt.Key, modifier: Any = SHIFT, hold: float = 0.0) -> None:
        """Press a key on the canvas."""
        QTest.keyPress(self.canvas, key, modifier)
        pump(max(hold, 0.02))
        QTest.keyRelease(self.canvas, key, modifier)
        pump(0.05)

    def click(self, widget: QWidget) -> None:
        """Click a widget."""
        QTest.mouseClick(widget, LEFT)
        pump(0.05)

    def choose(self, combo: QComboBox, text: str) -> None:
        """Go to a choice that begins with a text, by the arrow keys."""
        wanted = next(i for i in range(combo.count()) if combo.itemText(i).startswith(text))
        key = Qt.Key.Key_Down if wanted > combo.currentIndex() else Qt.Key.Key_Up
        for _ in range(abs(wanted - combo.currentIndex())):
            QTest.keyClick(combo, key)
        pump(0.05)

    def press(self, widget: QWidget, key: Qt.Key) -> None:
        """Press a key on a widget."""
        QTest.keyClick(widget, key)
        pump(0.05)

    def type_number(self, box: QWidget, text: str) -> None:
        """Type a number into a box over what stands there."""
        line = box.findChild(QLineEdit)
        line.selectAll()
        QTest.keyClicks(line, text)
        self.press(line, Qt.Key.Key_Return)

    def nudge(self, slider: QWidget, presses: int) -> None:
        """Move a slider by arrow keys."""
        inner = slider if isinstance(slider, (QSlider, QScrollBar)) else slider.findChild(QSlider)
        right = (presses > 0) is not inner.invertedControls()  # as those of scroll bars are
        for _ in range(abs(presses)):
            QTest.keyClick(inner, Qt.Key.Key_Right if right else Qt.Key.Key_Left)
            pump(0.01)

    def button(self, mode: str) -> QPushButton:
        """Find one of napari's viewer buttons: by its name: roll, ndisplay_button, home …"""
        (button,) = [b for b in self.window.findChildren(QPushButton) if b.property("mode") == mode]
        return button

    def slider(self, axis: int) -> QScrollBar:
        """Find the slider of an axis."""
        bars = [b for b in self.window.findChildren(QScrollBar) if type(b).__name__ == "_ModifiedScrollBar"]
        (bar,) = [b for b in bars if b.isVisible() and b.parent().axis == axis]
        return bar

    def open_menu(self, *titles: str) -> list[QMenu]:
        """Open a menu of the bar, and those within it, by mouse and keys; returns them."""
        bar = self.window.menuBar()
        action = next(a for a in bar.actions() if a.text().replace("&", "") == titles[0])
        QTest.mouseClick(bar, LEFT, pos=bar.actionGeometry(action).center())
        pump(0.2)
        menus = [action.menu()]
        for title in titles[1:]:
            action = next(a for a in menus[-1].actions() if a.text().replace("&", "") == title)
            QTest.mouseMove(menus[-1], menus[-1].actionGeometry(action).center())
            menus[-1].setActiveAction(action)
            QTest.keyClick(menus[-1], Qt.Key.Key_Right)
            pump(0.3)
            menus.append(action.menu())
        return menus

    def _mouse(self, kind: Any, at: QPointF, button: Any, buttons: Any, modifier: Any = NO_KEY) -> None:
        where = QPointF(self.canvas.mapToGlobal(at.toPoint()))
        QApplication.sendEvent(self.canvas, QMouseEvent(kind, at, where, button, buttons, modifier))


class Heartbeat:
    """Gaps between the beats of a 2 ms timer: how long the window did not respond."""

    def __init__(self) -> None:
        self._beats: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(2)
        self._timer.timeout.connect(lambda: self._beats.append(time.perf_counter()))

    def start(self) -> None:
        """Begin to beat."""
        self._beats = [time.perf_counter()]
        self._timer.start()

    def stop(self) -> str:
        """End; returns the gaps in words."""
        self._timer.stop()
        gaps = np.diff([*self._beats, time.perf_counter()]) * 1e3
        return "gaps p50 {:.0f}, p99 {:.0f}, max {:.0f} ms".format(*np.percentile(gaps, (50, 99)), gaps.max())


def pixels(image: QImage) -> np.ndarray:
    """(height, width, 3) of a Qt image."""
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    flat = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
    return flat.reshape(image.height(), image.width(), 4)[..., :3]
