"""Letters and camera: anterior and superior up, right on the right, in every plane."""

from __future__ import annotations

import numpy as np
import pytest

from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin.canvas_orientation import PLACES, UPRIGHT, letters, show_plane, upright


@pytest.mark.parametrize(
    ("plane", "expected"),
    [("axial", ("A", "P", "R", "L")), ("coronal", ("S", "I", "R", "L")), ("sagittal", ("S", "I", "A", "P"))],
)
def test_each_plane_stands_upright(plane, expected):
    assert letters(UPRIGHT[plane][1:]) == expected


def test_three_dimensions_have_no_letters():
    assert letters((0, 1, 2)) == ("",) * 4
    assert letters((-1, 2)) == ("", "", "R", "L")


def test_rolling_goes_round_the_three_upright_planes():
    def roll(order):
        return upright(order, order[-1:] + order[:-1])

    seen = [UPRIGHT["axial"]]
    for _ in range(6):
        seen.append(roll(seen[-1]))
    assert seen[:4] == [UPRIGHT[p] for p in ("axial", "sagittal", "coronal", "axial")]
    assert seen[3:] == seen[:4]


def test_a_transpose_is_respected():
    assert upright((0, 1, 2), (0, 2, 1)) == (0, 2, 1)


def shown(viewer):
    overlays = [viewer.canvas.overlays[f"anatomy_{place}"] for place in PLACES]
    return "".join(o.text for o in overlays if o.visible)


def test_letters_and_picture_follow_the_buttons(window, make_field, settle, pump):
    viewer, hands = window()
    field = make_field(microseconds=0)
    # a wedge bright at one corner: left, posterior, inferior
    field.truth = lambda p: np.repeat(1 - (p + 50) @ np.array([[1], [1], [1]]) / 250, 3, 1).astype(np.float32)
    layer = add_zoom_layer(viewer, field, "f")
    layer.colormap = "gray"
    assert shown(viewer) == "APRL"
    assert viewer.canvas.overlays.scale_bar.visible
    for expected in ("APRL", "SIAP", "SIRL", "APRL"):
        settle(layer)
        assert shown(viewer) == expected
        low = [viewer.dims.point[a] - 6 if a in viewer.dims.displayed else viewer.dims.point[a] for a in range(3)]
        height, width = viewer.canvas.size
        camera = viewer.scene.camera
        picture = viewer.screenshot(flash=False)[:, :, 0].astype(int)
        (vertical, horizontal) = (low[a] for a in viewer.dims.displayed)
        row = round(height / 2 - (vertical - camera.center[-2]) * camera.zoom)  # below the middle
        column = round(width / 2 + (horizontal - camera.center[-1]) * camera.zoom)  # left of the middle
        assert picture[row, column] > picture[height - row, width - column]
        hands.button("roll").click()
        pump(50)
    show_plane(viewer, "sagittal")
    assert shown(viewer) == "SIAP"
    hands.button("transpose").click()
    assert shown(viewer) == "APSI"
    hands.button("ndisplay_button").click()
    assert shown(viewer) == ""


def test_on_a_narrow_canvas_letters_give_way_to_name_and_scale_bar(window, make_field, settle, pump):
    viewer, _ = window()
    settle(add_zoom_layer(viewer, make_field(), "f"))
    for width, expected in ((700, "RL"), (1100, "APRL")):
        viewer.window.resize(width, 560)
        pump(100)
        assert (viewer.canvas.size[1] < 420) == (expected == "RL")
        assert shown(viewer) == expected


def test_rolls_through_space_alone_beside_a_scan_of_many_volumes(window, make_field, pump):
    viewer, hands = window()
    viewer.add_image(np.ones((4, 8, 28, 28), np.float32), scale=(1, 3, 3, 3), units=("pixel", "mm", "mm", "mm"))
    add_zoom_layer(viewer, make_field(), "f")
    seen = []
    for _ in range(3):
        hands.button("roll").click()
        pump(50)
        seen.append(tuple(viewer.dims.order))
    assert seen == [(0, 3, 1, 2), (0, 2, 1, 3), (0, 1, 2, 3)]
