"""The visible plane: its corners are where napari's own cursor says the corners of the canvas are."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_smi_inr.plugin.visible import visible_plane
from napari_smi_inr.sampling.coordinates import napari_to_world

ORDERS = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


def hover(hands, x, y):
    """Move the mouse over the canvas, as Qt would say it."""
    at = QPointF(x, y)
    where = QPointF(hands.canvas.mapToGlobal(at.toPoint()))
    none = Qt.MouseButton.NoButton
    QApplication.sendEvent(
        hands.canvas,
        QMouseEvent(QMouseEvent.Type.MouseMove, at, where, none, none, Qt.KeyboardModifier.NoModifier),
    )


def add_volume(viewer, extra=()):
    scale, translate = (1.0,) * len(extra) + (3.0, 2.0, 1.5), (0.0,) * len(extra) + (-10.0, -40.0, 7.0)
    return viewer.add_image(np.zeros((*extra, 8, 20, 24)), scale=scale, translate=translate)


def corners(viewer, plane):
    """World positions (z, y, x) of the rectangle's (top left, bottom right), by the way the camera is turned."""
    up, right = viewer.scene.camera.orientation2d
    vertical = plane.low[0], plane.high[0]
    horizontal = plane.low[1], plane.high[1]
    top, bottom = vertical if up == "down" else vertical[::-1]
    left, end = horizontal if right == "right" else horizontal[::-1]
    return [napari_to_world(plane.points(np.array([v]), np.array([h])))[0] for v, h in ((top, left), (bottom, end))]


@pytest.mark.parametrize("extra", [(), (4,)], ids=["3-D", "4-D"])
def test_its_corners_are_those_of_the_canvas_in_all_orders(window, pump, extra):
    viewer, hands = window()
    add_volume(viewer, extra)
    offset = len(extra)
    for order in ORDERS:
        viewer.dims.order = (*range(offset), *(axis + offset for axis in order))
        viewer.dims.set_point(order[0] + offset, viewer.dims.point[order[0] + offset] + 1)
        viewer.scene.camera.zoom = 17.0
        viewer.scene.camera.center = (0, 3.0, -11.0)
        pump(30)
        plane = visible_plane(viewer)
        assert (plane.axis, plane.displayed) == (order[0], order[1:])
        assert plane.pixel == pytest.approx(1 / 17)
        height, width = viewer.canvas.size
        ends = ((1, 1), (width - 1, height - 1))
        for (x, y), place in zip(ends, corners(viewer, plane), strict=True):
            hover(hands, x, y)
            pump(40)  # napari hears of the mouse only so often
            seen = np.array(viewer.cursor.position[offset:])
            assert np.abs(seen - place).max() <= 1.01 * plane.pixel  # one pixel inside the corner
            assert seen[plane.axis] == pytest.approx(plane.position)


def test_in_grid_mode_it_is_one_cell(window, pump):
    viewer, hands = window()
    for _ in range(4):
        add_volume(viewer)
    viewer.canvas.grid.enabled = True
    pump(100)
    viewer.scene.camera.zoom = 9.0
    pump(50)
    plane = visible_plane(viewer)
    height, width = viewer.canvas.size
    extent = np.array(plane.high) - np.array(plane.low)
    np.testing.assert_allclose(extent * 9, np.array([height, width]) / 2, rtol=0.02)
    top_left, _ = corners(viewer, plane)
    hover(hands, 1, 1)
    pump(40)
    np.testing.assert_allclose(viewer.cursor.position, top_left, atol=1.5 * plane.pixel)


def test_there_is_none_in_3d_on_other_axes_and_without_layers(window, pump):
    viewer, _ = window()
    assert visible_plane(viewer) is None  # an empty viewer has two axes
    add_volume(viewer, (4,))
    viewer.dims.ndisplay = 3
    assert visible_plane(viewer) is None
    viewer.dims.ndisplay = 2
    assert visible_plane(viewer) is not None
    viewer.dims.order = (1, 2, 0, 3)  # volumes against x
    assert visible_plane(viewer) is None
