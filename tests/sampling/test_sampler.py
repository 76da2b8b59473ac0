"""Sampling any field: masks, batches, cancellation."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_smi_inr.sampling.mask import SmoothMask
from napari_smi_inr.sampling.request import SampleRequest
from napari_smi_inr.sampling.sampler import FIRST_BATCH, Sampler


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
    assert len(pieces) > 1
    for part, values in pieces:
        np.testing.assert_array_equal(values, whole[part])
