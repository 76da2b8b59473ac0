import numpy as np
import pytest

from napari_smi_inr.plugin import demo, sample_data
from napari_smi_inr.plugin._qt import glide
from napari_smi_inr.plugin.zoom.session import session_of


@pytest.fixture
def quick(monkeypatch, tiny_dataset):
    """The demo on a tiny phantom, gliding faster."""
    monkeypatch.setattr(sample_data, "simulate", lambda **_: tiny_dataset)
    monkeypatch.setattr(glide, "_WAIT", 0.1)
    monkeypatch.setattr(glide, "_SECONDS", 3.0)


def start(viewer):
    widget = demo.start_demo(viewer)
    widget.model.detail.value = "length"
    widget.model.advanced["epochs"].value = 3
    widget.model.lmax.value = 2
    return widget


def test_the_demo_ends_inside_the_zoom_layer(window, quick, qtbot, monkeypatch):
    viewer, _ = window()
    starts, zooms, camera = [], [], viewer.scene.camera

    class Noted(glide.Glide):
        def _place(self, share):
            starts.append(self._zoom)  # the window may change its layout after the fit, but not once it glides
            super()._place(share)
            zooms.append(camera.zoom)

    monkeypatch.setattr(glide, "Glide", Noted)
    widget = start(viewer)
    qtbot.waitUntil(lambda: widget.controller.field is not None, timeout=60_000)
    target = np.array(demo.SIGHT_MM[1:])
    qtbot.waitUntil(lambda: np.allclose(camera.center[-2:], target, atol=1e-6), timeout=20_000)
    qtbot.wait(200)
    whole = starts[0]
    assert set(starts) == {whole}
    assert camera.zoom == pytest.approx(whole * demo.ZOOM)
    gliding = [zoom for zoom in zooms if zoom > 1.1 * whole]
    assert len(gliding) > 4  # gently, not at once
    assert gliding == sorted(gliding)
    zoom = viewer.layers[-1]
    assert session_of(zoom) is not None
    assert zoom.visible
    assert viewer.dims.point[1] == pytest.approx(demo.SIGHT_MM[0])


def test_the_glide_yields_to_the_user(window, quick, qtbot, monkeypatch):
    monkeypatch.setattr(glide, "_SECONDS", 30.0)
    viewer, hands = window()
    widget = start(viewer)
    qtbot.waitUntil(lambda: widget.controller.field is not None, timeout=60_000)
    qtbot.wait(1200)
    hands.wheel(3)
    qtbot.wait(200)
    zoom = viewer.scene.camera.zoom
    qtbot.wait(500)
    assert viewer.scene.camera.zoom == zoom
