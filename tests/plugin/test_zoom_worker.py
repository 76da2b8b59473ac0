"""The evaluating thread on its own: order of work, dropping, errors, end. No window."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_smi_inr.plugin.zoom.pyramid import Pyramid
from napari_smi_inr.plugin.zoom.source import Source
from napari_smi_inr.plugin.zoom.tile_cache import at_stride
from napari_smi_inr.plugin.zoom.view_state import STRIDES, TILE, PlaneView, tiles_of
from napari_smi_inr.plugin.zoom.worker import TileWorker
from napari_smi_inr.plugin.zoom.zoom_image import ZoomImage


@pytest.fixture
def start(make_field):
    workers = []

    def begin(**options):
        field = make_field(**options)
        pyramid = Pyramid.around(field.affine, field.mask.shape)
        source = Source.of(field, pyramid)
        errors = []
        workers.append(TileWorker(source, lambda: None, errors.append))
        return workers[-1], source, field, errors

    yield begin
    assert all(worker.stop() for worker in workers)


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def view_at(plane, level=10):
    return PlaneView(0, plane, level, (0, 256), (0, 256))


def wanted(view):
    return [at_stride(tile, stride) for tile in tiles_of(view) for stride in STRIDES]


def test_coarse_comes_first_and_everything_in_the_end(start):
    worker, source, field, _ = start()
    view = view_at(1.0)
    worker.want("layer", view, wanted(view))
    until(lambda: source.cache.finest(tiles_of(view)[0]) is not None)
    assert source.cache.finest(tiles_of(view)[0])[0].stride > 1  # the fine pass waits for the view to settle
    until(lambda: worker.idle)
    assert all(tile in source.cache for tile in tiles_of(view))
    tile = tiles_of(view)[0]
    points = tile.request(source.pyramid).points()
    expected = np.where(source.needed(tile, points), field.truth(points).T, np.nan)
    np.testing.assert_array_equal(source.cache.get(tile).reshape(3, -1), expected)
    assert source.resident.complete
    assert worker.tally.abandoned == 0
    shown = sum(int(source.needed(t, t.request(source.pyramid).points()).sum()) for t in tiles_of(view))
    assert worker.tally.evaluated <= 1.02 * shown  # passes share their points: all but the coarsest cost nothing extra


def test_a_view_left_behind_is_dropped_within_a_batch(start):
    worker, source, field, _ = start(microseconds=10)
    until(lambda: source.resident.complete)
    first, second = view_at(1.0), view_at(2.0)
    worker.want("layer", first, tiles_of(first))
    until(lambda: field.points > 30_000)
    worker.want("layer", second, tiles_of(second))
    until(lambda: worker.idle)
    assert all(tile in source.cache for tile in tiles_of(second))
    left = [tile for tile in tiles_of(first) if tile not in source.cache]
    assert left
    assert worker.tally.abandoned <= TILE**2 + field.largest  # a tile, or a batch of smaller ones
    assert field.largest * 10e-6 <= 0.030


def test_a_view_in_motion_is_evaluated_now_and_then_and_wholly_at_rest(start):
    worker, source, _, _ = start()
    until(lambda: source.resident.complete)
    planes = np.linspace(0, 5, 60)
    for plane in planes:
        worker.want("layer", view_at(plane), wanted(view_at(plane)))
        time.sleep(0.01)
    n_pixels = 256**2
    assert 0 < worker.tally.evaluated < 10 * n_pixels / STRIDES[0] ** 2  # of 60 views
    until(lambda: worker.idle)
    assert all(tile in source.cache for tile in tiles_of(view_at(planes[-1])))


def test_nobody_looking_means_no_work(start):
    worker, source, field, _ = start(microseconds=10)
    until(lambda: source.resident.complete)
    view = view_at(1.0)
    worker.want("layer", view, tiles_of(view))
    worker.forget("layer")
    time.sleep(0.15)
    before = field.points
    time.sleep(0.1)
    assert worker.idle
    assert field.points == before


def test_stopping_in_mid_work_waits_for_what_is_in_hand_and_no_more(start):
    worker, _, field, _ = start(microseconds=10)
    view = view_at(1.0)
    worker.want("layer", view, tiles_of(view))
    until(lambda: field.points > 20_000)
    assert not worker.idle
    begun = field.points
    assert worker.stop()
    assert field.points - begun <= 2 * field.largest  # some thousand of 89,000


def test_an_error_is_reported_once_and_ends_the_work(start):
    worker, _, field, errors = start()
    field.truth = lambda points: 1 / 0
    view = view_at(1.0)
    worker.want("layer", view, tiles_of(view))
    until(lambda: bool(errors))
    worker.want("layer", view_at(2.0), tiles_of(view_at(2.0)))
    time.sleep(0.05)
    assert len(errors) == 1
    assert isinstance(errors[0], ZeroDivisionError)
    assert worker.idle


def test_images_never_wait_and_use_the_sliders_exact_plane(start):
    worker, source, field, _ = start(microseconds=50)
    image = ZoomImage(worker, lambda: source, "f", lambda axis: 1.234)
    level = 10
    index = round(float(source.pyramid.index(level, 0, 1.234)))
    assert image.exact_plane(level, 0, index) == 1.234
    assert image.exact_plane(level, 0, index + 9) == source.pyramid.centre(level, 0, index + 9)  # a script's own plane
    begun = field.points
    picture = image.read(view_at(1.234))
    assert field.points - begun < picture.size  # and not all of it, which takes over three seconds
    assert np.isnan(picture).all()
    whole = image.read(PlaneView(0, 1.234, 6, (0, 1764), (0, 1764)))
    assert whole.shape == (1764, 1764)
    assert "MainThread" not in field.threads
