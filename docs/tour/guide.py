"""The guide of the tour: opens the window, takes the pictures, keeps the record, and notices what goes wrong."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
import numpy as np
from hands import Hands, Heartbeat, pixels, pump, wait
from napari.utils.notifications import NotificationSeverity, notification_manager
from PIL import Image
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_smi_inr.plugin.comparing.compare import comparison_in
from napari_smi_inr.plugin.fods.fod_overlay import fod_overlay
from napari_smi_inr.plugin.napari_compat import unwrapped
from napari_smi_inr.plugin.zoom.session import session_of

WINDOW = (1500, 900)
COLOURS = 255

Stop = Callable[["Guide"], None]


class Guide:
    """Leads through the stops of a tour in one window.

    Parameters
    ----------
    folder
        For the numbered pictures.
    files
        For what is taken away.
    """

    def __init__(self, folder: Path, files: Path) -> None:
        self.folder, self.files = folder, files
        for each in (folder, files):
            each.mkdir(parents=True, exist_ok=True)
        self.failed = 0
        self.shown: dict[str, Any] = {}
        """What one stop leaves for those after it."""
        self._trouble: list[str] = []
        self._checked: list[str] = []
        self._pictures: list[tuple[np.ndarray, Path]] = []
        self._number = 0
        self._listen()
        self.viewer = napari.Viewer(title="napari-smi-inr")
        self.viewer.window.resize(*WINDOW)
        pump(0.5)
        self.hands = Hands()

    def visit(self, stops: list[Stop]) -> None:
        """Go from stop to stop; one that fails is told, and the tour goes on where it can."""
        for stop in stops:
            with self._record(stop):
                stop(self)

    def check(self, so: bool, what: str) -> None:
        """Assert something, and write down that it was."""
        assert so, what
        self._checked.append(what)

    def settle(self, seconds: float = 60) -> None:
        """Wait until everything in view is evaluated and drawn."""

        def still() -> bool:
            sessions = [session_of(layer) for layer in unwrapped(self.viewer).layers if layer.visible]
            quiet = all(s is None or s.settled for s in sessions)
            return quiet and comparison_in(self.viewer).settled and fod_overlay(self.viewer).settled

        for _ in range(2):
            pump(0.15)
            wait(still, seconds, "the view to settle")
        pump(0.1)

    def picture(self, name: str, of: QWidget | None = None, screen: bool = False) -> np.ndarray:
        """Photograph the window, a widget, or the screen with all its popups; numbered."""
        pump(0.3)
        if screen:
            frame = self.hands.window.frameGeometry()
            taken = pixels(self.hands.window.screen().grabWindow(0).toImage())
            taken = taken[max(frame.top(), 0) : frame.bottom() + 1, max(frame.left(), 0) : frame.right() + 1]
        elif of is not None:
            taken = pixels(of.grab().toImage())
        else:
            taken = np.asarray(self.viewer.screenshot(canvas_only=False, flash=False))
        self._number += 1
        self.keep(taken, self.folder / f"{self._number:02}_{name}.png")
        return taken

    def keep(self, taken: np.ndarray, path: Path) -> None:
        """Write a picture once the stop is over: it takes seconds, which are not the window's."""
        self._pictures.append((taken, path))

    def end(self) -> int:
        """Close the window, look for what is left behind, and say how it was."""
        with self._record(lambda guide: None, "the end"):
            self.shown.clear()
            self.viewer.close()
            pump(0.5)
            QApplication.sendPostedEvents(None, int(QEvent.Type.DeferredDelete.value))
            del self.hands, self.viewer
            gc.collect()
            left = [t.name for t in threading.enumerate() if t.name.startswith("smi-inr")]
            self.check(not left, f"no thread of ours is left {left or ''}")
        print(f"{self._number} pictures in {self.folder}; {self.failed or 'no'} stops failed.")
        return 1 if self.failed else 0

    @contextmanager
    def _record(self, stop: Stop, name: str = "") -> Iterator[None]:
        self._checked, before, pulse = [], len(self._trouble), Heartbeat()
        started, fault = time.monotonic(), ""
        pulse.start()
        try:
            yield
        except Exception as error:
            import traceback

            where = traceback.extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        beats, seconds = pulse.stop(), time.monotonic() - started
        while self._pictures:
            save(*self._pictures.pop(0))
        trouble = [*self._trouble[before:], *([fault] if fault else [])]
        self.failed += bool(trouble)
        told = "; ".join([*self._checked, *(f"FAILED {t}" for t in trouble)])
        name = name or stop.__name__.replace("_", " ")
        print(f"{name}: {told or 'shown'} · {seconds:.0f} s, {beats}", flush=True)

    def _listen(self) -> None:
        """Hear of every exception, and of every error that is shown to the user."""

        def on_notification(note: Any) -> None:
            if note.severity >= NotificationSeverity.WARNING:
                self._trouble.append(f"notification: {note.message}")

        def on_exception(kind: type, error: BaseException, trace: Any) -> None:
            self._trouble.append(f"exception: {kind.__name__}: {error}")
            sys.__excepthook__(kind, error, trace)

        self._on_notification = on_notification  # napari's events hold callbacks weakly
        notification_manager.notification_ready.connect(on_notification)
        sys.excepthook = on_exception
        threading.excepthook = lambda a: on_exception(a.exc_type, a.exc_value or Exception(), a.exc_traceback)


def save(taken: np.ndarray, path: Path, width: int = WINDOW[0]) -> None:
    """Write a picture, at most so wide, with a palette, dithered: small, and the eye hardly tells."""
    image = Image.fromarray(np.ascontiguousarray(taken[..., :3]))
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    palette = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=2)  # rare colours of a colour bar, too
    image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
