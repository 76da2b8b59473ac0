"""How long the zoom layer takes to show what it is asked for, and what that costs.

Opens a real napari window and repeats the gestures of a reader of images for fields that take 2 and 10 µs per point,
with napari's asynchronous slicing off and on. Run it with ``python benchmarks/zoom.py`` (on a machine without a
display: ``xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/zoom.py``). Limits are those of a 752 x 559 canvas.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import napari
import numpy as np
from napari.settings import get_settings
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin.zoom.session import session_of
from napari_smi_inr.plugin.zoom.slider import set_exactly
from napari_smi_inr.plugin.zoom.view_state import STRIDES

LIMITS = {2: {8: 0.3, 2: 1.0, 1: 3.0}, 10: {8: 1.0, 2: 4.0, 1: 13.0}}
"""Seconds after the last event by speed of the field [µs per point] and stride of the pass."""

COMPOSE_LIMIT = 0.030
SHAPE = (48, 48, 32)


@dataclass
class SlowField:
    """Smooth functions that take a set time per point."""

    microseconds: float
    parameters: tuple[str, ...] = ("f", "Di", "De", "Dp", "S0", "p2")
    affine: np.ndarray = field(default_factory=lambda: np.diag([3.0, 3.0, 3.0, 1.0]))
    mask: np.ndarray = field(default_factory=lambda: np.ones(SHAPE, bool))

    def sample(self, points_mm: np.ndarray) -> np.ndarray:
        """(N, 6) values, after a pause."""
        time.sleep(len(points_mm) * self.microseconds * 1e-6)
        x, y, z = points_mm.T
        f = 0.5 + 0.4 * np.sin(x / 4) * np.cos(y / 5 + z / 7)
        return np.repeat(f[:, None], len(self.parameters), axis=1).astype(np.float32)


class Stalls:
    """Gaps between beats of a 2 ms timer."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(2)
        self.timer.timeout.connect(lambda: self.beats.append(time.perf_counter()))

    def __enter__(self) -> Stalls:
        self.beats = [time.perf_counter()]
        self.timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.stop()
        self.beats.append(time.perf_counter())

    def __str__(self) -> str:
        gaps = np.diff(self.beats) * 1e3
        return f"{np.percentile(gaps, 99):4.0f} /{gaps.max():4.0f}"


def gestures(viewer) -> Iterator[tuple[str, Callable[[], None]]]:
    camera = viewer.scene.camera

    def zoom():
        for _ in range(30):
            camera.zoom *= 30 ** (1 / 30)
            QTest.qWait(33)

    def pan():
        for i in range(20):
            camera.center = (0, camera.center[1] + 20 / camera.zoom * np.cos(i), camera.center[2] + 20 / camera.zoom)
            QTest.qWait(33)

    def slide():
        for _ in range(10):
            viewer.dims.set_current_step(viewer.dims.order[0], viewer.dims.current_step[viewer.dims.order[0]] + 1)
            QTest.qWait(33)

    def roll():
        viewer.dims.roll()
        QTest.qWait(33)

    return iter(
        (("zoom x30", zoom), ("20 pans", pan), ("10 z steps", slide), ("roll", roll), ("transpose", transpose(viewer)))
    )


def transpose(viewer) -> Callable[[], None]:
    def swap():
        viewer.dims.transpose()
        QTest.qWait(33)

    return swap


def arrivals(image) -> dict[int, float]:
    """Seconds until each pass covers the view."""
    start, found = time.perf_counter(), {}
    while len(found) < len(STRIDES):
        QApplication.processEvents()
        frame = image.drawn
        for stride in STRIDES:
            if stride not in found and frame.detail.max() <= stride * frame.pixel * 1.01:
                found[stride] = time.perf_counter() - start
        time.sleep(0.002)
    return found


def settle(layer) -> None:
    while not session_of(layer).settled:
        QTest.qWait(20)
    QTest.qWait(150)


def watch_composing(image) -> list[tuple[int, float]]:
    """Record pixels and seconds of every image composed from now on."""
    record: list[tuple[int, float]] = []
    read = image.read

    def timed(view):
        start = time.perf_counter()
        values = read(view)
        record.append((values.size, time.perf_counter() - start))
        return values

    image.read = timed
    return record


def run(microseconds: int, asynchronous: bool) -> None:
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    get_settings().experimental.async_ = asynchronous
    viewer.window.resize(1145, 640)
    QTest.qWait(200)
    layer = add_zoom_layer(viewer, SlowField(microseconds), "f")
    image, worker = layer.data[0].image, session_of(layer).worker
    composed = watch_composing(image)
    settle(layer)
    height, width = viewer.canvas.size
    print(f"\n{microseconds} µs per point, async {'on' if asynchronous else 'off'}, canvas {width} x {height}")
    print(f"{'gesture':12}{'stall p99/max':>15}{'8x [s]':>9}{'2x [s]':>9}{'1x [s]':>9}{'points':>11}{'dropped':>9}")
    for name, gesture in gestures(viewer):
        before, lost = worker.tally.evaluated, worker.tally.abandoned
        with Stalls() as stalls:
            gesture()
            passes = arrivals(image)
        settle(layer)
        ok = all(passes[s] <= LIMITS[microseconds][s] for s in STRIDES)
        points, dropped = worker.tally.evaluated - before, worker.tally.abandoned - lost
        times = "".join(f"{passes[s]:9.2f}" for s in STRIDES)
        print(
            f"{name:12}{stalls!s:>15}{times}{points:11,}{dropped / max(points, 1):9.1%}  {'kept' if ok else 'EXCEEDED'}"
        )
    times = np.array([seconds * min(1.0, 1e6 / pixels) for pixels, seconds in composed]) * 1e3
    print(
        f"composing an image (<= 1 Mpx): median {np.median(times):.1f} ms, 95 % {np.percentile(times, 95):.1f} ms, ",
        end="",
    )
    print(f"longest {times.max():.1f} ms; limit {COMPOSE_LIMIT * 1e3:.0f} ms")
    if microseconds == 2:
        continuous_z(viewer, layer)
    viewer.close()


def continuous_z(viewer, layer) -> None:
    """Check that planes follow the slider exactly, at every level, and that the layer moves no slider."""
    viewer.dims.order = (0, 1, 2)
    viewer.reset_view()
    pyramid = layer.data[0].image.pyramid
    settle(layer)
    ranges, worst, planes = viewer.dims.range, 0.0, 0
    for _ in range(len(pyramid.shapes)):
        for position in (40.0, 40.75, 41.5, 47.3):
            set_exactly(viewer.dims, 0, position)
            settle(layer)
            frame = layer.data[0].image.drawn
            worst = max(worst, abs(frame.view.plane - position), abs(viewer.dims.point[0] - position))
            planes += 1
        viewer.scene.camera.zoom *= 2**0.5
    print(f"continuous z: {planes} planes at levels down to {layer.data_level}, largest error {worst:.1e} mm; ", end="")
    print(f"slider ranges {'unchanged' if viewer.dims.range == ranges else 'CHANGED'}")


if __name__ == "__main__":
    for speed in LIMITS:
        for asynchronous in (False, True):
            run(speed, asynchronous)
