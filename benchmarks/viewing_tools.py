"""What the tools above the maps cost: FOD glyphs, the voxel inspector, and the line of a comparison.

Fits the phantom with lmax 8, opens a real napari window, and drives it with mouse events and a moving camera.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/viewing_tools.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget
from viewer import Stalls

import napari_smi_inr as smi
from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin._qt.inspector_widget import inspector_of
from napari_smi_inr.plugin.comparing.compare import comparison_in
from napari_smi_inr.plugin.comparing.comparison import Mode
from napari_smi_inr.plugin.fods.fod_overlay import fod_overlay
from napari_smi_inr.plugin.inspecting.inspector import inspect_here
from napari_smi_inr.plugin.layer_origin import KEY, MapOrigin
from napari_smi_inr.plugin.zoom.session import session_of

REPEATS = 20
WINDOW = (1366, 900)


class Mouse:
    """Moves over the canvas of the one open window."""

    def __init__(self) -> None:
        (window,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow) and w.isVisible()]
        (self.canvas,) = [w for w in window.findChildren(QWidget) if type(w).__name__ == "CanvasBackendDesktop"]

    def send(self, kind: QEvent.Type, dx: float, dy: float = 0.0, held: bool = False) -> None:
        """Send an event so far from the middle of the canvas [pixels]."""
        at = QPointF(self.canvas.width() / 2 + dx, self.canvas.height() / 2 + dy)
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        button = none if kind == QEvent.Type.MouseMove else left
        where = QPointF(self.canvas.mapToGlobal(at.toPoint()))
        modifiers = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(self.canvas, QMouseEvent(kind, at, where, button, left if held else none, modifiers))

    def path(self, k: int) -> float:
        """A way to and fro across the canvas [pixels]."""
        return float(0.35 * self.canvas.width() * np.sin(k / 90 * 2 * np.pi))


def settled(layer: Any) -> None:
    """Wait for the zoom layer."""
    QTest.qWait(100)
    while not session_of(layer).settled:
        QTest.qWait(10)
    QTest.qWait(200)


def report(what: str, milliseconds: list[float], gaps: np.ndarray, note: str = "") -> None:
    """Print one line."""
    times = "".join(f"{value:10.0f}" for value in np.percentile(milliseconds, (50, 95))) if milliseconds else 20 * " "
    print(f"{what:28}{times}{np.percentile(gaps, 99):10.0f}{gaps.max():10.0f}   {note}", flush=True)


def glyphs(viewer: Any) -> None:
    """Pan with glyphs on; count from the last change of the view to their arrival."""
    overlay = fod_overlay(viewer)
    start = time.perf_counter()
    overlay.change(show="glyphs", spacing=0.33, follow_zoom=False)
    wait(lambda: overlay.settled and overlay.drawn is not None)
    first = time.perf_counter() - start
    times, camera = [], viewer.scene.camera
    with Stalls() as stalls:
        for k in range(REPEATS):
            camera.center = (0, camera.center[1] + 3 * (-1) ** k, camera.center[2])
            start = time.perf_counter()
            wait(lambda: overlay.settled)
            times.append(1e3 * (time.perf_counter() - start))
            QTest.qWait(30)
    report(
        "FOD glyphs, after a pan", times, stalls.gaps, f"{overlay.drawn.count} glyphs; when switched on {first:.2f} s"
    )
    overlay.change(show="off")


def inspector(viewer: Any, mouse: Mouse) -> None:
    """Move the mouse; count from the event to the plots that tell of its place."""
    inspect_here(viewer)
    QTest.qWait(500)
    shown, moved, times = inspector_of(viewer), {}, []
    show = shown.plots.show_evidence

    def watch(evidence: Any) -> None:
        show(evidence)
        since = moved.pop(tuple(np.round(evidence.point, 6)), None)
        if since is not None:
            times.append(1e3 * (time.perf_counter() - since))

    shown.plots.show_evidence = watch
    with Stalls() as stalls:
        for k in range(8 * REPEATS):
            now = time.perf_counter()
            mouse.send(QEvent.Type.MouseMove, mouse.path(k), 0.5 * mouse.path(2 * k))
            if shown.point is not None:
                moved[tuple(np.round(shown.point, 6))] = now
            QTest.qWait(25)
    report("inspector behind the mouse", times, stalls.gaps, f"{len(times)} of {8 * REPEATS} places shown")
    viewer.window.remove_dock_widget(shown)
    QTest.qWait(200)


def comparison(viewer: Any, mouse: Mouse) -> None:
    """Hover, then drag the line of a swipe."""
    with Stalls() as stalls:
        drag(mouse, held=False)
    report("hovering, for comparison", [], stalls.gaps)
    compared = comparison_in(viewer)
    with Stalls() as stalls:
        start = time.perf_counter()
        compared.show(Mode.SWIPE)
        wait(lambda: compared.settled)
        opening = time.perf_counter() - start
    report("swipe, opening", [1e3 * opening], stalls.gaps)
    QTest.qWait(500)
    mouse.send(QEvent.Type.MouseButtonPress, 0.0, held=True)
    with Stalls() as stalls:
        drag(mouse, held=True)
    mouse.send(QEvent.Type.MouseButtonRelease, mouse.path(89))
    report("swipe, dragging the line", [], stalls.gaps)
    compared.end()


def drag(mouse: Mouse, held: bool) -> None:
    """Move to and fro at the pace of a hand."""
    for k in range(90):
        mouse.send(QEvent.Type.MouseMove, mouse.path(k), held=held)
        QTest.qWait(14)


def wait(done: Callable[[], bool]) -> None:
    """Let the window live until something is true."""
    while not done():
        QTest.qWait(2)


def main() -> None:
    """Print the table."""
    shown = smi.fit(smi.simulate(lmax=8, seed=0), lmax=8, detail=7.0, epochs=60, device="cpu")
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*WINDOW)
    layer = add_zoom_layer(viewer, shown, "p2", metadata={KEY: MapOrigin(shown, "p2")})
    viewer.dims.set_current_step(0, viewer.dims.nsteps[0] // 2)
    settled(layer)
    mouse = Mouse()
    print(f"{'milliseconds':28} {'median':>9} {'95 %':>9} {'stall p99':>9} {'max':>9}")
    comparison(viewer, mouse)
    inspector(viewer, mouse)
    viewer.scene.camera.zoom *= 1.5
    settled(layer)
    glyphs(viewer)
    viewer.close()


if __name__ == "__main__":
    main()
