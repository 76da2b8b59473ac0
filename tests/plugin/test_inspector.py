"""The voxel inspector: its numbers against the fit and the scan, and its window with real mouse and keys."""

from __future__ import annotations

import csv
import dataclasses
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.estimation.voxel_fit import VoxelFit
from napari_smi_inr.noise_level import noise_from_b0
from napari_smi_inr.parameters import SCALARS
from napari_smi_inr.plugin._qt.inspector_widget import inspector_of
from napari_smi_inr.plugin._qt.latest import THREAD_NAME
from napari_smi_inr.plugin.field_layers import add_zoom
from napari_smi_inr.plugin.inspecting.evidence import ANGLES, Question
from napari_smi_inr.plugin.inspecting.evidence_text import bound_text, summary, values_text, write_evidence
from napari_smi_inr.plugin.inspecting.examiner import Examiner
from napari_smi_inr.plugin.inspecting.inspector import inspect_here
from napari_smi_inr.plugin.inspecting.measurements import Measurements, find_measurements, nearest_voxel
from napari_smi_inr.plugin.inspecting.pin_marker import NAME
from napari_smi_inr.plugin.layer_origin import ScanOrigin
from napari_smi_inr.plugin.reader import scan_layer
from napari_smi_inr.sampling.coordinates import voxel_to_world, world_to_napari


def middle_voxel(mask):
    """A voxel of the mask, and the number it has in its C order."""
    voxels = np.argwhere(mask)
    number = len(voxels) // 2
    return tuple(int(i) for i in voxels[number]), number


def centre(field, voxel):
    return voxel_to_world(field.affine, np.array(voxel))


def evidence_at(field, point, measurements=None, shell=None):
    return Examiner().answer(Question(field, measurements, np.asarray(point, float), shell))


@pytest.fixture(scope="session")
def voxel_fit(tiny_field):
    """The same maps as of the INR, voxel by voxel, with a noise level of its own."""
    mask = tiny_field.mask
    return VoxelFit(
        config=tiny_field.config,
        scalars=np.stack([tiny_field.maps()[symbol][mask] for symbol in SCALARS], axis=1),
        fod=tiny_field.fod_map()[mask],
        affine=tiny_field.affine,
        mask=mask,
        scale=tiny_field.scale,
        acquisition=tiny_field.acquisition,
        noise=np.full(np.count_nonzero(mask), 3.25),
    )


@pytest.fixture(scope="session")
def scan(tiny_dataset):
    return Measurements.of_dataset(tiny_dataset)


# What it says of a place


def test_measurements_and_prediction_are_those_of_the_voxel_also_off_its_centre(tiny_field, tiny_dataset, scan):
    voxel, number = middle_voxel(tiny_field.mask)
    evidence = evidence_at(tiny_field, centre(tiny_field, voxel) + np.array([0.9, -1.2, 0.4]), scan)
    assert evidence.voxel == voxel
    np.testing.assert_array_equal(evidence.volumes.measured, tiny_dataset.signal[voxel])
    np.testing.assert_allclose(evidence.volumes.predicted, tiny_field.predict_voxels()[number], rtol=1e-5)
    direct = tiny_field.evaluate(evidence.point[None])
    assert evidence.values == {symbol: pytest.approx(float(direct[symbol][0])) for symbol in SCALARS}


def test_residuals_of_a_good_fit_are_noise(tiny_field, scan):
    spread = []
    for voxel in np.argwhere(tiny_field.mask)[::7]:
        volumes = evidence_at(tiny_field, centre(tiny_field, voxel), scan).volumes
        spread.append(np.std(volumes.measured - volumes.predicted) / volumes.sigma)
    assert 0.8 < np.median(spread) < 1.6  # the fit is rough, but no worse than that


def test_the_curve_passes_through_the_prediction_of_each_shell(tiny_field, scan):
    voxel, _ = middle_voxel(tiny_field.mask)
    evidence = evidence_at(tiny_field, centre(tiny_field, voxel), scan)
    volumes, axis = evidence.volumes, evidence.axis
    for curve in evidence.against_angle:
        of = curve.shell.volumes
        low, high = (np.interp(volumes.angle[of], ANGLES, edge) for edge in (curve.low, curve.high))
        margin = 0.01 * evidence.values["S0"]
        directed = np.isfinite(volumes.angle[of])
        assert np.all((volumes.predicted[of] > low - margin)[directed])
        assert np.all((volumes.predicted[of] < high + margin)[directed])
    for curve, shape in zip(evidence.against_b, evidence.subject.shapes, strict=True):
        one = Acquisition(np.array([shape.strongest.b]), np.array([shape.b_delta]), axis[None])
        along = tiny_field.predict(evidence.point[None], one)[0, 0]
        assert np.interp(shape.strongest.b, curve.b, curve.along) == pytest.approx(along, rel=0.02)
        assert curve.powder[0] == pytest.approx(evidence.values["S0"], rel=1e-5)


def test_gradient_deviation_is_that_of_the_voxel(tiny_field, tiny_dataset):
    matrices = np.broadcast_to(np.eye(3), (*tiny_dataset.shape, 3, 3)).astype(np.float32).copy()
    voxel, number = middle_voxel(tiny_field.mask)
    matrices[voxel] = np.diag([1.1, 1.0, 0.95])
    bent = dataclasses.replace(tiny_dataset, deviation=matrices)
    volumes = evidence_at(tiny_field, centre(tiny_field, voxel), Measurements.of_dataset(bent)).volumes
    expected = tiny_field.predict_voxels(deviation=bent.voxel_deviation)[number]
    np.testing.assert_allclose(volumes.predicted, expected, rtol=1e-5)
    assert np.abs(volumes.b / tiny_field.acquisition.b.clip(1e-9) - 1)[volumes.b > 0.5].max() > 0.05


def test_held_out_volumes_are_those_of_the_fit(tiny_field, scan):
    subject = evidence_at(tiny_field, centre(tiny_field, (5, 5, 1)), scan).subject
    held = tiny_field.quality["held_out_volumes"]
    assert len(held) > 2
    assert np.flatnonzero(subject.held_out).tolist() == held


def test_one_shell_can_be_chosen(tiny_field):
    subject = evidence_at(tiny_field, centre(tiny_field, (5, 5, 1))).subject
    strongest = evidence_at(tiny_field, centre(tiny_field, (5, 5, 1))).against_angle
    assert [curve.shell.shape for curve in strongest] == [shape.name for shape in subject.shapes]
    (one,) = evidence_at(tiny_field, centre(tiny_field, (5, 5, 1)), shell=0).against_angle
    assert one.shell.b == subject.shells[0].b < strongest[0].shell.b


def test_the_place_is_told_in_words(tiny_field):
    voxel, _ = middle_voxel(tiny_field.mask)
    assert evidence_at(tiny_field, centre(tiny_field, voxel)).place == "inside mask"
    outside = tuple(np.argwhere(~tiny_field.mask)[0])
    assert evidence_at(tiny_field, centre(tiny_field, outside)).place == "outside mask"
    beyond = evidence_at(tiny_field, centre(tiny_field, (-1, 0, 0)))
    assert (beyond.place, beyond.voxel, beyond.values) == ("outside the scan", None, {})
    assert beyond.volumes is None


def test_the_noise_level_and_its_source(tiny_field, tiny_dataset, voxel_fit):
    voxel, _ = middle_voxel(tiny_field.mask)
    point = centre(tiny_field, voxel)
    given = dataclasses.replace(tiny_dataset, noise=np.full(tiny_dataset.shape, 1.5, np.float32))
    silent = dataclasses.replace(tiny_dataset, noise=None)
    volumes = evidence_at(tiny_field, point, Measurements.of_dataset(given)).volumes
    assert (volumes.sigma, volumes.sigma_source) == (1.5, "given with the scan")
    volumes = evidence_at(tiny_field, point, Measurements.of_dataset(silent)).volumes
    whole = noise_from_b0(silent.signal, silent.acquisition, silent.signal[..., silent.acquisition.is_b0].mean(-1) > 0)
    assert volumes.sigma == pytest.approx(whole[voxel])
    volumes = evidence_at(voxel_fit, point, Measurements.of_dataset(silent)).volumes
    assert (volumes.sigma, volumes.sigma_source) == (3.25, "that the fit went by")


def test_with_one_b0_volume_the_noise_is_unknown_and_residuals_are_told_in_signal(tiny_field, tiny_dataset):
    kept = np.delete(np.arange(tiny_dataset.acquisition.n_volumes), np.flatnonzero(tiny_dataset.acquisition.is_b0)[1:])
    few = dataclasses.replace(tiny_field, acquisition=tiny_field.acquisition.select(kept), training={})
    silent = Measurements("scan", tiny_dataset.signal[..., kept], tiny_dataset.affine)
    evidence = evidence_at(few, centre(few, middle_voxel(few.mask)[0]), silent)
    assert evidence.volumes.sigma is None
    assert "% of S0" in summary(evidence)


def test_a_voxel_wise_fit_is_interpolated_between_voxels(voxel_fit, scan):
    voxel, number = middle_voxel(voxel_fit.mask)
    there = evidence_at(voxel_fit, centre(voxel_fit, voxel), scan)
    np.testing.assert_allclose(there.volumes.predicted, voxel_fit.predict_voxels()[number], rtol=1e-5)
    between = evidence_at(voxel_fit, (centre(voxel_fit, voxel) + centre(voxel_fit, (voxel[0] + 1, *voxel[1:]))) / 2)
    ends = voxel_fit.maps()["f"][voxel], voxel_fit.maps()["f"][voxel[0] + 1, voxel[1], voxel[2]]
    assert between.values["f"] == pytest.approx(np.nanmean(ends), abs=1e-5)


def test_a_rician_fit_is_judged_by_the_mean_of_the_magnitude(tiny_field, scan):
    rician = dataclasses.replace(tiny_field, config=tiny_field.config.model_copy(update={"loss": "rician"}))
    point = centre(tiny_field, middle_voxel(tiny_field.mask)[0])
    plain, lifted = (evidence_at(field, point, scan).volumes for field in (tiny_field, rician))
    weakest = np.argmin(plain.predicted)
    assert np.all(lifted.predicted > plain.predicted)
    assert lifted.predicted[weakest] - plain.predicted[weakest] > 3 * (lifted.predicted - plain.predicted).min()


def test_bounds(tiny_field):
    assert bound_text("f", 0.9999) == "at its upper bound"
    assert bound_text("Dp", 0.0005) == "at its lower bound"
    assert bound_text("Di", 2.0) == bound_text("S0", 0.0) == ""


def test_the_nearest_voxel_is_the_one_around_the_point():
    affine = np.diag([-2.0, 3.0, 1.0, 1.0])
    assert nearest_voxel(affine, (4, 4, 4), np.array([-2.9, 1.4, 0.4])) == (1, 0, 0)
    assert nearest_voxel(affine, (4, 4, 4), np.array([-7.1, 0.0, 0.0])) is None


# Where the measurements come from


def layer_of(dataset, affine):
    """A scan's layer as the reader makes it, without a window."""
    origin = ScanOrigin(None, dataset.acquisition)
    data, options, _ = scan_layer("dwi", dataset.signal, affine, origin)
    return SimpleNamespace(data=data, **{key: options[key] for key in ("name", "scale", "translate", "metadata")})


def viewer_of(*layers):
    return SimpleNamespace(layers=list(layers))


@pytest.mark.parametrize("kind", ["flipped", "permuted", "oblique"])
def test_a_scan_among_the_layers_is_found_and_read_in_place(tiny_field, tiny_dataset, kind):
    turn = np.diag([-1.0, 1.0, 1.0, 1.0])
    if kind == "permuted":
        turn[:3, :3] = np.roll(np.eye(3), 1, axis=0)
    if kind == "oblique":
        c, s = np.cos(0.3), np.sin(0.3)
        turn[:2, :2] = [[c, -s], [s, c]]
    affine = turn @ tiny_dataset.affine
    field = dataclasses.replace(tiny_field, affine=affine)
    found = find_measurements(viewer_of(layer_of(tiny_dataset, affine)), field)
    for voxel in np.argwhere(tiny_dataset.mask)[::11]:
        there = found.voxel_at(voxel_to_world(affine, voxel))
        np.testing.assert_array_equal(found.signal[there], tiny_dataset.signal[tuple(voxel)])


def test_another_scan_is_not_taken_for_it(tiny_field, tiny_dataset):
    moved = tiny_dataset.affine.copy()
    moved[0, 3] += 1.0
    assert find_measurements(viewer_of(layer_of(tiny_dataset, moved)), tiny_field) is None
    kept = np.arange(tiny_dataset.acquisition.n_volumes - 1)
    fewer = dataclasses.replace(
        tiny_dataset, signal=tiny_dataset.signal[..., kept], acquisition=tiny_dataset.acquisition.select(kept)
    )
    assert find_measurements(viewer_of(layer_of(fewer, tiny_dataset.affine)), tiny_field) is None


# What can be taken away


def test_values_as_text_stand_under_their_titles(tiny_field, scan):
    evidence = evidence_at(tiny_field, centre(tiny_field, middle_voxel(tiny_field.mask)[0]), scan)
    titles, values = (line.split("\t") for line in values_text(evidence).split("\n"))
    told = dict(zip(titles, values, strict=True))
    assert float(told["y [mm]"]) == pytest.approx(evidence.point[1], abs=1e-3)
    assert float(told["Di [µm²/ms]"]) == pytest.approx(evidence.values["Di"], rel=1e-5)
    assert told["place"] == "inside mask"


def test_the_table_holds_the_numbers_of_the_plots(tiny_field, scan, tmp_path):
    evidence = evidence_at(tiny_field, centre(tiny_field, middle_voxel(tiny_field.mask)[0]), scan)
    write_evidence(evidence, tmp_path / "evidence.csv")
    lines = (tmp_path / "evidence.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    measured = [row for row in rows if row["kind"] == "measurement"]
    np.testing.assert_allclose([float(row["measured"]) for row in measured], evidence.volumes.measured, rtol=1e-5)
    assert [int(row["volume"]) for row in measured if row["held out"] == "1"] == tiny_field.quality["held_out_volumes"]
    powder = [float(row["signal"]) for row in rows if row["kind"] == "powder average"]
    np.testing.assert_allclose(powder, np.concatenate([c.powder for c in evidence.against_b]), rtol=1e-5)
    assert any(line.startswith("# voxel: ") for line in lines)


# The window


def threads():
    return [t for t in threading.enumerate() if t.name == THREAD_NAME]


class Mouse:
    """Real mouse events at RAS positions."""

    def __init__(self, viewer, hands):
        self._viewer, self._hands = viewer, hands

    def at(self, point):
        """Where on the canvas a position is to be seen."""
        camera = self._viewer.scene.camera
        axes = [axis - self._viewer.dims.ndim + 3 for axis in self._viewer.dims.order[-2:]]
        vertical, horizontal = (world_to_napari(point)[axes] - camera.center[-2:]) * camera.zoom
        return self._hands.centre + QPointF(horizontal, -vertical)  # anterior and superior are up

    def move(self, point):
        none = Qt.MouseButton.NoButton
        self._hands._mouse(QMouseEvent.Type.MouseMove, self.at(point), none, none)

    def press(self, point, modifiers):
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        at = self.at(point)
        where = QPointF(self._hands.canvas.mapToGlobal(at.toPoint()))
        for kind, buttons in ((QMouseEvent.Type.MouseButtonPress, left), (QMouseEvent.Type.MouseButtonRelease, none)):
            QApplication.sendEvent(self._hands.canvas, QMouseEvent(kind, at, where, left, buttons, modifiers))


@pytest.fixture
def settled(qtbot):
    def wait(inspector):
        qtbot.wait(50)
        qtbot.waitUntil(lambda: inspector.idle, timeout=5_000)
        qtbot.wait(30)

    return wait


@pytest.fixture
def inspected(window, settled, tiny_field, tiny_dataset):
    """Open a viewer with a fit and the inspector of it; gives the viewer, the inspector and the mouse."""

    def start(dataset=tiny_dataset):
        viewer, hands = window(size=(1366, 760))
        add_zoom(viewer, tiny_field, "p2", dataset)
        inspect_here(viewer)
        inspector = inspector_of(viewer)
        settled(inspector)
        return viewer, inspector, Mouse(viewer, hands)

    return start


def drawn(item):
    x, y = item.getData()
    return np.asarray(x), np.asarray(y)


def test_it_follows_the_mouse_between_voxels(inspected, settled, tiny_field, tiny_dataset):
    _, inspector, mouse = inspected()
    z = inspector.point[2]
    voxel, _ = middle_voxel(tiny_field.mask)
    for shift in ((0.0, 0.0), (0.8, -1.1), (4.0, 2.0)):
        wanted = np.array([*(centre(tiny_field, voxel)[:2] + shift), z])
        mouse.move(wanted)
        settled(inspector)
        np.testing.assert_allclose(inspector.point, wanted, atol=0.3)  # a pixel
        evidence = inspector.evidence
        np.testing.assert_array_equal(evidence.point, inspector.point)
        np.testing.assert_array_equal(evidence.volumes.measured, tiny_dataset.signal[evidence.voxel])
        b, share = drawn(inspector.plots.against_b._lines[0][0])
        np.testing.assert_array_equal(b, evidence.against_b[0].b)
        np.testing.assert_allclose(share, evidence.against_b[0].powder / evidence.values["S0"])
        assert inspector.place.position[0].value() == pytest.approx(inspector.point[0], abs=0.06)
        assert "voxel {} {} {}".format(*evidence.voxel) in inspector.place.where.text()


def test_markers_are_the_measurements_open_where_held_out_in_any_theme(inspected, tiny_field):
    viewer, inspector, _ = inspected()
    volumes, subject = inspector.evidence.volumes, inspector.evidence.subject
    residual = (volumes.measured - volumes.predicted) / volumes.sigma
    seen, held = set(), set()
    for dots in inspector.plots.residuals._dots:
        for item, to in ((dots._seen, seen), (dots._held, held)):
            if item.isVisible():
                x, y = drawn(item)
                np.testing.assert_allclose(y, residual[x.astype(int)])
                to |= set(x.astype(int))
    assert sorted(held) == tiny_field.quality["held_out_volumes"]
    assert seen | held == set(range(subject.acquisition.n_volumes))
    assert f"held out ({len(held)})" in inspector.controls.text.text()
    before = inspector.plots.backgroundBrush().color().lightness()
    viewer.theme = "light"
    assert inspector.plots.backgroundBrush().color().lightness() > before + 100


def test_shift_and_click_pins_and_the_point_outlives_its_layers(inspected, settled, tiny_field):
    viewer, inspector, mouse = inspected()
    active = viewer.layers.selection.active.name
    wanted = centre(tiny_field, (4, 5, 1))
    mouse.press(wanted, Qt.KeyboardModifier.ShiftModifier)
    settled(inspector)
    pinned = inspector.point.copy()
    np.testing.assert_allclose(pinned[:2], wanted[:2], atol=0.3)
    assert inspector.pinned
    mark = viewer.layers[NAME]
    np.testing.assert_allclose(np.asarray(mark.data[0]) * np.asarray(mark.scale), world_to_napari(pinned))
    assert viewer.layers.selection.active.name == active
    mouse.move(wanted + np.array([6.0, 0.0, 0.0]))
    settled(inspector)
    np.testing.assert_array_equal(inspector.point, pinned)
    for name in [layer.name for layer in viewer.layers]:
        viewer.layers.remove(name)
    settled(inspector)
    assert inspector.evidence is None
    assert "fit" in inspector.controls.text.text()
    add_zoom(viewer, tiny_field, "f")
    settled(inspector)
    np.testing.assert_array_equal(inspector.evidence.point, pinned)


def test_pinned_and_let_go_by_command_and_by_keys(inspected, settled, qtbot):
    viewer, inspector, mouse = inspected()
    inspect_here(viewer)
    assert inspector.pinned
    assert NAME in viewer.layers
    inspect_here(viewer)
    assert NAME not in viewer.layers
    before = inspector.point.copy()
    mouse.move(before + np.array([5.0, 0.0, 0.0]))
    settled(inspector)
    assert inspector.point[0] > before[0] + 4
    before = inspector.point.copy()
    spin = inspector.place.position[1]
    spin.setFocus()
    qtbot.keyClick(spin, Qt.Key.Key_Up)
    settled(inspector)
    assert inspector.pinned
    assert inspector.evidence.point[1] == pytest.approx(before[1] + 0.5, abs=0.06)
    inspector.controls.pin.setFocus()
    qtbot.keyClick(inspector.controls.pin, Qt.Key.Key_Space)
    assert not inspector.pinned
    for control in (inspector.controls.pin, *inspector.place.position, inspector.plots, inspector.place.table):
        assert control.accessibleName()


def test_the_point_moves_with_the_plane_unless_pinned_and_stays_in_3d(inspected, settled):
    viewer, inspector, mouse = inspected()
    for pinned in (False, True):
        inspector.controls.pin.setChecked(pinned)
        before = inspector.point[2]
        for _ in range(2):
            viewer.dims.set_point(viewer.dims.ndim - 3, before + 3.0)
        settled(inspector)
        assert inspector.point[2] == pytest.approx(before if pinned else before + 3.0, abs=0.8)
    inspector.controls.pin.setChecked(False)
    before = inspector.point.copy()
    viewer.dims.ndisplay = 3
    mouse.move(before + np.array([3.0, 2.0, 0.0]))
    settled(inspector)
    np.testing.assert_array_equal(inspector.point, before)


def test_without_the_scan_it_shows_curves_and_says_so(inspected, settled, tiny_dataset):
    viewer, inspector, _ = inspected(dataset=None)
    assert inspector.evidence.volumes is None
    assert "open the scan" in inspector.controls.text.text()
    data, options, _ = scan_layer("dwi", tiny_dataset.signal, tiny_dataset.affine, ScanOrigin(None, None))
    viewer.add_image(data, **options)
    settled(inspector)
    assert inspector.evidence.volumes is not None
    np.testing.assert_array_equal(inspector.evidence.volumes.measured, tiny_dataset.signal[inspector.evidence.voxel])
    assert "open the scan" not in inspector.controls.text.text()


def test_every_control_does_what_it_says(inspected, settled, qtbot, tmp_path):
    _, inspector, _ = inspected()
    line = inspector.plots.against_b._lines[0][0]
    _, plain = drawn(line)
    inspector.controls.logarithmic.click()
    np.testing.assert_allclose(drawn(line)[1], np.log10(plain))
    shells = inspector.controls._shells
    assert shells.count() == 1 + len(inspector.evidence.subject.shells)
    shells.setFocus()
    qtbot.keyClick(shells, Qt.Key.Key_Down)
    settled(inspector)
    assert [curve.shell for curve in inspector.evidence.against_angle] == [inspector.evidence.subject.shells[0]]
    qtbot.mouseClick(inspector.controls.copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == values_text(inspector.evidence)
    inspector.save(tmp_path / "evidence.csv")
    assert (tmp_path / "evidence.csv").stat().st_size > 1000
    inspector.save(tmp_path / "no" / "evidence.csv")  # told, not raised


def test_an_empty_viewer_and_flat_images_are_no_trouble(window, qtbot):
    viewer, hands = window()
    inspect_here(viewer)
    inspector = inspector_of(viewer)
    qtbot.wait(100)
    assert "No fit" in inspector.controls.text.text()
    viewer.add_image(np.zeros((20, 30)))
    none = Qt.MouseButton.NoButton
    hands._mouse(QMouseEvent.Type.MouseMove, hands.centre, none, none)
    inspect_here(viewer)
    qtbot.wait(100)
    assert inspector.evidence is None
    assert NAME not in viewer.layers


@pytest.mark.parametrize("how", ["dock", "window"])
def test_the_end_leaves_nothing_behind(inspected, qtbot, how):
    viewer, inspector, _ = inspected()
    inspector.pin_at(inspector.point)
    assert len(threads()) == 1
    if how == "dock":
        moves, drags = list(viewer.mouse_move_callbacks), list(viewer.mouse_drag_callbacks)
        viewer.window.remove_dock_widget(inspector)
        assert NAME not in viewer.layers
        assert len(viewer.mouse_move_callbacks) == len(moves) - 1
        assert len(viewer.mouse_drag_callbacks) == len(drags) - 1
    else:
        viewer.close()
    qtbot.waitUntil(lambda: not threads(), timeout=3_000)
    assert inspector_of(viewer) is None
