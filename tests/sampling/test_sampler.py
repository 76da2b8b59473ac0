"""Sampling any field: masks, batches, cancellation."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_smi_inr.sampling import sampler as timed
from napari_smi_inr.sampling.coordinates import bounding_box
from napari_smi_inr.sampling.mask import SmoothMask
from napari_smi_inr.sampling.request import SampleRequest
from napari_smi_inr.sampling.sampler import CHUNK, FIRST_BATCH, LARGEST_BATCH, TARGET_SECONDS, Sampler


class Linear:
    """Values equal to the position."""

    parameters = ("x", "y", "z")

    def __init__(self, mask, seconds_per_point=0.0):
        self.affine, self.mask, self.seconds = np.diag([2.0, 2.0, 2.0, 1.0]), mask, seconds_per_point
        self.batches = []

    def sample(self, points):
        self.batches.append(len(points))
        time.sleep(len(points) * self.seconds)
        return points.astype(np.float32)


def test_values_are_the_fields_at_the_lattice_and_nan_outside_the_mask():
    mask = np.zeros((6, 6, 6), bool)
    mask[1:5, 1:5, 1:5] = True
    field = Linear(mask)
    request = SampleRequest.over_volume(field.affine, mask.shape, 3)
    values = Sampler(field).sample(request)
    assert values.shape == (18, 18, 18, 3)
    inside = np.isfinite(values[..., 0])
    np.testing.assert_allclose(values[inside], request.points().reshape(18, 18, 18, 3)[inside], atol=1e-6)
    assert inside[4:14, 4:14, 4:14].all()
    assert not inside[:2].any()
    assert sum(field.batches) == inside.sum()  # nothing is evaluated in vain


def test_the_edge_of_the_mask_is_finer_than_its_voxels():
    mask = np.zeros((9, 9, 3), bool)
    mask[2:7, 2:7] = True
    smooth = SmoothMask(mask, np.eye(4))
    along = np.linspace(5, 8, 301)
    inside = smooth(np.stack([along, np.full(301, 4.0), np.ones(301)], 1))
    assert along[inside].max() == pytest.approx(6.5, abs=0.011)
    corner = smooth(np.array([[6.45, 6.45, 1.0], [6.2, 6.2, 1.0]]))
    assert corner.tolist() == [False, True]  # rounded, not square
    faces = smooth(np.array([[4, 4, -0.5], [4, 4, 2.5], [4, 4, -0.6]]))
    assert faces.tolist() == [True, True, False]  # out to the outer faces of the volume


def test_batches_follow_the_speed_of_the_field():
    field = Linear(np.ones((40, 40, 40), bool), seconds_per_point=20e-6)
    sampler = Sampler(field)
    sampler.sample(SampleRequest.over_volume(field.affine, (10, 30, 30)))
    assert field.batches[0] == FIRST_BATCH
    assert np.median(field.batches[2:]) <= 1000  # 20 ms at 20 µs
    fast = Linear(np.ones((40, 40, 40), bool))
    sampler = Sampler(fast)
    sampler.sample(SampleRequest.over_volume(fast.affine, (40, 40, 40)))
    assert max(fast.batches) > FIRST_BATCH


class Clock:
    """Seconds that pass only while a field is evaluated."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def evaluated(monkeypatch):
    """Evaluate batches of given sizes at a given speed by the clock; gives the size of the next batch after each."""
    clock = Clock()
    monkeypatch.setattr(timed, "time", clock)

    def run(sampler, per_second, *sizes):
        followed = []
        for size in sizes:
            points = np.zeros((size, 3))
            sampler.field.sample = lambda given: (setattr(clock, "now", clock.now + len(given) / per_second), given)[1]
            sampler.evaluate(points)
            followed.append(sampler.batch_size)
        return followed

    return run


@pytest.fixture
def sampler():
    return Sampler(Linear(np.ones((4, 4, 4), bool)))


def test_a_batch_takes_the_time_aimed_at_after_few_steps_of_two(sampler, evaluated):
    assert evaluated(sampler, 60_000, FIRST_BATCH, 1200) == pytest.approx([1200, 1200], rel=2e-3)
    fast = 10_000 / TARGET_SECONDS
    assert evaluated(sampler, fast, 1200, 2400, 4800, 9600) == pytest.approx([2400, 4800, 9600, 10_000], rel=2e-3)
    assert evaluated(sampler, 1000 / TARGET_SECONDS, 10_000, 5_000, 2_500, 1250) == pytest.approx(
        [5000, 2500, 1250, 1000], rel=2e-3
    )


def test_batches_stay_within_bounds_however_slow_or_fast(sampler, evaluated):
    sizes = evaluated(sampler, 1e-3, *[FIRST_BATCH] * 12)
    assert sizes == [max(64, FIRST_BATCH >> n) for n in range(1, 13)]
    sizes = evaluated(sampler, 1e12, *[LARGEST_BATCH] * 14)
    assert sizes == [min(LARGEST_BATCH, 64 << n) for n in range(1, 15)]


def test_a_few_points_tell_nothing_of_the_speed(sampler, evaluated):
    """Their time is that of being called."""
    assert evaluated(sampler, 1e3, FIRST_BATCH // 2 - 1) == [FIRST_BATCH]
    assert evaluated(sampler, 1e3, FIRST_BATCH // 2) == [FIRST_BATCH // 2]
    sampler.batch_size = 16 * FIRST_BATCH
    assert evaluated(sampler, 1e9, FIRST_BATCH // 2 - 1, FIRST_BATCH // 2) == [16 * FIRST_BATCH, 32 * FIRST_BATCH]
    sampler.batch_size = 100
    assert evaluated(sampler, 1e9, 49, 50) == [100, 200]


def test_it_counts_its_points_and_knows_its_longest_batch(sampler, evaluated):
    assert (sampler.evaluated, sampler.longest_batch) == (0, 0.0)
    evaluated(sampler, 1000.0, 500, 40, 700, 10)
    assert sampler.evaluated == 1250
    assert sampler.longest_batch == pytest.approx(0.7)


def test_values_are_in_single_precision_whatever_the_field_gives():
    field = Linear(np.ones((4, 4, 4), bool))
    field.sample = lambda points: points.tolist()
    points = np.array([[1.0, 2.0, 3.0], [-40.0, 0.0, 0.0]])
    sampler = Sampler(field)
    request = SampleRequest(np.eye(4), (2, 2, 2))
    for values in (sampler.evaluate(points), sampler.at(points), sampler.sample(request)):
        assert values.dtype == np.float32
    np.testing.assert_array_equal(sampler.at(points), np.array([[1, 2, 3], [np.nan] * 3], np.float32))


def test_asked_for_it_evaluates_outside_the_mask_as_well():
    field = Linear(np.ones((4, 4, 4), bool))
    points = np.array([[1.0, 1, 1], [90.0, 1, 1], [2.0, 2, 2]])
    values = Sampler(field).at(points, where=np.array([True, True, False]))
    np.testing.assert_array_equal(values, [[1, 1, 1], [90, 1, 1], [np.nan] * 3])


def test_outside_its_mask_a_field_is_not_asked_at_all():
    field = Linear(np.ones((4, 4, 4), bool))
    assert np.isnan(Sampler(field).at(np.full((5, 3), 90.0))).all()
    assert field.batches == []
    assert Sampler(field).at(np.empty((0, 3))).shape == (0, 3)


def test_a_lattice_without_points_and_one_that_is_cancelled_at_once_are_told_apart():
    field = Linear(np.ones((4, 4, 4), bool))
    assert Sampler(field).sample(SampleRequest(np.eye(4), (0, 2, 2))).shape == (0, 2, 2, 3)
    assert Sampler(field).sample(SampleRequest(np.eye(4), (1, 1, 1)), lambda: True) is None


class TestRequest:
    def test_is_as_fine_as_the_volume_unless_asked_for_otherwise(self):
        affine = np.diag([2.0, -1.5, 3.0, 1.0])
        request = SampleRequest.over_volume(affine, (4, 5, 6))
        np.testing.assert_array_equal(request.affine, affine)
        assert request.shape == (4, 5, 6)
        finer = SampleRequest.over_volume(affine, (4, 5, 6), 3)
        assert finer.shape == (12, 15, 18)
        np.testing.assert_allclose(bounding_box(finer.affine, finer.shape), bounding_box(affine, (4, 5, 6)))

    def test_counts_its_points_with_the_last_index_fastest(self):
        request = SampleRequest(np.diag([2.0, 3.0, 5.0, 1.0]), (2, 3, 4))
        assert request.size == 24
        np.testing.assert_array_equal(request.points(5, 7), [[0, 3, 5], [0, 3, 10]])
        np.testing.assert_array_equal(request.points(22), [[2, 6, 10], [2, 6, 15]])
        np.testing.assert_array_equal(request.points(22, 99), request.points(22))
        np.testing.assert_array_equal(request.points(), request.points(0, 24))
        assert request.points(3, 3).shape == (0, 3)


def test_cancelling_ends_after_the_batch_in_hand():
    field = Linear(np.ones((40, 40, 40), bool), seconds_per_point=1e-6)
    sampler = Sampler(field)
    assert (
        sampler.sample(SampleRequest.over_volume(field.affine, (40, 40, 40)), lambda: len(field.batches) >= 2) is None
    )
    assert len(field.batches) == 2
    assert sampler.evaluated == sum(field.batches)


def test_streams_are_the_same_values_in_pieces():
    field = Linear(np.ones((45, 45, 45), bool))
    request = SampleRequest.over_volume(field.affine, (45, 45, 45))
    whole = Sampler(field).sample(request).reshape(-1, 3)
    pieces = list(Sampler(field).stream(request))
    assert [len(values) for _, values in pieces] == [CHUNK, 45**3 - CHUNK]  # memory holds one at a time
    for part, values in pieces:
        np.testing.assert_array_equal(values, whole[part])
