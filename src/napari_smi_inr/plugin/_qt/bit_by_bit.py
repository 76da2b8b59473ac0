"""Work on the main thread in small steps, between which the window lives."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

from napari.utils import cancelable_progress
from qtpy.QtCore import QEventLoop, QObject, QTimer
from qtpy.QtWidgets import QApplication

from ..helper import Attempt
from ..napari_compat import main_window

_TICKS = 50
_PAUSE_MS = 15

Steps = Generator[float, None, Any]


class BitByBit(QObject):
    """Runs steps whenever the window has nothing else to do, with a bar in the activity dock that can cancel them.

    Parameters
    ----------
    viewer
        Its window's end is the end of this, too.
    steps
        Yield the share that is done, return the result.
    title
        Of the bar.
    done
        Told what came of it; not called if cancelled.
    """

    def __init__(self, viewer: Any, steps: Steps, title: str, done: Callable[[Attempt], None]) -> None:
        window = main_window(viewer)
        super().__init__(window)
        self._steps: Steps | None = steps
        self._done = done
        self._bar = cancelable_progress(total=_TICKS, desc=title)
        self._busy = False
        self._timer = QTimer(self)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._step)
        self._timer.start()
        if window is not None:
            window.destroyed.connect(self.cancel)

    @property
    def running(self) -> bool:
        """Whether there is more to do."""
        return self._steps is not None

    def cancel(self) -> None:
        """End it without a result; what it holds is let go."""
        self._end(None)

    def _step(self) -> None:
        if self._busy or self._steps is None:  # drawing the bar lets the window live, timers included
            return
        self._busy = True
        try:
            if self._bar.is_canceled:
                self._end(None)
                return
            self._show(next(self._steps))
        except StopIteration as end:
            self._end(Attempt(end.value))
        except Exception as error:  # told to whoever asked
            self._end(Attempt(None, error))
        finally:
            self._busy = False

    def _show(self, share: float) -> None:
        ahead = round(share * _TICKS) - self._bar.n
        if ahead > 0:
            self._bar.update(ahead)

    def _end(self, result: Attempt | None) -> None:
        steps, self._steps = self._steps, None
        if steps is None:
            return
        self._timer.stop()
        self._bar.close()
        steps.close()
        self.deleteLater()
        if result is not None:
            self._done(result)


def run_through(steps: Steps) -> Any:
    """Run steps to their end and give their result; the window lives meanwhile, and can be painted but not used."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
        time.sleep(_PAUSE_MS / 1e3)
