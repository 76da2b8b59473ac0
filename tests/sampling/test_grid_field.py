"""Voxel maps as continuous fields."""

from __future__ import annotations

import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.sampling.coordinates import voxel_to_world
from napari_smi_inr.sampling.grid_field import GridField

AFFINE = np.array([[-2.0, 0.1, 0, 30], [0.1, 2.0, 0.3, -20], [0, -0.3, 3.0, 5], [0, 0, 0, 1]])


def volume(function, shape=(12, 11, 10)):
    return function(*np.indices(shape).astype(float))


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
def test_voxel_centres_keep_their_values(interpolation):
    values = np.random.default_rng(0).random((6, 5, 4)).astype(np.float32)
    field = GridField({"f": values, "p2": 2 * values}, AFFINE, interpolation=interpolation)
    points = voxel_to_world(AFFINE, np.stack(np.indices(values.shape), -1).reshape(-1, 3))
    sampled = field.sample(points)
    np.testing.assert_allclose(sampled[:, 0], values.ravel(), atol=1e-5)
    np.testing.assert_allclose(sampled[:, 1], 2 * values.ravel(), atol=1e-5)


@pytest.mark.parametrize(
    ("interpolation", "function", "tolerance"),
    [
        ("linear", lambda i, j, k: 1 + 2 * i - j + 0.5 * k, 1e-4),
        ("cubic", lambda i, j, k: np.sin(i / 2) * np.cos(j / 2) + k / 5, 5e-3),
    ],
)
def test_smooth_maps_are_reproduced_between_voxels(interpolation, function, tolerance):
    field = GridField({"f": volume(function)}, AFFINE, interpolation=interpolation)
    voxels = np.random.default_rng(1).uniform(3, 6, (200, 3))
    np.testing.assert_allclose(field.sample(voxel_to_world(AFFINE, voxels))[:, 0], function(*voxels.T), atol=tolerance)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_missing_voxels_never_bleed_in(interpolation):
    values = np.full((8, 8, 8), np.nan)
    values[2:6, 2:6, 2:6] = 5.0
    field = GridField({"f": values}, AFFINE, interpolation=interpolation)
    assert field.mask.sum() == 64
    voxels = np.random.default_rng(2).uniform(1.5, 5.5, (100, 3))
    np.testing.assert_allclose(field.sample(voxel_to_world(AFFINE, voxels)), 5.0, atol=1e-4)


def test_other_maps_on_the_same_grid():
    field = GridField({"f": np.zeros((4, 4, 4))}, AFFINE, interpolation="nearest")
    other = field.with_maps({"f": np.ones((4, 4, 4))})
    point = voxel_to_world(AFFINE, np.array([[1.4, 1.4, 1.4]]))
    assert (field.sample(point), other.sample(point)) == (0, 1)


def test_faults_are_named():
    with pytest.raises(InputError, match="empty"):
        GridField({}, AFFINE)
    with pytest.raises(InputError, match="common"):
        GridField({"f": np.zeros((2, 2, 2)), "p2": np.zeros((2, 2, 3))}, AFFINE)
    with pytest.raises(InputError, match="sinc"):
        GridField({"f": np.zeros((2, 2, 2))}, AFFINE, interpolation="sinc")


def test_other_maps_of_the_grid_are_interpolated_alike():
    values = np.random.default_rng(0).random((6, 5, 4)).astype(np.float32)
    values[0, 0, 0] = np.nan
    field = GridField({"f": values}, AFFINE, interpolation="cubic")
    other = field.with_maps({"p2": 3 * values})
    points = voxel_to_world(AFFINE, np.random.default_rng(1).uniform(0, 4, (20, 3)))
    np.testing.assert_allclose(other.sample(points), 3 * field.sample(points), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(other.mask, np.isfinite(values))
    assert other.parameters == ("p2",)


def test_no_maps_are_no_field():
    with pytest.raises(InputError, match="empty"):
        GridField({}, AFFINE)
