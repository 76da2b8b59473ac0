"""The pure half of the zoom layer: levels, tiles, resident volume, frames, slider stops. No window."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_smi_inr.plugin.frame import Frame, interpolate
from napari_smi_inr.plugin.pyramid import MAX_TEXTURE, RATIO, Pyramid
from napari_smi_inr.plugin.resident import Resident
from napari_smi_inr.plugin.slider import aligned_range
from napari_smi_inr.plugin.tile_cache import TileCache, at_stride
from napari_smi_inr.plugin.view_state import STRIDES, TILE, PlaneView, Tile, ViewState, tiles_of
from napari_smi_inr.sampling.sampler import Sampler


@pytest.fixture
def field(make_field):
    return make_field(mask=np.indices((28, 28, 8)).sum(axis=0) > 8)


@pytest.fixture
def pyramid(field):
    return Pyramid.around(field.affine, field.mask.shape)


def filled(field, pyramid):
    sampler, resident = Sampler(field), Resident(pyramid, len(field.parameters))
    resident.prepare(sampler.inside)
    while not resident.complete:
        indices = resident.next_missing(0, 0.0, 1000, near=False)
        resident.fill(indices, sampler.evaluate(resident.points(indices)))
    return resident


def test_the_coarsest_level_is_the_voxel_grid_and_the_finest_has_odd_samples(pyramid):
    assert pyramid.shapes[-1] == (8, 28, 28)
    np.testing.assert_allclose(pyramid.centre(pyramid.coarsest, 2, np.arange(28)), -40 + 3.0 * np.arange(28))
    np.testing.assert_allclose(pyramid.scale, 3 / 63)
    fine = pyramid.centre(0, 0, np.arange(8) * 63 + 31)
    np.testing.assert_allclose(fine, -10 + 3.0 * np.arange(8))  # voxel centres are samples of every level's box
    steps = np.array([pyramid.step(k)[2] for k in range(len(pyramid.shapes))])
    assert np.all(steps[1:] / steps[:-1] < RATIO * 1.03)
    np.testing.assert_allclose(pyramid.index(3, 1, pyramid.centre(3, 1, 17.0)), 17)


def test_long_voxels_get_cubic_samples_and_wide_scans_stay_within_textures():
    thick = Pyramid.around(np.diag([2.0, 2.0, 5.0, 1.0]), (100, 100, 20))
    np.testing.assert_allclose(thick.step(0)[0], thick.step(0)[2], rtol=0.02)
    np.testing.assert_allclose(thick.step(thick.coarsest), (5, 2, 2))
    wide = Pyramid.around(np.eye(4), (512, 512, 300))
    assert max(wide.shapes[0]) <= MAX_TEXTURE
    single = Pyramid.around(np.eye(4), (64, 64, 1))
    assert single.shapes[-1] == (1, 64, 64)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("stride", STRIDES)
def test_tiles_sample_pixel_centres_in_every_pass(pyramid, axis, stride):
    level = 4
    rows, columns = (a for a in range(3) if a != axis)
    tile = Tile(axis, 1.23, level, 0, 1, stride) if pyramid.shapes[level][columns] > TILE else None
    tile = tile or Tile(axis, 1.23, level, 0, 0, stride)
    (r0, r1), (c0, c1) = tile.span(pyramid)
    request = tile.request(pyramid)
    assert request.shape == (1, -(-(r1 - r0) // stride), -(-(c1 - c0) // stride))
    points = request.points().reshape(*request.shape[1:], 3)[..., ::-1]
    np.testing.assert_allclose(points[..., axis], 1.23)
    first = {8: 4, 2: 0, 1: 0}[stride]
    np.testing.assert_allclose(points[0, 0, rows], pyramid.centre(level, rows, r0 + first))
    np.testing.assert_allclose(points[1, 1, columns], pyramid.centre(level, columns, c0 + first + stride))


def test_tiles_cover_the_view_from_its_centre():
    view = PlaneView(0, 0.0, 0, (100, 700), (200, 500))
    tiles = tiles_of(view)
    assert {(t.row, t.column) for t in tiles} == {(r, c) for r in range(1, 8) for c in range(2, 6)}
    assert abs((tiles[0].row + 0.5) * TILE - 400) <= TILE / 2
    assert abs((tiles[0].column + 0.5) * TILE - 350) <= TILE / 2


def test_interpolation_is_linear_and_clamped():
    grid = np.add.outer(10 * np.arange(5), np.arange(7)).astype(np.float32)
    rows, columns = np.array([-1.0, 0.25, 3.9, 9.0]), np.array([-0.2, 0.0, 5.5, 8.0])
    expected = np.add.outer(10 * np.clip(rows, 0, 4), np.clip(columns, 0, 6))
    np.testing.assert_allclose(interpolate(grid, rows, columns), expected, rtol=1e-6)
    np.testing.assert_allclose(interpolate(grid[:1, :1], rows, columns), 0)


def test_a_frame_only_ever_gets_finer(field, pyramid):
    sampler, resident = Sampler(field), filled(field, pyramid)
    view = PlaneView(0, 1.3, 5, (20, 250), (10, 240))
    frame = Frame(pyramid, view)
    positions = [pyramid.centre(5, axis, np.arange(*span)) for axis, span in ((1, view.rows), (2, view.columns))]
    y, x = np.meshgrid(*positions, indexing="ij")
    points = np.stack([x, y, np.full_like(x, 1.3)], -1).reshape(-1, 3)
    truth = np.where(sampler.inside(points), field.truth(points)[:, 0], np.nan).reshape(view.shape)

    def error():
        both = np.isfinite(frame.values) & np.isfinite(truth)
        return np.abs(frame.values - truth)[both].max(), np.mean(np.isfinite(frame.values) != np.isfinite(truth))

    frame.seed(resident.plane(0, 0, 1.3), resident.spacing)
    errors = [error()]
    for stride in STRIDES:
        for tile in tiles_of(view):
            values = sampler.sample(at_stride(tile, stride).request(pyramid))
            frame.paste(at_stride(tile, stride), np.moveaxis(values[0], -1, 0)[0])
        errors.append(error())
    assert errors[0][0] < 0.12  # a sine of 8 mm wavelength from 3 mm samples
    assert errors[-1] == (0, 0)
    assert all(after[0] <= before[0] + 1e-7 for before, after in itertools.pairwise(errors[1:]))
    for tile in tiles_of(view):  # late and coarse: must change nothing
        values = sampler.sample(at_stride(tile, 8).request(pyramid))
        frame.paste(at_stride(tile, 8), np.moveaxis(values[0], -1, 0)[0])
    assert error() == (0, 0)


def test_zooming_in_starts_from_the_last_image_not_from_voxels(field, pyramid):
    sampler = Sampler(field)
    before = Frame(pyramid, PlaneView(0, 1.3, 5, (0, 256), (0, 256)))
    for tile in tiles_of(before.view):
        before.paste(tile, np.moveaxis(sampler.sample(tile.request(pyramid))[0], -1, 0)[0])
    after = Frame(pyramid, PlaneView(0, 1.3, 4, (128, 256), (128, 256)))
    after.inherit(before)
    assert after.detail.max() <= before.pixel
    assert after.detail.min() > after.pixel  # its own samples are still to come
    elsewhere = Frame(pyramid, PlaneView(0, 1.4, 4, (128, 256), (128, 256)))
    elsewhere.inherit(before)
    assert np.isinf(elsewhere.detail).all()


def test_the_resident_volume_fills_from_the_plane_in_view(field, pyramid):
    sampler, resident = Sampler(field), Resident(pyramid, 3)
    assert not resident.knows(2, 0.0)
    assert resident.limits(0) is None
    resident.prepare(sampler.inside)
    while not resident.knows(2, 0.5):
        indices = resident.next_missing(2, 0.5, 50, near=True)
        assert np.all(np.abs(pyramid.centre(pyramid.coarsest, 2, indices[:, 2]) - 0.5) <= 3)
        resident.fill(indices, sampler.evaluate(resident.points(indices)))
    assert not resident.complete
    assert not resident.knows(0, 0.0)
    resident = filled(field, pyramid)
    volume = resident.volume(0)
    points = resident.points(np.argwhere(np.isfinite(volume)))
    np.testing.assert_allclose(volume[np.isfinite(volume)], field.truth(points)[:, 0], atol=1e-6)
    assert np.isfinite(volume).sum() > field.mask.sum()  # a rim for the graphics card to interpolate with
    low, high = resident.limits(2)
    assert (low, high) == pytest.approx((80, 120), abs=2)


def test_the_cache_forgets_the_oldest_and_what_finer_tiles_replace():
    tile = Tile(0, 0.0, 0, 0, 0, 1)
    cache = TileCache(limit_bytes=3 * 4 * 64 * 64)
    cache.put(at_stride(tile, 8), np.ones((1, 8, 8), np.float32))
    assert cache.finest(tile)[0].stride == 8
    cache.put(tile, np.ones((1, 64, 64), np.float32))
    assert cache.finest(tile)[0].stride == 1
    assert len(cache) == 1
    others = [Tile(0, 0.0, 0, 0, c, 1) for c in range(1, 4)]
    for other in others:
        cache.put(other, np.ones((1, 64, 64), np.float32))
    assert tile not in cache
    assert all(other in cache for other in others)
    for c in range(10, 20):  # nothing to show costs nothing to remember
        cache.put(Tile(0, 0.0, 0, 0, c, 1), np.full((1, 64, 64), np.nan, np.float32))
    assert all(other in cache for other in others)


@pytest.mark.parametrize(("start", "stop"), [(-11.47, 12.47), (-10, 11), (-30.1, 40.2)])
def test_slider_stops_include_voxel_centres_and_stay_within_the_range(start, stop):
    first, last, step = aligned_range(start, stop, -10.0, 0.75)
    assert start - 1e-6 <= first < start + 0.75
    assert stop - 0.75 < last <= stop + 1e-6
    stops = first + step * np.arange(round((last - first) / step) + 1)
    assert np.abs(stops + 10).min() < 1e-9
    assert stops[-1] == pytest.approx(last)


def test_sliders_count_from_the_last_three_axes():
    state = ViewState((4.0, 1.0, 2.0, 3.0), (0, 1, 3, 2), 2)
    assert [state.position(axis) for axis in range(3)] == [1, 2, 3]
    assert state.displayed == (2, 1)
    assert ViewState((0.0, 0.0), (0, 1), 2).position(0) is None
