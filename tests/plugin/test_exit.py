"""Scripts that end without closing their window: neither a thread nor a window may be caught when Python ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WINDOW = """
import atexit
import time

import napari
import numpy as np
from qtpy.QtWidgets import QApplication, QMainWindow

viewer = napari.Viewer(show_welcome_screen=False)


@atexit.register  # before the plugin is imported, and so called after all of its own
def tell_what_is_left():
    print("left:", [type(w).__name__ for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow)])


def live_until(done):
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        QApplication.processEvents()
        time.sleep(0.01)
"""

ZOOM = """
from napari_smi_inr.plugin import add_zoom_layer


class SlowField:
    affine, mask, parameters = np.diag([3.0, 3.0, 3.0, 1.0]), np.ones((28, 28, 8), bool), ("f",)
    asked = 0

    def sample(self, points):
        self.asked += 1
        time.sleep(len(points) * 5e-6)
        return np.zeros((len(points), 1), np.float32)


field = SlowField()
add_zoom_layer(viewer, field, "f")
live_until(lambda: field.asked > 2)
"""

DOCK = """
viewer.window.add_plugin_dock_widget("napari-smi-inr", "Standard Model INR")
"""

FIT = """
import napari_smi_inr as smi
from napari_smi_inr.plugin import sample_data

scan = smi.simulate(shape=(10, 10, 3), voxel_size=3.0, snr=50, lmax=2, seed=0)
sample_data.simulate = lambda **_: scan
_, widget = viewer.window.add_plugin_dock_widget("napari-smi-inr", "Standard Model INR")
widget.model.lmax.value = 2
viewer.open_sample("napari-smi-inr", "phantom")
live_until(lambda: widget.dataset is scan)
widget.run.run_requested.emit()
live_until(lambda: widget.session.status.fraction > 0)
"""


@pytest.mark.parametrize(
    ("doing", "times"), [(ZOOM, 3), (DOCK, 1), (FIT, 1)], ids=["zooming", "asking for devices", "fitting"]
)
def test_a_script_that_just_ends_ends_well(tmp_path, doing, times):
    for _ in range(times):  # it is a race
        assert_ends_well(WINDOW + doing, tmp_path)


def assert_ends_well(script, tmp_path):
    own_settings = {**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml")}
    command = [sys.executable, "-W", "ignore", "-c", script]
    ended = subprocess.run(command, env=own_settings, cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    assert "left: []" in ended.stdout  # a window that PyQt has to delete may crash it
    assert ended.returncode == 0, ended.stderr
