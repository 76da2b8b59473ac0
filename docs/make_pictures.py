"""Make the pictures of the documentation by using the plugin as a user would.

Run on a display, or on a virtual one:

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_pictures.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication, QWidget

import napari_smi_inr as smi
from napari_smi_inr.cli.headless import draw
from napari_smi_inr.plugin.demo import start_demo

IMAGES = Path(__file__).parent / "images"
WINDOW = (1500, 900)
MEETING_PLACE = (-4.5, 14.0, -12.0)  # z, y, x [mm]


def main() -> None:
    """Make every picture and say how large it is."""
    IMAGES.mkdir(exist_ok=True)
    pictures_of_the_window()
    figure()
    for path in sorted(IMAGES.glob("*.png")):
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def pictures_of_the_window() -> None:
    """The demo: while it fits, where it ends, the same place in voxels, and the form."""
    viewer = napari.Viewer(title="napari-smi-inr")
    widget = start_demo(viewer)
    wait_for(1)
    viewer.window.resize(*WINDOW)
    wait(lambda: widget.session.status.busy and widget.session.status.fraction > 0.9, 300)
    wait_for(0.5)
    save(viewer.screenshot(canvas_only=False, flash=False), "fitting.png")
    wait(lambda: not widget.session.status.busy, 300)
    wait_for(9)  # the camera's way into the map, and the zoom layer's last tiles
    save(viewer.screenshot(canvas_only=False, flash=False), "zoom.png")
    save_pair(viewer)
    widget.questions[0].unfold(True)
    wait_for(1)
    save(pixels_of(widget.questions[0]), "data.png")
    viewer.close()


def save_pair(viewer: napari.Viewer) -> None:
    """The canvas with the voxels of a map, and with the zoom layer, where callosum, capsule and putamen meet."""
    zoom = viewer.layers.selection.active
    coarse = viewer.layers[f"{zoom.name} · voxels"]
    viewer.layers["phantom"].visible = False
    zoom.contrast_limits = coarse.contrast_limits = np.nanpercentile(coarse.data, [1, 99])
    viewer.scene.camera.center, viewer.scene.camera.zoom = MEETING_PLACE, viewer.scene.camera.zoom / 2.2
    viewer.dims.set_point(viewer.dims.ndim - 3, MEETING_PLACE[0])
    wait_for(6)
    fine = viewer.screenshot(canvas_only=True, flash=False)
    zoom.visible, coarse.visible = False, True
    wait_for(1)
    save(np.hstack([viewer.screenshot(canvas_only=True, flash=False), fine]), "voxels_and_zoom.png", width=1500)


def figure() -> None:
    """The figure the demo leaves where there is no display."""
    scan = smi.simulate(lmax=4)
    draw(smi.fit(scan, lmax=4), scan, IMAGES / "comparison.png")


def pixels_of(widget: QWidget) -> np.ndarray:
    """(height, width, 3) what a widget shows."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    flat = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
    return flat.reshape(image.height(), image.width(), 4)[..., :3]


def save(pixels: np.ndarray, name: str, width: int = WINDOW[0]) -> None:
    """Write a picture, at most so wide, as small as it can be without loss."""
    image = Image.fromarray(pixels).convert("RGB")
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    image.save(IMAGES / name, optimize=True)


def wait(done: Callable[[], bool], seconds: float) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            sys.exit("The demo took too long.")
        QApplication.processEvents()
        time.sleep(0.005)


def wait_for(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() >= end, seconds + 60)


if __name__ == "__main__":
    main()
