"""Letters in the cells of napari's grid, however cells come and go: napari counts cells, not the letters in them."""

import numpy as np
import pytest

from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin.canvas_orientation import PLACES
from napari_smi_inr.plugin.napari_compat import one_change, show_name


@pytest.fixture
def open_grid(window, make_field, settle):
    """Open a grid of a zoom layer and of plain layers with their names, one of them hidden."""

    def open_window():
        viewer, hands = window()
        settle(add_zoom_layer(viewer, make_field(), "f"))
        for _ in range(2):
            show_name(add_plain(viewer))
        viewer.layers[1].visible = False
        viewer.canvas.grid.enabled = True
        return viewer, hands

    return open_window


def add_plain(viewer):
    return viewer.add_image(np.ones((8, 28, 28)), scale=(3, 3, 3), units=("mm",) * 3)


def letters(viewer):
    return "".join(viewer.canvas.overlays[f"anatomy_{place}"].text for place in PLACES)


@pytest.mark.parametrize("grown_in_3d", [False, True], ids=["2-D", "3-D"])
def test_cells_may_come_while_there_are_no_letters(open_grid, pump, grown_in_3d):
    viewer, hands = open_grid()
    for _ in range(3):
        hands.button("ndisplay_button").click()
        pump(30)
        assert letters(viewer) == ""
        if grown_in_3d:
            add_plain(viewer)
            viewer.layers[1].visible = not viewer.layers[1].visible
        hands.button("ndisplay_button").click()
        pump(30)
        assert letters(viewer) == "PRL"  # the upper one yields to the caption


def test_the_grid_may_be_entered_in_3d(open_grid, pump):
    viewer, hands = open_grid()
    viewer.canvas.grid.enabled = False
    hands.button("ndisplay_button").click()
    viewer.canvas.grid.enabled = True
    hands.button("ndisplay_button").click()
    pump(30)
    assert letters(viewer) == "PRL"  # the upper one yields to the caption


def test_cells_may_come_and_go_in_one_change(open_grid, pump):
    viewer, _ = open_grid()
    for shown in (True, False, True):
        with one_change(viewer):
            viewer.layers[1].visible = shown
            add_plain(viewer)
        pump(30)
        assert viewer.canvas.overlays["anatomy_top_center"].gridded


def test_a_scan_may_be_opened_in_a_grid(open_grid, pump):
    viewer, _ = open_grid()
    viewer.add_image(np.ones((5, 8, 28, 28)))  # its slider takes room from the canvas, which is painted at once
    pump(30)
    assert viewer.canvas.overlays["anatomy_middle_left"].gridded
