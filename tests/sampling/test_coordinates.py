"""Voxels, scanner millimetres and napari's axes."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.sampling.coordinates import (
    bounding_box,
    is_axis_aligned,
    napari_to_world,
    nearest_voxel_axes,
    refined,
    voxel_sizes,
    voxel_to_world,
    world_array,
    world_to_napari,
    world_to_voxel,
)
from refusal import refused


@pytest.fixture
def oblique():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = q * (1.7, 1.7, 3.0)
    affine[:3, 3] = (10, -20, 30)
    return affine


def tilted(degrees):
    """Voxels of 1 x 2 x 30 mm, turned about x."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) * (1.0, 2.0, 30.0)
    return affine


def test_round_trips(oblique):
    voxels = np.random.default_rng(1).uniform(0, 50, (40, 3))
    world = voxel_to_world(oblique, voxels)
    np.testing.assert_allclose(world, nib.affines.apply_affine(oblique, voxels))
    np.testing.assert_allclose(world_to_voxel(oblique, world), voxels, atol=1e-10)
    np.testing.assert_array_equal(napari_to_world(world_to_napari(world)), world)
    np.testing.assert_array_equal(world_to_napari(np.array([[1.0, 2.0, 3.0]])), [[3.0, 2.0, 1.0]])
    np.testing.assert_allclose(voxel_sizes(oblique), (1.7, 1.7, 3.0))


def test_places_are_computed_in_double_whatever_is_given(oblique):
    """A field of view of 300 mm in single precision would be off by a hundredth of a micrometre, and sums by more."""
    single, points = oblique.astype(np.float32), np.array([[101, 57, 33], [7, 250, 3]], np.int16)
    exact = single.astype(np.float64)
    for turn in (voxel_to_world, world_to_voxel):
        found = turn(single, points.astype(np.float32))
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, turn(exact, points.astype(np.float64)))
    for swap in (world_to_napari, napari_to_world):
        assert swap(points).dtype == np.float64
    for found in (voxel_sizes, lambda affine: refined(affine, (2, 3, 4), 3)[0]):
        assert found(single).dtype == np.float64
        np.testing.assert_array_equal(found(single), found(exact))
    assert is_axis_aligned(np.diag([2, 2, 2, 1]))


@pytest.mark.parametrize("code", ["RAS", "LPS", "LAS", "ASR", "SPL", "IRP"])
@pytest.mark.parametrize("more", [(), (2,)], ids=["3-D", "4-D"])
def test_straight_volumes_become_arrays_in_place_for_every_orientation(code, more):
    ras = np.random.default_rng(2).random((4, 5, 6, *more))
    affine = np.diag([0.5, 2.0, 3.0, 1.0])
    affine[:3, 3] = 7.0, -8.0, 9.0
    image = nib.Nifti1Image(ras, affine)
    wanted = nib.orientations.axcodes2ornt(tuple(code))
    turned = image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), wanted))
    assert is_axis_aligned(turned.affine)
    for given in (turned.affine, turned.affine.astype(np.float32)):
        values, scale, translate = world_array(np.asarray(turned.dataobj), given)
        np.testing.assert_array_equal(values, ras.T)
        np.testing.assert_allclose(scale, (3, 2, 0.5))
        np.testing.assert_allclose(translate, (9, -8, 7))
        assert scale.dtype == translate.dtype == np.float64


def test_axes_pair_up_with_the_closest(oblique):
    assert sorted(nearest_voxel_axes(oblique)) == [0, 1, 2]
    assert not is_axis_aligned(oblique)
    with refused("affine", "is oblique"):
        world_array(np.zeros((2, 2, 2)), oblique)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(0, (0, 1, 2)), (44, (0, 1, 2)), (46, (0, 2, 1)), (90, (0, 2, 1)), (134, (0, 2, 1)), (136, (0, 1, 2))],
)
def test_the_nearest_axis_is_the_one_at_the_smallest_angle(degrees, expected):
    """Be the other fifteen times as long."""
    assert nearest_voxel_axes(tilted(degrees)) == expected


@pytest.mark.parametrize(("degrees", "straight"), [(1e-6, True), (1e-5, True), (1e-3, False), (1, False)])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_tilt_is_told_by_its_angle_whatever_the_size_of_the_voxels(degrees, straight, size):
    affine = tilted(degrees)
    affine[:3, :3] *= size
    assert is_axis_aligned(affine) is straight


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_small_voxels_span_space_as_large_ones_do(size, oblique):
    oblique[:3, :3] *= size
    assert sorted(nearest_voxel_axes(oblique)) == [0, 1, 2]


def test_what_does_not_span_space_is_refused(oblique):
    flat, shapeless = oblique.copy(), oblique.copy()
    flat[:3, 2] = flat[:3, 0] + flat[:3, 1]
    shapeless[0, 0] = np.nan
    for affine in (np.diag([1.0, 1.0, 0.0, 1.0]), 1e6 * flat, 1e-3 * flat, shapeless, np.zeros((4, 4))):
        with np.errstate(invalid="ignore"), refused("affine", "three dimensions"):
            nearest_voxel_axes(affine)


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 7)])
def test_the_box_holds_every_corner(oblique, shape):
    low, high = bounding_box(oblique, shape)
    corners = voxel_to_world(oblique, np.array(np.meshgrid([-0.5, 3.5], [-0.5, 4.5], [-0.5, 5.5])).reshape(3, -1).T)
    np.testing.assert_allclose(low, corners.min(axis=0))
    np.testing.assert_allclose(high, corners.max(axis=0))


@pytest.mark.parametrize(
    ("factor", "expected"), [(8, (32, 40, 48)), (0.5, (2, 2, 3)), (1.3, (5, 6, 8)), (0.01, (1, 1, 1))]
)
def test_refining_keeps_the_field_of_view(oblique, factor, expected):
    affine, shape = refined(oblique, (4, 5, 6), factor)
    assert shape == expected
    for before, after in zip(bounding_box(oblique, (4, 5, 6)), bounding_box(affine, shape), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-9)


@pytest.mark.parametrize("factor", [0, -2, float("nan")])
def test_a_factor_that_is_not_positive_is_refused(oblique, factor):
    with refused("factor", f"is {factor:g}"):
        refined(oblique, (4, 5, 6), factor)
