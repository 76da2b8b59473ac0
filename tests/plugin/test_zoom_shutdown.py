"""Every way out: layer removed, viewer closed, window closed; nothing keeps running."""

from __future__ import annotations

import threading
import time

import pytest

from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin.zoom.session import session_of
from napari_smi_inr.plugin.zoom.worker import THREAD_NAME, TileWorker


def running():
    return THREAD_NAME in [t.name for t in threading.enumerate()]


@pytest.fixture
def at_work(window, make_field, pump):
    """Open a viewer whose worker is busy with a slow field for seconds to come."""

    def start():
        viewer, hands = window()
        layer = add_zoom_layer(viewer, make_field(microseconds=20), "f")
        pump(150)
        hands.wheel(1)
        pump(50)
        session = session_of(layer)
        assert running()
        assert not session.worker.idle
        return viewer, hands, layer, session

    return start


def test_removing_the_last_layer_stops_the_worker(at_work):
    viewer, _, layer, _ = at_work()
    twin = add_zoom_layer(viewer, session_of(layer).field, "Di")
    viewer.layers.remove(layer.name)
    assert running()
    viewer.layers.remove(twin.name)
    assert not running()
    assert session_of(twin) is None
    assert not [key for key in viewer.canvas.overlays if key.startswith("anatomy")]


@pytest.fixture
def asked_to_stop(monkeypatch):
    """How many points had been evaluated whenever a worker was told to stop, by the field given."""
    stop = TileWorker.stop

    def watch(field):
        points = []
        monkeypatch.setattr(TileWorker, "stop", lambda worker: (points.append(field.points), stop(worker))[1])
        return points

    return watch


def test_closing_the_viewer_in_mid_work_is_as_quick_as_without(at_work, asked_to_stop, make_napari_viewer_proxy, pump):
    viewer, _, _, session = at_work()
    field = session.field
    points = asked_to_stop(field)
    start = time.perf_counter()
    viewer.close()
    with_work = time.perf_counter() - start
    assert not running()
    assert field.points - points[0] <= 2 * field.largest  # what was just being handed out, not all the rest
    plain = make_napari_viewer_proxy(show=True)
    pump(150)
    start = time.perf_counter()
    plain.close()
    without = time.perf_counter() - start
    assert with_work < 2 * without + 1  # napari itself takes a second or two on a busy machine


def test_closing_the_window_stops_the_worker(make_napari_viewer, make_field, make_hands, pump, qtbot):
    import napari
    from napari._qt.qt_viewer import QtViewer

    viewer = napari.Viewer(show=True)  # not the fixture's own, which insists on closing it a second time
    add_zoom_layer(viewer, make_field(microseconds=20), "f")
    pump(150)
    assert running()
    make_hands().window.close()  # the X in its corner: napari removes no layer then
    qtbot.waitUntil(lambda: not running(), timeout=3000)
    QtViewer._instances.clear()  # napari never lets go of a window closed this way, with or without this layer


def test_events_are_let_go(window, make_field, settle):
    viewer, _ = window()
    viewer.canvas.overlays.scale_bar.visible = True  # listens for itself from the first time it is shown
    emitters = [
        viewer.layers.events.removed,
        viewer.dims.events.range,
        viewer.dims.events.order,
        viewer.dims.events.ndisplay,
        viewer.dims.events.ndim,
    ]
    before = [len(e.callbacks) for e in emitters]
    layer = add_zoom_layer(viewer, make_field(), "f")
    assert [len(e.callbacks) for e in emitters] != before
    viewer.layers.remove(layer.name)
    assert [len(e.callbacks) for e in emitters] == before
