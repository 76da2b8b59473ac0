"""FODs above the maps: their shape, colour and place, and that they follow what is seen and leave nothing behind."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from qtpy.QtWidgets import QWidget

from napari_smi_inr.plugin._qt.fod_section import FodSection
from napari_smi_inr.plugin._qt.latest import THREAD_NAME
from napari_smi_inr.plugin.fods.fod_drawing import MOST
from napari_smi_inr.plugin.fods.fod_layers import shows_fods
from napari_smi_inr.plugin.fods.fod_overlay import fod_overlay, toggle_glyphs, toggle_peaks
from napari_smi_inr.plugin.fods.fod_peaks import find_peaks
from napari_smi_inr.plugin.fods.glyph_mesh import Frame, glyph_mesh
from napari_smi_inr.plugin.fods.unit_sphere import unit_sphere
from napari_smi_inr.plugin.layer_origin import KEY, MapOrigin
from napari_smi_inr.plugin.napari_compat import unwrapped
from napari_smi_inr.sampling.mask import SmoothMask
from napari_smi_inr.signal_model.spherical_harmonics import degrees, n_coefficients, real_sh

AXIAL = Frame(np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.array([0, 0, 1.0]))


def fibre(directions, lmax=8):
    """(N, C) FODs of one fibre population each, a little smoothed, as fits are."""
    order = degrees(lmax)
    return real_sh(np.atleast_2d(directions), lmax) * np.exp(-0.01 * order * (order + 1))


def unit(vector):
    return np.asarray(vector, float) / np.linalg.norm(vector)


def angle(a, b):
    """Between two axes [degrees]."""
    return np.degrees(np.arccos(np.clip(abs(np.dot(unit(a), unit(b))), 0, 1)))


@dataclass
class FodField:
    """One fibre population everywhere, whose direction turns with x, on 3 mm voxels."""

    affine: np.ndarray = field(
        default_factory=lambda: np.array([[3.0, 0, 0, -40], [0, 3, 0, -41], [0, 0, 3, -10], [0, 0, 0, 1]])
    )
    mask: np.ndarray = field(default_factory=lambda: np.pad(np.ones((26, 26, 8), bool), ((1, 1), (1, 1), (0, 0))))
    parameters: tuple[str, ...] = ("f", "p2")
    threads: set[str] = field(default_factory=set)
    asked: list[np.ndarray] = field(default_factory=list)
    lmax: int = 8

    def evaluate(self, points_mm):
        self.threads.add(threading.current_thread().name)
        self.asked.append(np.array(points_mm))
        x = np.asarray(points_mm)[:, 0]
        directions = np.stack([np.cos(x / 20), np.sin(x / 20), np.full(len(x), 0.2)], axis=1)
        values = self.sample(points_mm)
        return {"f": values[:, 0], "p2": values[:, 1], "fod": fibre(directions).astype(np.float32)}

    def sample(self, points_mm):
        y = np.asarray(points_mm)[:, 1]
        return np.stack([np.full(len(y), 0.5), np.clip(0.5 + y / 80, 0, 1)], axis=1).astype(np.float32)


def add_map(viewer, shown, **options):
    """A map of the fit, as the reader would add it: on voxel centres, in place."""
    place = {"scale": (3.0,) * 3, "translate": (-10.0, -41.0, -40.0), "units": ("mm",) * 3}
    data = np.random.default_rng(0).random(shown.mask.shape[::-1])
    layer = viewer.add_image(data, metadata={KEY: MapOrigin(shown, "f")}, **place, **options)
    viewer.dims.set_point(0, 2.0)
    return layer


def corners(layer):
    """(N, 3) world positions (z, y, x) [mm] of the triangles that are to be seen."""
    vertices, faces, _ = layer.data
    real = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2])]
    return vertices[np.unique(real)] * np.asarray(layer.scale)


@pytest.fixture
def drawn(qtbot):
    """Wait until the view is drawn."""

    def wait(viewer):
        qtbot.wait(60)
        qtbot.waitUntil(lambda: fod_overlay(viewer).settled, timeout=20_000)
        qtbot.wait(60)
        return fod_overlay(viewer)

    return wait


@pytest.fixture
def started(window, drawn):
    """Open a window with a map and glyphs of one voxel apart."""

    def start(shown=None, size=(860, 560), **settings):
        viewer, hands = window(size=size)
        shown = shown or FodField()
        add_map(viewer, shown)
        overlay = fod_overlay(viewer)
        overlay.change(**({"show": "glyphs", "follow_zoom": False, "map_opacity": 1.0} | settings))
        return viewer, hands, shown, drawn(viewer)

    return start


@pytest.mark.parametrize("frequency", [3, 5, 8])
def test_spheres_are_closed_even_and_symmetric(frequency):
    sphere = unit_sphere(frequency)
    n, f = len(sphere.directions), len(sphere.faces)
    assert (n, f) == (10 * frequency**2 + 2, 20 * frequency**2)
    a, b, c = (sphere.directions[sphere.faces[:, k]] for k in range(3))
    volumes = np.einsum("fi,fi->f", np.cross(a, b), c)
    assert volumes.min() > 0.4 * volumes.max() > 0
    opposite = sphere.directions @ sphere.directions.T
    assert np.allclose(opposite.min(axis=1), -1)


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 0, 1), (0.8, -0.5, 0.2), (0.1, 0.4, 0.9)])
def test_a_glyph_points_along_its_fibre_and_has_its_colour(direction):
    centre = np.array([10.0, -20.0, 30.0])
    mesh = glyph_mesh(fibre(direction), centre[None], np.array([1.5]), AXIAL, 12, flat=False)
    arms = mesh.vertices[:, ::-1] - centre
    length = np.linalg.norm(arms, axis=1)
    assert length.max() == pytest.approx(1.5, rel=0.02)
    tip = length > 0.95 * length.max()
    assert max(angle(arm, direction) for arm in arms[tip]) < 8
    assert angle(arms[np.argmax(length)], direction) < 4
    colour = mesh.colours[tip, :3].mean(axis=0)
    share = (colour - colour.min()) / np.ptp(colour)  # whatever the light
    expected = (np.abs(direction) - np.min(np.abs(direction))) / np.ptp(np.abs(direction))
    np.testing.assert_allclose(share, expected, atol=0.12)


def test_a_glyph_turns_with_its_fod():
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    pair = np.array([unit((1, 0.2, 0)), unit((0.1, 0.3, 1))])
    before, after = (fibre(axes).sum(axis=0, keepdims=True) for axes in (pair, pair @ turn.T))
    arms = glyph_mesh(after, np.zeros((1, 3)), np.ones(1), AXIAL, 16, flat=False).vertices[:, ::-1]
    length = np.linalg.norm(arms, axis=1)
    assert len(arms) > 500
    expected = real_sh(arms[length > 0.1] @ turn, 8) @ before[0]
    np.testing.assert_allclose(length[length > 0.1], expected / expected.max(), atol=1e-4)


def test_a_flat_glyph_is_the_view_of_the_solid_one():
    fod = fibre([(0.6, 0.2, 0.75), (0.6, 0.2, 0.75)])
    centres = np.array([[0.0, 0, 5], [10.0, 3, 5]])
    solid, flat = (glyph_mesh(fod, centres, np.array([2.0, 1.0]), AXIAL, 12, flat=f) for f in (False, True))
    assert np.ptp(flat.vertices[:, 0]) < 1e-5
    for axis in (1, 2):
        np.testing.assert_allclose(flat.vertices[:, axis].min(), solid.vertices[:, axis].min(), atol=0.03)
        np.testing.assert_allclose(flat.vertices[:, axis].max(), solid.vertices[:, axis].max(), atol=0.03)
    a, b, c = (flat.vertices[flat.faces[:, k]][:, [2, 1]] for k in range(3))
    ab, ac = b - a, c - a
    assert (ab[:, 0] * ac[:, 1] > ab[:, 1] * ac[:, 0]).all()  # every face looks at the viewer
    of_first = flat.faces[flat.vertices[flat.faces[:, 0], 2] < 5]
    middles = flat.vertices[of_first].mean(axis=1)
    near = middles[:, 2] * 0.6 + middles[:, 1] * 0.2 > 0  # the lobe that leans towards the viewer
    assert np.flatnonzero(near).mean() > np.flatnonzero(~near).mean()  # is painted over the other


@pytest.mark.parametrize("between", [90, 70, 60])
def test_the_peaks_of_two_crossing_fibres_are_found(between):
    rng = np.random.default_rng(between)
    for _ in range(40):
        first = unit(rng.normal(size=3))
        second = np.cos(np.radians(between)) * first + np.sin(np.radians(between)) * unit(
            np.cross(first, rng.normal(size=3))
        )
        fod = (fibre(first) + 0.8 * fibre(second)).astype(np.float32)
        directions, heights = find_peaks(fod)
        assert np.count_nonzero(heights) == 2
        assert angle(directions[0, 0], first) < 3
        assert angle(directions[0, 1], second) < 3
        value = real_sh(directions[0, :2], 8) @ fod[0]
        np.testing.assert_allclose(heights[0, :2], value, rtol=0.02)


def test_a_flat_fod_and_none_at_all_have_no_peaks_and_do_no_harm():
    fods = np.zeros((2, n_coefficients(4)))
    _, heights = find_peaks(fods)
    assert not heights.any()
    assert len(glyph_mesh(fods, np.zeros((2, 3)), np.ones(2), AXIAL, 4, flat=True).faces) == 0


def test_they_stand_at_voxel_centres_inside_the_mask_and_nowhere_else(started):
    shown = FodField()
    shown.mask = np.linalg.norm(np.indices((28, 28, 8)) - np.array([[[[13]]], [[[13]]], [[[4]]]]), axis=0) < 9
    viewer, _, _, overlay = started(shown)
    plane = shown.mask[:, :, 4]
    assert overlay.drawn.count == np.count_nonzero(plane)
    assert overlay.text == f"{np.count_nonzero(plane)} glyphs, 3 mm apart (1 voxel)."
    points = shown.asked[-1]
    inside = np.argwhere(plane) * 3.0 + np.array([-40.0, -41.0])
    assert {tuple(p) for p in np.round(points[:, :2], 6)} == {tuple(p) for p in inside}
    seen = corners(overlay.layer)
    assert np.ptp(seen[:, 0]) < 1e-4
    assert seen[0, 0] == pytest.approx(viewer.dims.point[0], abs=2e-3)
    distance = np.linalg.norm(seen[:, None, [2, 1]] - inside[None], axis=-1).min(axis=1)
    assert distance.max() < 1.5
    assert shown.threads == {THREAD_NAME}


def test_spacing_goes_to_a_tenth_of_a_voxel_and_the_lattice_keeps_its_place(started, drawn):
    viewer, hands, shown, overlay = started(size=(700, 520))
    viewer.scene.camera.zoom *= 12
    overlay.change(spacing=0.1)
    drawn(viewer)
    assert overlay.drawn.spacing == 0.1
    assert overlay.drawn.step == pytest.approx(0.3)
    before = shown.asked[-1]
    steps = (before[:, :2] + np.array([40.0, 41.0])) / 0.3
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    assert SmoothMask(shown.mask, shown.affine)(before).all()
    hands.drag(37, 23)
    drawn(viewer)
    both = {tuple(p) for p in np.round(before, 5)} & {tuple(p) for p in np.round(shown.asked[-1], 5)}
    assert len(before) > len(both) > 0.5 * len(before)  # the same points, as far as they are still in view


def test_too_many_are_thinned_out_and_it_is_said(started, drawn):
    viewer, _, shown, overlay = started(spacing=0.1)
    assert overlay.drawn.count <= MOST
    assert len(shown.asked[-1]) <= MOST
    assert "too many" in overlay.text
    overlay.change(follow_zoom=True)
    drawn(viewer)
    assert "too many" not in overlay.text
    coarse = overlay.drawn.spacing
    viewer.scene.camera.zoom *= 8
    drawn(viewer)
    assert overlay.drawn.spacing < coarse


def test_they_follow_wheel_slider_and_roll_and_move_no_slider(started, drawn, pump):
    viewer, hands, _, overlay = started()
    ranges = viewer.dims.range

    def check():
        drawn(viewer)
        seen, point = corners(overlay.layer), np.array(viewer.dims.point)
        axis = viewer.dims.order[0]
        assert len(seen) > 100
        np.testing.assert_allclose(seen[:, axis], point[axis], atol=2e-3)
        half = np.array(viewer.canvas.size) / 2 / viewer.scene.camera.zoom
        centre = np.array(viewer.scene.camera.center[-2:])
        off = np.abs(seen[:, list(viewer.dims.displayed)] - centre) - half
        assert off.max() < 2 * 3.0
        assert viewer.dims.range == ranges

    check()
    for _ in range(6):
        hands.wheel(1)
        pump(15)
    check()
    point = viewer.dims.point
    hands.slider.setValue(hands.slider.value() + 1)
    check()
    assert viewer.dims.point[0] == pytest.approx(point[0] + 3)
    hands.button("roll").click()
    check()
    assert viewer.dims.order[0] != 0
    hands.button("transpose").click()
    check()


def test_glyphs_end_where_the_sliders_end(started):
    viewer, *_ = started(FodField(mask=np.ones((28, 28, 8), bool)), size=(700, 520))
    ranges = viewer.dims.range
    assert corners(fod_overlay(viewer).layer).min(axis=0)[1] < -40.9  # close to them
    layer = fod_overlay(viewer).layer
    layer.refresh()  # works out the extent anew
    assert viewer.dims.range == ranges
    assert viewer.dims.point[0] == pytest.approx(2.0)


def test_is_still_when_nobody_moves(started, pump):
    viewer, _, shown, overlay = started()
    drawings, asked = [], len(shown.asked)
    overlay.layer.events.set_data.connect(lambda: drawings.append(1))
    point = viewer.dims.point
    pump(500)
    assert not drawings
    assert len(shown.asked) == asked
    assert viewer.dims.point == point


def test_peaks_are_lines_along_the_fibres(started, drawn):
    viewer, *_, overlay = started()
    toggle_peaks(viewer)
    drawn(viewer)
    assert [shows_fods(layer) for layer in viewer.layers] == [False, True]
    data = overlay.layer.data
    lines = data[np.linalg.norm(data[:, 1], axis=1) > 0]
    middle = (lines[:, 0] + lines[:, 1] / 2) * np.asarray(overlay.layer.scale)
    assert len(lines) == overlay.drawn.count  # one fibre population everywhere
    inner = np.abs(middle[:, 1:]).max(axis=1) < 30
    for (z, _, x), line in list(zip(middle[inner], lines[inner], strict=True))[::17]:
        assert z == pytest.approx(2.0, abs=1e-3)
        assert line[1, 0] == 0
        assert angle(line[1, :0:-1], (np.cos(x / 20), np.sin(x / 20))) < 3
    colours = np.asarray(overlay.layer.edge_color)[: len(lines)]
    expected = np.abs(np.stack([np.cos(middle[:, 2] / 20), np.sin(middle[:, 2] / 20)], axis=1)) / np.hypot(1, 0.2)
    np.testing.assert_allclose(colours[inner, :2], expected[inner], atol=0.06)
    toggle_peaks(viewer)
    assert [shows_fods(layer) for layer in viewer.layers] == [False]


def test_size_stands_for_f_or_amplitude_or_nothing(started, drawn):
    class Halves(FodField):
        def evaluate(self, points_mm):
            values = super().evaluate(points_mm)
            left = np.asarray(points_mm)[:, 0] < 0
            values["f"] = np.where(left, 0.2, 0.8).astype(np.float32)
            values["fod"] = values["fod"] * np.where(left, 1.0, 2.0)[:, None].astype(np.float32)
            return values

    viewer, _, _, overlay = started(Halves())

    def largest(side):
        seen = corners(overlay.layer)[:, [2, 1]]
        seen = seen[np.sign(seen[:, 0]) == side]
        shift = np.array([40, 41])
        lattice = np.round((seen + shift) / 3) * 3 - shift
        return np.linalg.norm(seen - lattice, axis=1).max()

    assert largest(-1) == pytest.approx(largest(1), rel=0.05)
    overlay.change(scale_by="f")
    drawn(viewer)
    assert largest(1) / largest(-1) == pytest.approx(4, rel=0.1)
    overlay.change(scale_by="amplitude")
    drawn(viewer)
    assert largest(1) / largest(-1) == pytest.approx(2, rel=0.1)
    overlay.change(least_p2=0.5)
    drawn(viewer)
    assert corners(overlay.layer)[:, 1].min() > -3  # p2 grows with y, and is 0.5 at 0


def test_removing_the_layer_turns_them_off_and_ends_the_thread(started, drawn, pump):
    viewer, hands, _, overlay = started()
    viewer.layers.remove("FOD glyphs")
    assert overlay.settings.show == "off"
    assert THREAD_NAME not in [t.name for t in threading.enumerate()]
    hands.wheel(2)
    hands.slider.setValue(hands.slider.value() + 1)
    pump(150)
    assert len(viewer.layers) == 1
    toggle_glyphs(viewer)
    drawn(viewer)
    assert overlay.drawn.count > 0
    for layer in list(viewer.layers):  # the map first
        viewer.layers.remove(layer.name)
        pump(120)
    assert THREAD_NAME not in [t.name for t in threading.enumerate()]


def test_duplicates_are_harmless_and_maps_go_beneath(started, drawn, pump):
    viewer, hands, shown, overlay = started()
    data, state, _ = unwrapped(overlay.layer).as_layer_data_tuple()
    viewer.add_surface(tuple(np.copy(d) for d in data), **{**state, "name": "twin"})
    hands.slider.setValue(hands.slider.value() + 1)
    hands.button("roll").click()
    drawn(viewer)
    add_map(viewer, shown, name="another")
    drawn(viewer)
    assert viewer.layers[-1].name == "FOD glyphs"
    viewer.layers.remove("twin")
    pump(50)
    assert overlay.settings.show == "glyphs"
    viewer.layers.selection.active = viewer.layers["FOD glyphs"]
    hands.wheel(1)
    assert drawn(viewer).drawn.count > 0


def test_three_dimensions_show_three_planes_and_back(started, drawn):
    viewer, hands, _, overlay = started(follow_zoom=True)
    hands.button("ndisplay_button").click()
    drawn(viewer)
    seen = corners(overlay.layer)
    extent = np.ptp(seen, axis=0)
    assert (extent > 15).all()
    planes = np.array(viewer.dims.point[-3:])
    assert np.abs(seen - planes).min(axis=1).max() < overlay.drawn.step
    hands.button("ndisplay_button").click()
    drawn(viewer)
    assert np.ptp(corners(overlay.layer)[:, 0]) < 1e-4


def test_a_scan_of_four_dimensions_and_a_zoom_layer_keep_their_sliders(window, drawn):
    from napari_smi_inr.plugin import add_zoom_layer

    viewer, _ = window(size=(800, 560))
    viewer.add_image(np.zeros((3, 8, 28, 28)), scale=(1, 3, 3, 3), translate=(0, -10, -41, -40))
    shown = FodField()
    add_zoom_layer(viewer, shown, "f", metadata={KEY: MapOrigin(shown, "f")})
    hands_off = viewer.dims.point
    ranges = viewer.dims.range
    toggle_glyphs(viewer)
    overlay = drawn(viewer)
    assert viewer.dims.ndim == 4
    assert (viewer.dims.point, viewer.dims.range) == (hands_off, ranges)
    viewer.dims.set_point(1, viewer.dims.point[1] + 0.75)
    drawn(viewer)
    assert viewer.dims.range == ranges
    np.testing.assert_allclose(corners(overlay.layer)[:, 0], viewer.dims.point[1], atol=2e-3)


def test_without_a_fit_it_says_so(window, monkeypatch):
    viewer, _ = window()
    viewer.add_image(np.zeros((8, 28, 28)))
    told = []
    monkeypatch.setattr("napari_smi_inr.plugin.fods.fod_overlay.show_error", told.append)
    toggle_glyphs(viewer)
    assert "no fit" in told[0]
    assert fod_overlay(viewer).settings.show == "off"


def test_an_error_of_the_field_is_told_once(started, drawn, monkeypatch):
    viewer, hands, shown, _ = started()
    told = []
    monkeypatch.setattr("napari_smi_inr.plugin.fods.fod_overlay.show_error", told.append)
    monkeypatch.setattr(shown, "evaluate", lambda points: 1 / 0)
    for _ in range(2):
        hands.slider.setValue(hands.slider.value() + 1)
        drawn(viewer)
    assert len(told) == 1
    assert "division by zero" in told[0]


def test_the_section_shows_and_changes_what_is_drawn(started, drawn, qtbot):
    viewer, *_, overlay = started()
    section = FodSection(viewer)
    qtbot.addWidget(section)
    assert section.show_choice.value == "glyphs"
    assert section.status.text() == overlay.text != ""
    section.spacing.value = 2.0
    drawn(viewer)
    assert overlay.drawn.spacing == 2.0
    assert "6 mm" in section.status.text()
    toggle_glyphs(viewer)
    assert section.show_choice.value == "off"
    assert not section.spacing.enabled
    section.show_choice.value = "peaks"
    drawn(viewer)
    assert viewer.layers[-1].name == "FOD peaks"
    nameless = [w for w in section.findChildren(QWidget) if w.focusPolicy() and not w.accessibleName()]
    assert nameless == []
    section.close_section()
    toggle_peaks(viewer)
    assert section.show_choice.value == "peaks"  # no longer told
