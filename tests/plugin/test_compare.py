"""Comparing maps in a real window: the swipe, side by side, flicker, and that nothing is left of them."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from scipy.spatial.transform import Rotation

from napari_smi_inr.estimation.voxel_fit import VoxelFit
from napari_smi_inr.methods import make_settings
from napari_smi_inr.parameters import SCALARS
from napari_smi_inr.plugin.comparing import compare
from napari_smi_inr.plugin.comparing.comparison import Mode
from napari_smi_inr.plugin.comparing.contenders import opponents
from napari_smi_inr.plugin.comparing.difference import difference
from napari_smi_inr.plugin.comparing.dividing_line import Across, DividingLine
from napari_smi_inr.plugin.field_layers import add_zoom
from napari_smi_inr.plugin.layer_origin import ScanOrigin
from napari_smi_inr.plugin.napari_compat import unwrapped
from napari_smi_inr.plugin.reader import scan_layer
from napari_smi_inr.plugin.visible import VisiblePlane, visible_plane
from napari_smi_inr.plugin.zoom.session import session_of
from napari_smi_inr.sampling.grid_field import GridField

PLANE = VisiblePlane(0, 4.0, (1, 2), (-20.0, -30.0), (20.0, 30.0), 0.1)
P = QMouseEvent.Type


@pytest.fixture
def other_fit(tiny_field):
    """A voxel-wise fit of the same scan that says a little less of everything."""
    maps = tiny_field.maps()
    scalars = np.stack([0.9 * maps[s][tiny_field.mask] for s in SCALARS], axis=1)
    kept = (tiny_field.affine, tiny_field.mask, tiny_field.scale, tiny_field.acquisition)
    return VoxelFit(make_settings("smi"), scalars, tiny_field.fod_map()[tiny_field.mask], *kept)


@pytest.fixture
def compared(window, tiny_field, qtbot):
    """Open a window on the zoom layer of a fit; gives viewer, hands, comparison, and a wait until all is drawn."""

    def open_window(slicing=False, symbol="p2", **options):
        viewer, hands = window(slicing, **options)
        layer = add_zoom(viewer, tiny_field, symbol)
        comparison = compare.comparison_in(viewer)

        def rest():
            def still():
                sessions = [session_of(x) for x in unwrapped(viewer).layers if x.visible]
                return comparison.settled and all(s is None or s.settled for s in sessions)

            for _ in range(2):
                qtbot.wait(60)
                qtbot.waitUntil(still, timeout=20_000)
            qtbot.wait(60)

        rest()
        return viewer, hands, comparison, rest, layer

    return open_window


def drawn(viewer, layer, position):
    """Value on the canvas at a world position (z, y, x) [mm], NaN where transparent, and the place it is of."""
    offset = viewer.dims.ndim - 3
    pyramid = layer.data[0].image.pyramid
    step = pyramid.step(layer.data_level)
    index = np.floor((position - pyramid.low) / step)
    texel, asked = pyramid.low + (index + 0.5) * step, pyramid.translate + index * step
    sliced = next(a for a in range(3) if a + offset not in viewer.dims.displayed)
    texel[sliced] = asked[sliced] = position[sliced]
    value = layer.get_value((*viewer.dims.point[:offset], *asked), world=True)
    return (np.nan if value is None or value[1] is None else float(value[1])), texel


def seen(viewer, comparison, fraction, along=0.5):
    """Values of all layers at a fraction of the way across the line, and what their fields say there."""
    plane, across = visible_plane(viewer), comparison.across()
    position = np.empty(3)
    position[plane.axis] = plane.position
    for axis, low, high in zip(plane.displayed, plane.low, plane.high, strict=True):
        position[axis] = across.at_fraction(fraction) if axis == across.axis else low + along * (high - low)
    values, truths = [], []
    for layer in comparison.layers.values():
        value, place = drawn(viewer, layer, position)
        field = session_of(layer).field
        values.append(value)
        truths.append(field.sample(place[None, ::-1])[0, field.parameters.index(comparison.symbol)])
    return np.array(values), np.array(truths)


def shown(viewer, comparison, fraction):
    """Which of the layers show anything at a fraction of the way across the line."""
    values = [seen(viewer, comparison, fraction, along)[0] for along in np.linspace(0.3, 0.7, 15)]
    return np.isfinite(values).any(axis=0).tolist()


def press_and_drag(hands, start, step, steps=5):
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    hands._mouse(P.MouseMove, start, none, none)
    hands._mouse(P.MouseButtonPress, start, left, left)
    for i in range(1, steps + 1):
        QTest.qWait(20)
        hands._mouse(P.MouseMove, start + step * i, none, left)
    QTest.qWait(20)
    hands._mouse(P.MouseButtonRelease, start + step * steps, left, none)


def threads():
    return sorted(t.name for t in threading.enumerate())


def test_the_line_follows_the_mouse_and_divides_the_two_fields(compared, slicing):
    viewer, hands, comparison, rest, _ = compared(slicing)
    compare.cycle_comparison(viewer)
    rest()
    assert (comparison.mode, list(comparison.layers)) == (Mode.SWIPE, ["INR", "cubic"])
    camera = viewer.scene.camera
    before, start = (tuple(camera.center), camera.zoom), comparison.line.position
    press_and_drag(hands, hands.centre, QPointF(-12, 3))
    assert comparison.line.position == pytest.approx(start - 60 / camera.zoom)
    assert (tuple(camera.center), camera.zoom) == before
    rest()
    line = comparison.across().fraction(comparison.line.position)
    for fraction, shown in ((line - 0.02, 0), (line + 0.02, 1)):
        values, truths = seen(viewer, comparison, fraction)
        assert values[shown] == pytest.approx(truths[shown], abs=0.004)
        assert np.isnan(values[1 - shown])
    press_and_drag(hands, hands.centre + QPointF(90, 40), QPointF(8, 0))  # beside the line: the picture moves
    assert tuple(camera.center) != before[0]


@pytest.mark.parametrize("extra", [0, 1], ids=["3-D", "with a 4-D scan"])
def test_the_sides_keep_their_places_in_every_plane(compared, tiny_dataset, extra):
    viewer, _, comparison, rest, _ = compared()
    if extra:
        data, options, _ = scan_layer("scan", tiny_dataset.signal, tiny_dataset.affine, ScanOrigin(None, None))
        viewer.add_image(data, visible=False, **options)
        viewer.layers.selection.active = viewer.layers[0]
    compare.cycle_comparison(viewer)
    rest()
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1)):
        viewer.dims.order = (*range(extra), *(axis + extra for axis in order))
        for upright in (True, False):
            comparison.turn_line(upright)
            rest()
            across = comparison.across()
            assert across.axis == order[2 if upright else 1]
            assert across.fraction(comparison.line.position) == pytest.approx(0.5)
            assert shown(viewer, comparison, 0.47) == [True, False]
            assert shown(viewer, comparison, 0.53) == [False, True]


def test_divides_an_oblique_voxel_wise_fit_in_place(window, other_fit, qtbot):
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xz", (25, 15), degrees=True).as_matrix()
    viewer, _ = window()
    add_zoom(viewer, replace(other_fit, affine=turn @ other_fit.affine), "f")
    comparison = compare.comparison_in(viewer)
    compare.cycle_comparison(viewer)

    def done():
        layers = comparison.layers.values()
        return comparison.settled and len(layers) == 2 and all(session_of(x).settled for x in layers)

    for _ in range(2):
        qtbot.waitUntil(done, timeout=20_000)
        qtbot.wait(60)
    assert list(comparison.layers) == ["SMI, linear", "cubic"]
    for fraction, side in ((0.48, 0), (0.52, 1)):
        places = [seen(viewer, comparison, fraction, along) for along in np.linspace(0.3, 0.7, 15)]
        inside = [(v[side], t[side]) for v, t in places if np.isfinite(v[side])]
        assert inside
        assert np.array(inside)[:, 0] == pytest.approx(np.array(inside)[:, 1], abs=0.005)
        assert all(np.isnan(values[1 - side]) for values, _ in places)


def test_a_line_out_of_view_comes_back_to_the_middle(compared):
    viewer, _, comparison, rest, _ = compared()
    compare.cycle_comparison(viewer)
    rest()
    camera = viewer.scene.camera
    inside = comparison.line.position + 20 / camera.zoom
    camera.center = (camera.center[0], camera.center[1], inside)
    rest()
    assert comparison.line.position == pytest.approx(inside - 20 / camera.zoom)  # still to be seen: where it was
    camera.zoom *= 20
    camera.center = (camera.center[0], camera.center[1], inside + 3)
    rest()
    assert comparison.line.position == pytest.approx(inside + 3)


def test_side_by_side_shares_one_contrast_and_leaves_everything_as_it_was(compared, tiny_field):
    viewer, _, comparison, rest, zoom_layer = compared()
    viewer.add_image(np.ones((3, 10, 10)), name="mine", scale=(3, 3, 3), units=("mm",) * 3)
    hidden = add_zoom(viewer, tiny_field, "f")
    hidden.visible = False
    viewer.layers.selection = {zoom_layer, viewer.layers["mine"]}
    viewer.layers.selection.active = zoom_layer
    zoom_layer.gamma = 0.8
    rest()

    def state():
        layers, grid = unwrapped(viewer).layers, viewer.canvas.grid
        form = (grid.enabled, grid.stride, grid.shape, grid.spacing)
        visible = [(x.name, x.visible) for x in layers]
        return visible, layers.selection.active, set(layers.selection), form, viewer.scene.camera.zoom, threads()

    before = state()
    compare.cycle_comparison(viewer)
    rest()
    assert not zoom_layer.visible
    assert viewer.layers["mine"].visible  # what is no map may stay
    compare.cycle_comparison(viewer)
    rest()
    assert comparison.mode is Mode.SIDE
    assert list(comparison.layers) == ["INR", "cubic", "linear", "nearest"]
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (2, 2)
    cells = [viewer.canvas.grid.position(viewer.layers.index(x), viewer.layers) for x in comparison.layers.values()]
    assert cells == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not viewer.layers["mine"].visible
    inr, cubic, linear, nearest = comparison.layers.values()
    assert inr.gamma == pytest.approx(0.8)
    nearest.contrast_limits = (0.1, 0.6)
    inr.colormap = "gray"
    cubic.gamma = 1.5
    for layer in (inr, cubic, linear, nearest):
        assert (tuple(layer.contrast_limits), layer.colormap.name, layer.gamma) == ((0.1, 0.6), "gray", 1.5)
    places = [seen(viewer, comparison, 0.52, along) for along in np.linspace(0.3, 0.7, 15)]
    inside = [(values[:3], truths[:3]) for values, truths in places if np.isfinite(values).all()]
    assert inside
    for values, truths in inside:
        assert values == pytest.approx(truths, abs=0.004)
    compare.cycle_comparison(viewer)
    rest()
    assert comparison.mode is Mode.OFF
    after = state()
    assert after[:4] == before[:4]
    assert after[4] == pytest.approx(before[4])
    assert after[5] == before[5]


def test_keys_flicker_between_the_two(compared):
    viewer, hands, comparison, rest, _ = compared()
    viewer.bind_key("Shift-K", compare.flicker_while_held, overwrite=True)
    viewer.bind_key("Shift-J", compare.next_opponent, overwrite=True)
    compare.flicker(viewer)
    rest()
    assert comparison.mode is Mode.FLICKER
    assert not comparison.first_shown
    compare.flicker(viewer)
    rest()

    def whole():
        return [shown(viewer, comparison, fraction) for fraction in (0.47, 0.53)]

    assert whole() == [[True, False], [True, False]]
    QTest.keyPress(hands.canvas, Qt.Key.Key_K, Qt.KeyboardModifier.ShiftModifier)
    rest()
    assert whole() == [[False, True], [False, True]]
    QTest.keyRelease(hands.canvas, Qt.Key.Key_K, Qt.KeyboardModifier.ShiftModifier)
    rest()
    assert whole() == [[True, False], [True, False]]
    QTest.keyClick(hands.canvas, Qt.Key.Key_J, Qt.KeyboardModifier.ShiftModifier)
    rest()
    assert list(comparison.layers) == ["INR", "nearest"]
    compare.cycle_comparison(viewer)
    assert comparison.mode is Mode.SWIPE


def test_steps_through_opponents_and_on_to_another_fit(compared, other_fit):
    viewer, _, comparison, rest, first = compared()
    add_zoom(viewer, other_fit, "p2").visible = False
    viewer.layers.selection.active = first
    compare.cycle_comparison(viewer)
    met = []
    for _ in range(4):
        rest()
        met.append(comparison.opponent.label)
        compare.next_opponent(viewer)
    assert met == ["cubic", "SMI, linear", "nearest", "linear"]
    comparison.choose(opponent=next(c for c in comparison.opponents if c.fit is other_fit))
    comparison.choose(symbol="De")
    rest()
    assert [layer.name for layer in comparison.layers.values()] == ["De · INR", "De · SMI, linear"]
    plane = visible_plane(viewer)
    expected = difference("De", comparison.fit, other_fit, plane)
    assert comparison.difference.rms == pytest.approx(expected.rms, rel=1e-6)
    assert comparison.difference.largest == pytest.approx(expected.largest, rel=1e-6)
    assert "µm²/ms" in str(comparison.difference)
    comparison.show(Mode.SIDE)
    rest()
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)


def test_ends_when_a_layer_of_it_is_removed_or_the_window_goes(compared, qtbot):
    viewer, _, comparison, rest, layer = compared()
    before = threads()
    compare.cycle_comparison(viewer)
    rest()
    viewer.layers.remove(comparison.layers["cubic"])
    qtbot.waitUntil(lambda: comparison.mode is Mode.OFF)
    rest()
    assert [x.name for x in viewer.layers] == [layer.name]
    assert layer.visible
    assert threads() == before
    compare.cycle_comparison(viewer)
    rest()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: comparison.mode is Mode.OFF)
    assert not [name for name in threads() if name.startswith("smi-inr")]


def test_shows_the_fit_alone_in_3d(compared):
    viewer, _, comparison, rest, _ = compared()
    compare.cycle_comparison(viewer)
    rest()
    viewer.dims.ndisplay = 3
    rest()
    assert [layer.visible for layer in comparison.layers.values()] == [True, False]
    assert comparison.difference is None
    viewer.dims.ndisplay = 2
    rest()
    assert [layer.visible for layer in comparison.layers.values()] == [True, True]


def test_compares_a_parameter_where_colours_of_directions_are_in_focus(compared):
    _, _, comparison, rest, _ = compared(symbol="direction")
    comparison.show(Mode.SWIPE)
    rest()
    assert list(comparison.layers) == ["INR", "cubic"]
    assert comparison.symbol == "p2"
    comparison.choose(symbol="f")
    comparison.end()
    comparison.follow_focus()
    assert comparison.symbol == "f"


def test_says_so_when_there_is_nothing_to_compare(window, monkeypatch):
    told = []
    monkeypatch.setattr("napari_smi_inr.plugin.comparing.comparison.show_info", told.append)
    viewer, _ = window()
    viewer.add_image(np.zeros((4, 4)))
    for act in (compare.cycle_comparison, compare.next_opponent, compare.flicker, compare.line_on, compare.turn_line):
        act(viewer)
    compare.end_comparison(viewer)
    assert len(told) == 3
    assert "field file" in told[0]


def test_the_section_does_what_its_controls_say(compared, qtbot):
    from napari_smi_inr.plugin._qt.compare_section import CompareSection

    viewer, _, comparison, rest, _ = compared(size=(1200, 640))
    section = CompareSection(viewer)
    viewer.window.add_dock_widget(section, name="compare")
    assert section.parameter.value == "p2"
    assert [c.label for c in section.opponent.choices] == ["nearest", "linear", "cubic"]
    assert not section.line.isEnabled()
    QTest.mouseClick(section.modes[Mode.SWIPE], Qt.MouseButton.LeftButton)
    rest()
    assert "RMS difference" in section.result.text()
    section.opponent.value = section.opponent.choices[0]
    section.parameter.value = "f"
    rest()
    assert [layer.name for layer in comparison.layers.values()] == ["f · INR", "f · nearest"]
    before = comparison.line.position
    section.line.setFocus()
    QTest.keyClick(section.line, Qt.Key.Key_Left)
    across = comparison.across()
    assert across.fraction(comparison.line.position) == pytest.approx(across.fraction(before) - 0.001, abs=1e-4)
    compare.line_on(viewer)
    assert section.line.value() == pytest.approx(519, abs=1)
    QTest.mouseClick(section.modes[Mode.OFF], Qt.MouseButton.LeftButton)
    assert comparison.layers == {}
    QTest.mouseClick(section.modes[Mode.FLICKER], Qt.MouseButton.LeftButton)
    rest()
    assert section.modes[Mode.FLICKER].isChecked()
    section.close_section()
    assert comparison.mode is Mode.OFF
    assert len(comparison.changed) == 0
    viewer.add_image(np.zeros((3, 4, 4)))  # nobody listens any more
    viewer.window.remove_dock_widget(section)
    section.deleteLater()  # napari leaves it without a parent


def test_the_section_may_be_opened_in_the_midst_of_a_comparison(compared, tiny_field, monkeypatch):
    from napari_smi_inr.plugin._qt.compare_section import CompareSection

    told = []
    monkeypatch.setattr("napari_smi_inr.plugin.comparing.comparison.show_error", told.append)
    viewer, _, comparison, rest, _ = compared(size=(1200, 640))
    comparison.show(Mode.SWIPE)
    rest()
    add_zoom(viewer, tiny_field, "f")  # in focus now
    section = CompareSection(viewer)
    viewer.window.add_dock_widget(section, name="compare")
    viewer.scene.camera.zoom *= 1.5
    rest()
    assert section.parameter.value == comparison.symbol == "p2"
    assert told == []
    assert comparison.mode is Mode.SWIPE
    section.close_section()
    viewer.window.remove_dock_widget(section)
    section.deleteLater()  # napari leaves it without a parent


@pytest.mark.parametrize("orientation", [("up", "right"), ("down", "left")])
@pytest.mark.parametrize("upright", [True, False])
def test_pixels_and_positions_of_a_line_are_each_others_inverse(orientation, upright):
    across = Across.of(PLANE, orientation, upright)
    assert across.to_pixel(across.to_position(37.0)) == pytest.approx(37.0)
    assert across.fraction(across.at_fraction(0.2)) == pytest.approx(0.2)
    assert across.to_pixel(across.middle) == pytest.approx(300 if upright else 200)
    first, second = across.curtains(across.at_fraction(0.2))
    assert first.axis == second.axis == (2 if upright else 1)
    kept = across.at_fraction(0.1) > first.position if first.above else across.at_fraction(0.1) < first.position
    assert kept
    assert first.above is not second.above


def test_a_line_cannot_be_moved_out_of_view():
    across, line = Across.of(PLANE, ("up", "right"), upright=True), DividingLine()
    assert line.place(across) == 0.0
    line.move(across, 1000.0)
    assert line.position == 30.0
    assert line.place(across) == 30.0
    assert line.place(across, fetch=True) == 0.0


def test_the_difference_is_taken_where_both_are_known():
    affine, mask = np.diag([2.0, 2.0, 2.0, 1.0]), np.zeros((20, 20, 8), bool)
    affine[:3, 3] = (-19, -19, -4)
    mask[:, 5:] = True
    values = np.random.default_rng(0).uniform(size=mask.shape)
    first = GridField({"f": values}, affine)
    second = GridField({"f": values + 0.25}, affine, mask)
    found = difference("f", first, second, PLANE)
    assert (found.rms, found.largest) == (pytest.approx(0.25, rel=1e-5), pytest.approx(0.25, rel=1e-5))
    assert found.area == pytest.approx(40 * 30, rel=0.03)
    assert str(found) == "RMS difference 0.25, largest 0.25"
    assert difference("f", first, second, replace(PLANE, low=(100.0, 100.0), high=(120.0, 120.0))) is None
    assert difference("f", first, second, PLANE, cancelled=lambda: True) is None


def test_fits_of_one_method_are_told_apart(tiny_field, other_fit):
    labels = [c.label for c in opponents(tiny_field, [tiny_field, other_fit, replace(other_fit), replace(tiny_field)])]
    assert labels == ["nearest", "linear", "cubic", "SMI, linear (1)", "SMI, linear (2)", "INR (2)"]
    assert [c.label for c in opponents(other_fit, [other_fit])] == ["nearest", "cubic"]
