"""A field with known values, a viewer in a real window, and hands to use it with."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QMainWindow, QPushButton, QScrollBar, QWidget

from napari_smi_inr.estimation.voxel_fit import VoxelFit
from napari_smi_inr.methods import make_settings
from napari_smi_inr.parameters import SCALARS
from napari_smi_inr.plugin.napari_compat import unwrapped

SHAPE = (28, 28, 8)


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind(request, qapp):
    """At the end of the session, while there still is a display: no thread and no window of ours may be left.

    PyQt deletes what is left while it walks through a table of it, and that table moves when a widget that is being
    deleted calls back into Python too often: the process may then end in a segmentation fault, after all tests.
    """
    yield
    if request.session.testsfailed:  # whose tracebacks keep what they saw
        return
    for _ in range(3):
        gc.collect()
        qapp.sendPostedEvents(None, int(QEvent.Type.DeferredDelete.value))
    assert own_threads() == []
    assert [w for w in qapp.topLevelWidgets() if type(w).__module__.startswith("napari_smi_inr")] == []


@pytest.fixture(autouse=True)
def kept_fits_folder(tmp_path_factory, monkeypatch):
    """A folder for fits that are cut short, instead of the user's own."""
    from napari_smi_inr.plugin.fitting import kept_fits

    folder = tmp_path_factory.mktemp("kept") / "fits"
    monkeypatch.setattr(kept_fits, "fits_folder", lambda: folder)
    return folder


@pytest.fixture(autouse=True)
def nothing_told_yet():
    """Napari keeps what it told for the whole process: a test must not take the words of another for its own."""
    notification_manager.records.clear()


@pytest.fixture(autouse=True)
def no_thread_left():
    """After each test, as soon as its window has closed."""
    yield
    deadline = time.monotonic() + 5
    while own_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert own_threads() == []


def own_threads():
    """Names of the threads of ours that run."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("smi-inr"))


def straight_affine() -> np.ndarray:
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = (-40.0, -41.0, -10.0)
    return affine


@dataclass
class AnalyticField:
    """Smooth functions of position; remembers who asked, and takes a given time per point."""

    affine: np.ndarray = field(default_factory=straight_affine)
    mask: np.ndarray = field(default_factory=lambda: np.ones(SHAPE, bool))
    microseconds: float = 0.0
    parameters: tuple[str, ...] = ("f", "Di", "S0")
    threads: set[str] = field(default_factory=set)
    points: int = 0
    largest: int = 0

    def sample(self, points_mm):
        self.threads.add(threading.current_thread().name)
        self.points += len(points_mm)
        self.largest = max(self.largest, len(points_mm))
        if self.microseconds:
            time.sleep(len(points_mm) * self.microseconds * 1e-6)
        return self.truth(points_mm)

    def truth(self, points_mm):
        x, y, z = np.asarray(points_mm, float).T
        f = 0.5 + 0.4 * np.sin(x / 4) * np.cos(y / 5 + z / 7)
        return np.stack([f, 2 + 0.8 * np.cos(x / 6 + y / 9), 100 + 20 * np.sin(x / 10)], axis=1).astype(np.float32)


class Hands:
    """Real events on the canvas and widgets of the one open window."""

    def __init__(self) -> None:
        (self.window,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow) and w.isVisible()]
        (self.canvas,) = [
            w for w in self.window.findChildren(QWidget) if type(w).__name__ == "CanvasBackendDesktop" and w.isVisible()
        ]

    @property
    def centre(self) -> QPointF:
        return QPointF(self.canvas.width() / 2, self.canvas.height() / 2)

    def wheel(self, notches: float, at: QPointF | None = None) -> None:
        at = at or self.centre
        where = QPointF(self.canvas.mapToGlobal(at.toPoint()))
        none = Qt.MouseButton.NoButton
        turn = QPoint(0, round(120 * notches))
        phase = Qt.ScrollPhase.NoScrollPhase
        event = QWheelEvent(at, where, QPoint(), turn, none, Qt.KeyboardModifier.NoModifier, phase, False)
        QApplication.sendEvent(self.canvas, event)

    def drag(self, dx: float, dy: float, steps: int = 4, pause=lambda: None) -> None:
        start = self.centre
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        self._mouse(QMouseEvent.Type.MouseButtonPress, start, left, left)
        for i in range(1, steps + 1):
            self._mouse(QMouseEvent.Type.MouseMove, start + QPointF(dx, dy) * (i / steps), none, left)
            pause()
        self._mouse(QMouseEvent.Type.MouseButtonRelease, start + QPointF(dx, dy), left, none)

    def _mouse(self, kind, at, button, buttons) -> None:
        where = QPointF(self.canvas.mapToGlobal(at.toPoint()))
        QApplication.sendEvent(
            self.canvas, QMouseEvent(kind, at, where, button, buttons, Qt.KeyboardModifier.NoModifier)
        )

    @property
    def slider(self) -> QScrollBar:
        """The one slider on show: that of the sliced axis."""
        bars = [b for b in self.window.findChildren(QScrollBar) if type(b).__name__ == "_ModifiedScrollBar"]
        (bar,) = [b for b in bars if b.isVisible()]
        return bar

    def button(self, mode: str) -> QPushButton:
        (button,) = [b for b in self.window.findChildren(QPushButton) if b.property("mode") == mode]
        return button


class Heartbeat:
    """Gaps between the beats of a 2 ms timer: how long the window did not respond."""

    def __init__(self) -> None:
        self._beats: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(2)
        self._timer.timeout.connect(lambda: self._beats.append(time.perf_counter()))

    def __enter__(self):
        self._beats = [time.perf_counter()]
        self._timer.start()
        return self

    def __exit__(self, *_):
        self._timer.stop()
        self._beats.append(time.perf_counter())

    @property
    def gaps(self) -> np.ndarray:
        """Milliseconds."""
        return np.diff(self._beats) * 1e3


@pytest.fixture
def make_field():
    return AnalyticField


@pytest.fixture
def make_hands(qapp):
    return Hands


@pytest.fixture
def make_heartbeat(qapp):
    return Heartbeat


@pytest.fixture
def pump(qtbot):
    """Let the window live for some milliseconds."""
    return qtbot.wait


@pytest.fixture
def settle(qtbot):
    """Wait until everything in view is evaluated and drawn; asynchronous slices have then arrived."""
    from napari_smi_inr.plugin.zoom.session import session_of

    def wait(layer, timeout=20_000):
        def settled():
            return session_of(layer).settled and layer.loaded

        qtbot.wait(40)  # a gesture may still be waiting for its paint event
        qtbot.waitUntil(settled, timeout=timeout)
        qtbot.wait(100)
        qtbot.waitUntil(settled, timeout=timeout)

    return wait


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def slicing(request):
    """Both ways napari may slice; the choice is a global user setting."""
    return request.param


@pytest.fixture
def window(make_napari_viewer_proxy, qtbot, qapp):
    """Open a viewer as plugins see it, in a real window; gives the viewer and the hands."""
    from napari.settings import get_settings

    viewers = []

    def open_window(slicing=False, size=(860, 560)):
        viewer = make_napari_viewer_proxy(show=True)
        viewers.append(viewer)
        get_settings().experimental.async_ = slicing
        viewer.window.resize(*size)
        qtbot.wait(100)
        return viewer, Hands()

    yield open_window
    # A slice made in napari's thread is posted to the window, and holds it until it has arrived: napari's check for
    # windows left behind would find the closed one.
    get_settings().experimental.async_ = False
    while viewers:
        unwrapped(viewers.pop())._layer_slicer.wait_until_idle(10)
    qapp.processEvents()


@pytest.fixture(scope="module")
def two_fits(tiny_field):
    """The quick fit, and voxel-wise values that lie a little below it."""
    maps = tiny_field.maps()
    scalars = np.stack([0.9 * maps[s][tiny_field.mask] for s in SCALARS], axis=1)
    kept = (tiny_field.affine, tiny_field.mask, tiny_field.scale, tiny_field.acquisition)
    return tiny_field, VoxelFit(make_settings("smi"), scalars, tiny_field.fod_map()[tiny_field.mask], *kept)
