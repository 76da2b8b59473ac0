"""The pure half of the zoom layer: levels, tiles, resident volume, frames, slider stops. No window."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_smi_inr.plugin.zoom.channels import Channels
from napari_smi_inr.plugin.zoom.edge import Edge, screen_door
from napari_smi_inr.plugin.zoom.frame import Frame
from napari_smi_inr.plugin.zoom.interpolation import apply, linear_weights, smooth_weights
from napari_smi_inr.plugin.zoom.pyramid import MAX_TEXTURE, RATIO, Pyramid
from napari_smi_inr.plugin.zoom.resident import Resident
from napari_smi_inr.plugin.zoom.slider import aligned_range
from napari_smi_inr.plugin.zoom.tile_cache import TileCache, at_stride
from napari_smi_inr.plugin.zoom.view_state import STRIDES, TILE, PlaneView, Tile, ViewState, tiles_of
from napari_smi_inr.sampling.sampler import Sampler

EDGE = Edge(reach=0.0, fade=1.5)


@pytest.fixture
def field(make_field):
    return make_field(mask=np.indices((28, 28, 8)).sum(axis=0) > 8)


@pytest.fixture
def pyramid(field):
    return Pyramid.around(field.affine, field.mask.shape)


def filled(field, pyramid):
    sampler, resident = Sampler(field), Resident(pyramid, len(field.parameters))
    resident.prepare(sampler.inside, EDGE)
    while not resident.complete:
        indices = resident.next_missing(0, 0.0, 1000, near=False)
        resident.fill(indices, sampler.evaluate(resident.points(indices)))
    return resident


def test_the_coarsest_level_is_the_voxel_grid_and_the_finest_has_odd_samples(pyramid):
    assert pyramid.shapes[-1] == (8, 28, 28)
    np.testing.assert_allclose(pyramid.centre(pyramid.coarsest, 2, np.arange(28)), -40 + 3.0 * np.arange(28))
    np.testing.assert_allclose(pyramid.scale, 3 / 511)
    fine = pyramid.centre(0, 0, np.arange(8) * 511 + 255)
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
    found = apply(grid, linear_weights(rows, 5), linear_weights(columns, 7))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(apply(grid[:1, :1], linear_weights(rows, 1), linear_weights(columns, 1)), 0)


def test_smooth_interpolation_is_exact_for_polynomials_of_fifth_degree_up_to_the_ends():
    y, x = np.arange(9.0), np.arange(7.0)
    grid = np.multiply.outer((y / 4 - 1) ** 5, (x / 3 - 1) ** 4).astype(np.float32)[None]
    rows, columns = np.linspace(0, 8, 41), np.linspace(0, 6, 37)
    truth = np.multiply.outer((rows / 4 - 1) ** 5, (columns / 3 - 1) ** 4)
    found = apply(grid, smooth_weights(rows, 9), smooth_weights(columns, 7))
    np.testing.assert_allclose(found[0], truth, atol=2e-6)
    few = smooth_weights(np.array([0.0, 0.5, 1.9]), 3)  # a parabola through the three there are
    np.testing.assert_allclose(few @ np.array([0.0, 1.0, 4.0]), [0, 0.25, 1.9**2], atol=1e-6)


def test_the_more_pixels_are_left_out_the_less_opaque_the_edge_and_the_pattern_stays_in_place():
    view, moved = PlaneView(0, 0.0, 0, (0, 200), (0, 200)), PlaneView(0, 0.0, 0, (96, 296), (96, 296))
    for opacity in (0.0, 0.1, 0.5, 0.9, 1.0):
        shown = screen_door(np.full(view.shape, opacity, np.float32), view)
        assert shown.mean() == pytest.approx(np.cbrt(opacity), abs=0.01)
        there = screen_door(np.full(view.shape, opacity, np.float32), moved)
        assert np.array_equal(shown[96:, 96:], there[:104, :104])


def test_the_edge_fades_smoothly_outward_from_where_it_begins():
    edge = Edge(reach=2.0, fade=1.0)
    opacity = edge.opacity(np.array([5.0, 0.0, -2.0, -2.25, -2.5, -2.75, -3.0, -9.0], np.float32))
    np.testing.assert_allclose(opacity, [1, 1, 1, 0.84375, 0.5, 0.15625, 0, 0], atol=1e-6)


def test_a_frame_only_ever_gets_finer(field, pyramid):
    sampler, resident = Sampler(field), filled(field, pyramid)
    view = PlaneView(0, 1.3, 11, (20, 250), (10, 240))
    frame = Frame(pyramid, view, 1)
    positions = [pyramid.centre(11, axis, np.arange(*span)) for axis, span in ((1, view.rows), (2, view.columns))]
    y, x = np.meshgrid(*positions, indexing="ij")
    points = np.stack([x, y, np.full_like(x, 1.3)], -1).reshape(-1, 3)
    truth = np.where(sampler.inside(points), field.truth(points)[:, 0], np.nan).reshape(view.shape)

    def error():
        return np.abs(frame.values[0] - truth)[np.isfinite(truth)].max()

    frame.seed(resident.plane((0,), 0, 1.3), resident.spacing)
    errors = [error()]
    for stride in STRIDES:
        for tile in tiles_of(view):
            values = sampler.sample(at_stride(tile, stride).request(pyramid))
            frame.paste(at_stride(tile, stride), np.moveaxis(values[0], -1, 0)[:1])
        errors.append(error())
    assert errors[0] < 0.12  # a sine of 8 mm wavelength from 3 mm samples
    assert errors[-1] == 0
    assert all(after <= before + 1e-7 for before, after in itertools.pairwise(errors[1:]))
    for tile in tiles_of(view):  # late and coarse: must change nothing
        values = sampler.sample(at_stride(tile, 8).request(pyramid))
        frame.paste(at_stride(tile, 8), np.moveaxis(values[0], -1, 0)[:1])
    assert error() == 0


def test_zooming_in_starts_from_the_last_image_not_from_voxels(field, pyramid):
    before = Frame(pyramid, PlaneView(0, 1.3, 11, (0, 256), (0, 256)), 1)
    for tile in tiles_of(before.view):
        points = tile.request(pyramid).points()
        before.paste(tile, field.truth(points)[:, 0].reshape(1, *tile.request(pyramid).shape[1:]))
    after = Frame(pyramid, PlaneView(0, 1.3, 10, (128, 256), (128, 256)), 1)
    after.inherit(before)
    assert after.detail.max() <= before.pixel
    assert after.detail.min() > after.pixel  # its own samples are still to come
    elsewhere = Frame(pyramid, PlaneView(0, 1.4, 10, (128, 256), (128, 256)), 1)
    elsewhere.inherit(before)
    assert np.isinf(elsewhere.detail).all()


def test_panning_keeps_what_is_drawn_and_asks_only_for_what_comes_into_view(field, pyramid):
    def draw(frame, tile):
        request = tile.request(pyramid)
        frame.paste(tile, field.truth(request.points())[:, 0].reshape(1, *request.shape[1:]))

    def whole(view):
        frame = Frame(pyramid, view, 1)
        for tile in tiles_of(view):
            draw(frame, tile)
        return frame

    before = whole(PlaneView(0, 1.3, 11, (0, 2 * TILE), (10, 200)))
    after = Frame(pyramid, PlaneView(0, 1.3, 11, (TILE, 3 * TILE), (30, 230)), 1)
    after.inherit(before)
    np.testing.assert_array_equal(after.values[0, :TILE, :170], before.values[0, TILE:, 20:])
    np.testing.assert_array_equal(after.detail[:TILE, :170], before.detail[TILE:, 20:])
    assert np.isinf(after.detail[TILE:]).all()
    assert np.isinf(after.detail[:, 170:]).all()
    left = {(tile.row, tile.column) for tile, _ in after.unfinished()}
    assert left == {(2, 0), (2, 1), (2, 2), (1, 2)}  # the last of them is in view only in part until now
    for tile, _ in after.unfinished():
        draw(after, tile)
    np.testing.assert_array_equal(after.values, whole(after.view).values)
    after.draw_again()
    assert len(after.unfinished()) == len(after.tiles)


def test_the_resident_volume_fills_from_the_plane_in_view(field, pyramid):
    sampler, resident = Sampler(field), Resident(pyramid, 3)
    assert not resident.knows(2, 0.0)
    recipe = Channels(field).recipe
    assert resident.limits(recipe("f")) is None
    resident.prepare(sampler.inside, EDGE)
    while not resident.knows(2, 0.5):
        indices = resident.next_missing(2, 0.5, 50, near=True)
        assert np.all(np.abs(pyramid.centre(pyramid.coarsest, 2, indices[:, 2]) - 0.5) <= 3)
        resident.fill(indices, sampler.evaluate(resident.points(indices)))
    assert not resident.complete
    assert not resident.knows(0, 0.0)
    resident = filled(field, pyramid)
    volume = resident.volume(recipe("f"))
    points = resident.points(np.argwhere(np.isfinite(volume)))
    np.testing.assert_allclose(volume[np.isfinite(volume)], field.truth(points)[:, 0], atol=1e-6)
    assert np.isfinite(volume).sum() > field.mask.sum()  # a rim for the graphics card to interpolate with
    low, high = resident.limits(recipe("S0"))
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
