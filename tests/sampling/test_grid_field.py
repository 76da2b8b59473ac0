"""Voxel maps as continuous fields."""

from __future__ import annotations

import numpy as np
import pytest

from napari_smi_inr.sampling.coordinates import voxel_to_world
from napari_smi_inr.sampling.grid_field import GridField
from refusal import refused

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


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
def test_beyond_the_volume_values_are_those_of_its_surface(interpolation):
    values = np.random.default_rng(4).random((5, 6, 7))
    field = GridField({"f": values}, np.eye(4), interpolation=interpolation)
    outside = np.random.default_rng(5).uniform(-9, 15, (200, 3))
    surface = np.clip(outside, 0, [4, 5, 6])
    assert (outside != surface).any(axis=1).mean() > 0.9
    np.testing.assert_allclose(field.sample(outside), field.sample(surface), atol=1e-6)
    corner = field.sample(np.array([[-3.0, -3.0, -3.0], [40.0, 40.0, 40.0]]))[:, 0]
    np.testing.assert_allclose(corner, [values[0, 0, 0], values[-1, -1, -1]], atol=1e-5)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_values_stand_symmetric_about_the_middle_of_a_symmetric_map(interpolation):
    """At both ends alike, where interpolation has to invent neighbours."""
    half = np.random.default_rng(6).random((4, 6, 6))
    field = GridField({"f": np.concatenate([half, half[::-1]])}, np.eye(4), interpolation=interpolation)
    points = np.random.default_rng(7).uniform(0, [3.5, 5, 5], (100, 3))
    np.testing.assert_allclose(field.sample(points), field.sample([7, 0, 0] + points * [-1, 1, 1]), atol=1e-5)


def test_a_missing_voxel_takes_the_value_of_the_nearest_there_is():
    values = np.indices((7, 6, 5)).sum(axis=0) + 100.0 * np.arange(7)[:, None, None]
    gaps = values.copy()
    gaps[:2, :, :] = gaps[:, :1, :] = gaps[:, :, 4:] = np.nan
    field = GridField({"f": gaps}, np.eye(4), interpolation="nearest")
    points = np.argwhere(np.isnan(gaps))
    i, j, k = np.clip(points, [2, 1, 0], [6, 5, 3]).T
    np.testing.assert_array_equal(field.sample(points.astype(float))[:, 0], values[i, j, k].astype(np.float32))


def test_of_several_maps_a_voxel_counts_where_all_are_known():
    one, other = np.ones((3, 3, 3)), np.ones((3, 3, 3))
    one[0], other[2] = np.nan, np.inf
    field = GridField({"f": one, "p2": other}, np.eye(4))
    np.testing.assert_array_equal(field.mask, np.isfinite(one) & np.isfinite(other))
    assert np.isfinite(field.sample(np.array([[0.0, 1.0, 1.0], [2.0, 1.0, 1.0]]))).all()


def test_a_mask_leaves_out_what_it_does_not_name_and_invents_nothing():
    values = np.ones((3, 3, 3))
    values[0] = np.nan
    wanted = np.zeros((3, 3, 3), np.uint8)
    wanted[:2] = 2
    field = GridField({"f": values}, np.eye(4), wanted)
    assert field.mask.dtype == bool
    np.testing.assert_array_equal(field.mask, np.isfinite(values) & (wanted > 0))


def test_without_any_value_a_map_is_empty_and_zero():
    field = GridField({"f": np.full((3, 3, 3), np.nan)}, np.eye(4))
    assert not field.mask.any()
    assert field.sample(np.array([[1.0, 1.0, 1.0]])) == 0


def test_interpolation_is_linear_unless_asked_for_otherwise_and_in_single_precision():
    values = np.arange(27.0).reshape(3, 3, 3)
    plain = GridField({"f": values}, np.eye(4, dtype=np.float32))
    assert plain.affine.dtype == np.float64
    found = plain.sample(np.array([[0.25, 1.0, 1.5]]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 0.25 * 9 + 3 + 1.5, rtol=1e-6)
    large = GridField({"f": values + 2**40}, np.eye(4), interpolation="cubic")
    assert all(volume.dtype == np.float32 for volume in large._volumes)  # as much memory as the maps themselves


def test_faults_are_named():
    with refused("maps", "is empty"):
        GridField({}, AFFINE)
    with refused("maps", r"\(2, 2, 2\).*\(2, 2, 3\)"):
        GridField({"f": np.zeros((2, 2, 2)), "p2": np.zeros((2, 2, 3))}, AFFINE)
    with refused("maps", r"'f': \(2, 2, 2\), 'mask': \(2, 3, 2\)"):
        GridField({"f": np.zeros((2, 2, 2))}, AFFINE, mask=np.ones((2, 3, 2), bool))
    with refused("maps", r"\(2, 2\)"):
        GridField({"f": np.zeros((2, 2))}, AFFINE)
    with refused("interpolation", "'sinc'") as caught:
        GridField({"f": np.zeros((2, 2, 2))}, AFFINE, interpolation="sinc")
    assert "nearest, linear, cubic" in caught.value.remedy


def test_other_maps_of_the_grid_are_interpolated_alike():
    values = np.random.default_rng(0).random((6, 5, 4)).astype(np.float32)
    values[0, 0, 0] = np.nan
    field = GridField({"f": values}, AFFINE, interpolation="cubic")
    other = field.with_maps({"p2": 3 * values})
    points = voxel_to_world(AFFINE, np.random.default_rng(1).uniform(0, 4, (20, 3)))
    np.testing.assert_allclose(other.sample(points), 3 * field.sample(points), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(other.mask, np.isfinite(values))
    assert other.parameters == ("p2",)
