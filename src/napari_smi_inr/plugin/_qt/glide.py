"""A camera that moves gently, so that eyes can follow where it goes."""

from __future__ import annotations

import time
from typing import Any

from qtpy.QtCore import QObject, QTimer

_WAIT = 1.5  # seconds to look at the whole first
_SECONDS = 5.0
_FRAME_MS = 40


class Glide(QObject):
    """Moves a 2-D camera to a place, closer by a factor; ends early when the user takes over.

    Parameters
    ----------
    parent
        Ends the motion when it goes.
    camera
        Of the viewer.
    target
        Point to end at, (z, y, x) [mm]; the last two are used.
    closer
        Factor of the zoom.
    """

    def __init__(self, parent: QObject, camera: Any, target: tuple[float, float, float], closer: float) -> None:
        super().__init__(parent)
        self._camera = camera
        self._start, self._zoom = tuple(camera.center), float(camera.zoom)
        self._target, self._closer = target, closer
        self._began = time.monotonic() + _WAIT
        self._set: tuple[Any, ...] = self._now()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._move)
        self._timer.start(_FRAME_MS)

    def _now(self) -> tuple[Any, ...]:
        return (*self._camera.center, self._camera.zoom)

    def _move(self) -> None:
        share = (time.monotonic() - self._began) / _SECONDS
        if share < 0:
            self._start, self._zoom, self._set = tuple(self._camera.center), float(self._camera.zoom), self._now()
            return
        if share >= 1 or self._now() != self._set:  # there, or the user has moved it
            self._timer.stop()
            self.deleteLater()
        if self._now() == self._set:
            self._place(min(share, 1.0))

    def _place(self, share: float) -> None:
        eased = share * share * (3 - 2 * share)
        zoom = self._zoom * self._closer**eased
        # in step with the zoom, so that the target moves to the middle of the canvas along a straight line
        moved = (1 - self._zoom / zoom) / (1 - 1 / self._closer)
        ends = zip(self._start[-2:], self._target[-2:], strict=True)
        self._camera.center = (*self._start[:-2], *(a + moved * (b - a) for a, b in ends))
        self._camera.zoom = zoom
        self._set = self._now()
