"""Frozen copies: their grids, what is on them, and that they lie where they were seen."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.plugin.taking.freeze import (
    MAX_VALUES,
    Freezing,
    freeze_steps,
    in_words,
    n_steps,
    require_sensible,
    scan_grid,
    world_grid,
    write_frozen,
)
from napari_smi_inr.plugin.visible import VisiblePlane
from napari_smi_inr.sampling.coordinates import voxel_to_world
from napari_smi_inr.sampling.mask import SmoothMask

ONE = ("f",)


def axial(position=2.0, low=(-20.0, -15.0), high=(10.0, 12.0)):
    return VisiblePlane(0, position, (1, 2), low, high, 0.1)


def run(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def oblique():
    a = np.deg2rad(17)
    affine = np.eye(4)
    affine[:3, :3] = 3 * np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return affine


def test_one_sample_a_voxel_gives_the_voxels_centres(make_field):
    field = make_field()
    request = world_grid(field, Freezing(ONE, factor=1, whole=True), None)
    assert request.shape == field.mask.shape[::-1]
    voxels = np.stack(np.indices(field.mask.shape), -1).reshape(-1, 3)
    ours, theirs = request.points(), voxel_to_world(field.affine, voxels)
    np.testing.assert_allclose(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)], atol=1e-9)


@pytest.mark.parametrize("factor", [1, 3, 4, 8])
def test_what_is_in_view_is_covered_and_little_more(make_field, factor):
    plane, step = axial(), 3.0 / factor
    points = world_grid(make_field(), Freezing(ONE, factor, thickness=0), plane).points()  # RAS
    np.testing.assert_allclose(points[:, 2], plane.position)
    for axis, low, high in zip((1, 0), plane.low, plane.high, strict=True):
        first, last = points[:, axis].min() - step / 2, points[:, axis].max() + step / 2
        assert low - step < first <= low + 1e-9
        assert high - 1e-9 <= last < high + step
        assert np.diff(np.unique(points[:, axis].round(9))) == pytest.approx(step)


def test_the_slab_lies_around_the_plane_and_within_the_volume(make_field):
    field = make_field()  # z from -11.5 to 12.5 mm

    def heights(thickness, position, factor=2):
        return np.unique(world_grid(field, Freezing(ONE, factor, thickness), axial(position)).points()[:, 2].round(9))

    np.testing.assert_allclose(heights(0, 2.2), [2.2])
    np.testing.assert_allclose(heights(None, 2.2), [2.2 - 0.75, 2.2 + 0.75])  # as thick as a voxel
    np.testing.assert_allclose(heights(4.5, 2.2), [0.7, 2.2, 3.7])
    near_the_face = heights(9.0, 11.0)
    assert near_the_face.max() < 12.5
    assert len(near_the_face) == 4  # of six


def test_nothing_in_view_nothing_chosen_and_too_much_are_refused(make_field):
    field = make_field()
    with pytest.raises(InputError, match="nothing of the fit"):
        world_grid(field, Freezing(ONE), axial(low=(300.0, 0.0), high=(310.0, 5.0)))
    with pytest.raises(InputError, match="nothing of the fit"):
        world_grid(field, Freezing(ONE), axial(position=50.0))
    request = world_grid(field, Freezing(ONE, whole=True), None)
    with pytest.raises(InputError, match="at least one"):
        require_sensible(Freezing(()), request, 8)
    with pytest.raises(InputError, match="from 1 to 8"):
        require_sensible(Freezing(ONE, factor=9), request, 8)
    large = make_field(mask=np.ones((200, 200, 100), bool))
    freezing = Freezing(ONE, factor=8, whole=True)
    request = world_grid(large, freezing, None)
    assert request.size > MAX_VALUES
    with pytest.raises(InputError, match=r"1600 x 1600 x 800 samples, 8\.2 GB"):
        require_sensible(freezing, request, 8)
    require_sensible(Freezing(ONE, factor=2, whole=True), world_grid(large, Freezing(ONE, 2, whole=True), None), 8)


def test_the_size_is_told_in_samples_and_megabytes(make_field):
    freezing = Freezing(("f", "Di"), factor=4, whole=True)
    request = world_grid(make_field(), freezing, None)
    assert in_words(freezing, request, 8) == "112 x 112 x 32 samples, 3.2 MB"
    assert in_words(Freezing((), 4, whole=True, fod=True), request, 2) == "112 x 112 x 32 samples, 9.6 MB"


@pytest.mark.parametrize("affine", [None, oblique()], ids=["straight", "oblique"])
def test_values_are_the_fields_own_at_the_places_the_affine_says(make_field, affine):
    mask = np.indices((28, 28, 8)).sum(axis=0) > 26
    field = make_field(mask=mask) if affine is None else make_field(affine=affine, mask=mask)
    field.lmax = 2
    freezing = Freezing(("Di", "f"), factor=2, whole=True)
    for request in (world_grid(field, freezing, None), scan_grid(field, 2)):
        frozen = run(freeze_steps(field, freezing, request))
        values = np.moveaxis(frozen.values["Di"], (0, 1, 2), (2, 1, 0))  # as in a file
        points = voxel_to_world(frozen.affine, np.stack(np.indices(values.shape), -1)).reshape(-1, 3)
        inside = SmoothMask(field.mask, field.affine)(points)
        np.testing.assert_array_equal(np.isfinite(values.ravel()), inside)
        assert inside.any()
        assert not inside.all()
        np.testing.assert_allclose(values.ravel()[inside], field.truth(points[inside])[:, 1], atol=1e-6)


def test_files_hold_what_the_fit_gives_with_its_story(tiny_field, tmp_path):
    freezing = Freezing(("p2", "S0"), factor=2, whole=True, fod=True)
    request = scan_grid(tiny_field, 2)
    paths = write_frozen(run(freeze_steps(tiny_field, freezing, request)), tmp_path / "sub-01.nii.gz")
    assert [p.name.split("_param-")[1] for p in paths] == ["p2_dwimap.nii.gz", "s0_dwimap.nii.gz", "fod_dwimap.nii.gz"]
    p2, _, fod = (nib.load(p) for p in paths)
    assert p2.shape == tuple(2 * n for n in tiny_field.mask.shape)
    np.testing.assert_allclose(nib.affines.voxel_sizes(p2.affine), 1.5)
    points = nib.affines.apply_affine(p2.affine, np.stack(np.indices(p2.shape), -1)).reshape(-1, 3)
    inside = SmoothMask(tiny_field.mask, tiny_field.affine)(points)
    truth = tiny_field.evaluate(points[inside])
    np.testing.assert_allclose(p2.get_fdata().ravel()[inside], truth["p2"], atol=2e-5)
    np.testing.assert_allclose(fod.get_fdata().reshape(-1, 6)[inside], truth["fod"], atol=2e-5)
    assert not fod.get_fdata().reshape(-1, 6)[~inside].any()
    story = json.loads(paths[0].with_name(paths[0].name.replace(".nii.gz", ".json")).read_text())
    assert story["Sampling"]["SamplesPerVoxel"] == 2
    assert story["Units"] == "1"
    assert story["Fit"]["seed"] == 0


def test_one_map_goes_by_the_name_it_was_given(tiny_field, tmp_path):
    freezing = Freezing(ONE, factor=1, whole=True)
    (path,) = write_frozen(run(freeze_steps(tiny_field, freezing, scan_grid(tiny_field, 1))), tmp_path / "mine.nii.gz")
    assert path == tmp_path / "mine.nii.gz"
    np.testing.assert_allclose(nib.load(path).affine, tiny_field.affine)
    inside = tiny_field.mask
    np.testing.assert_allclose(nib.load(path).get_fdata()[inside], tiny_field.maps()["f"][inside], atol=1e-5)


def test_it_can_be_cancelled_between_stretches(make_field):
    field = make_field(mask=np.ones((28, 28, 8), bool))
    field.lmax = 2
    request = scan_grid(field, 4)
    assert n_steps(request) > 3
    steps = freeze_steps(field, Freezing(ONE, 4, whole=True), request, lambda: field.points > 70_000)
    assert run(steps) is None
    assert field.points < request.size


def test_a_frozen_layer_lies_where_it_was_seen(window, settle, qtbot, tiny_field, tmp_path):
    from napari_smi_inr.plugin._qt.take_away_section import ALL, TakeAwaySection
    from napari_smi_inr.plugin.field_layers import add_zoom
    from napari_smi_inr.plugin.taking.freeze_view import freeze, freeze_view
    from napari_smi_inr.plugin.visible import visible_plane

    viewer, _ = window()
    zoom = add_zoom(viewer, tiny_field, "f")
    settle(zoom)
    zoom.contrast_limits = (0.2, 0.7)
    for order in ((0, 1, 2), (2, 0, 1)):
        viewer.dims.order = order
        viewer.scene.camera.zoom *= 2
        settle(zoom)
        ranges, point = viewer.dims.range, viewer.dims.point
        freeze_view(viewer)
        qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=10_000)
        (layer,) = [each for each in viewer.layers if each.name != zoom.name]
        assert (viewer.dims.range, viewer.dims.point) == (ranges, point)
        assert tuple(layer.contrast_limits) == (0.2, 0.7)
        assert layer.colormap.name == zoom.colormap.name
        plane = visible_plane(viewer)
        offset, step = np.array(layer.translate), np.array(layer.scale)
        np.testing.assert_allclose(step, 0.75)
        index = np.stack(np.indices(layer.data.shape), -1).reshape(-1, 3)
        points = (offset + index * step)[:, ::-1]
        assert abs(points[:, 2 - plane.axis].mean() - plane.position) < 1e-6
        known = np.isfinite(layer.data.ravel())
        np.testing.assert_allclose(layer.data.ravel()[known], tiny_field.evaluate(points[known])["f"], atol=1e-5)
        viewer.layers.remove(layer.name)

    told = []
    job = freeze(viewer, Freezing(("f", "p2"), 2, whole=True, fod=True), tmp_path / "all.nii.gz", told.append)
    qtbot.waitUntil(lambda: not job.running, timeout=10_000)
    assert len(told[0].value) == 3
    job = freeze(viewer, Freezing(("f",), 8, whole=True), tmp_path / "never.nii.gz", told.append)
    job.cancel()
    qtbot.waitUntil(lambda: not job.running, timeout=10_000)
    assert len(told) == 1
    assert not list(tmp_path.glob("*never*"))

    section = TakeAwaySection(viewer)
    qtbot.addWidget(section)
    section.parameters.value, section.factor.value, section.thickness.value = ALL, 2, 0.0
    assert section.amount.text().endswith(" MB")
    assert section.amount.text().startswith("1 x ")  # the plane is sagittal
    section.layer_button.click()
    assert not section.file_button.isEnabled()
    qtbot.waitUntil(section.file_button.isEnabled, timeout=10_000)
    assert len(viewer.layers) == 7
    assert [layer.visible for layer in viewer.layers] == [True, True, *[False] * 5]
    section.whole.value, section.factor.value = True, 8
    section.layer_button.click()
    section.cancel_button.click()
    assert section.file_button.isEnabled()
    section.close_section()
    qtbot.wait(200)
    assert len(viewer.layers) == 7
    viewer.layers.clear()
    with pytest.raises(InputError, match="shows no fit"):
        freeze(viewer, Freezing(ONE))
