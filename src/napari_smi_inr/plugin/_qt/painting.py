"""What drawing the window costs, and how to draw it less often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

_SOON_MS = 20  # by then Qt has begun to draw, and no timer fires before it is done


def after_painting(callback: Callable[[], None]) -> None:
    """Call back once what has just changed is on the screen."""
    QTimer.singleShot(_SOON_MS, callback)


def set_movie_speed(window: Any, percent: int) -> None:
    """Set the speed of the small animations in a window, such as napari's sign that something is in progress.

    Each of their thirty pictures a second draws the whole window anew, its canvas included: without a graphics card
    that took as much of the processor as the fit.
    """
    for label in window.findChildren(QLabel) if window is not None else ():
        if label.movie() is not None:
            label.movie().setSpeed(percent)
