"""Voxels, scanner millimetres and napari's axes."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.errors import InputError
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


@pytest.fixture
def oblique():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = q * (1.7, 1.7, 3.0)
    affine[:3, 3] = (10, -20, 30)
    return affine


def test_round_trips(oblique):
    voxels = np.random.default_rng(1).uniform(0, 50, (40, 3))
    world = voxel_to_world(oblique, voxels)
    np.testing.assert_allclose(world, nib.affines.apply_affine(oblique, voxels))
    np.testing.assert_allclose(world_to_voxel(oblique, world), voxels, atol=1e-10)
    np.testing.assert_array_equal(napari_to_world(world_to_napari(world)), world)
    np.testing.assert_allclose(voxel_sizes(oblique), (1.7, 1.7, 3.0))


@pytest.mark.parametrize("code", ["RAS", "LPS", "LAS", "ASR", "SPL", "IRP"])
def test_straight_volumes_become_arrays_in_place_for_every_orientation(code):
    ras = np.random.default_rng(2).random((4, 5, 6))
    image = nib.Nifti1Image(ras, np.diag([1.0, 2.0, 3.0, 1.0]) + np.outer([1, 1, 1, 0], [0, 0, 0, 7.0]))
    wanted = nib.orientations.axcodes2ornt(tuple(code))
    turned = image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), wanted))
    assert is_axis_aligned(turned.affine)
    values, scale, translate = world_array(np.asarray(turned.dataobj), turned.affine)
    np.testing.assert_array_equal(values, ras.transpose(2, 1, 0))
    np.testing.assert_allclose(scale, (3, 2, 1))
    np.testing.assert_allclose(translate, (7, 7, 7))


def test_axes_pair_up_with_the_closest(oblique):
    axes = nearest_voxel_axes(oblique)
    assert sorted(axes) == [0, 1, 2]
    assert not is_axis_aligned(oblique)
    with pytest.raises(InputError, match="oblique"):
        world_array(np.zeros((2, 2, 2)), oblique)
    with pytest.raises(InputError, match="three dimensions"):
        nearest_voxel_axes(np.diag([1.0, 1.0, 0.0, 1.0]))


def test_the_box_holds_every_corner(oblique):
    low, high = bounding_box(oblique, (4, 5, 6))
    corners = voxel_to_world(oblique, np.array(np.meshgrid([-0.5, 3.5], [-0.5, 4.5], [-0.5, 5.5])).reshape(3, -1).T)
    np.testing.assert_allclose(low, corners.min(axis=0))
    np.testing.assert_allclose(high, corners.max(axis=0))


def test_refining_keeps_the_field_of_view(oblique):
    affine, shape = refined(oblique, (4, 5, 6), 8)
    assert shape == (32, 40, 48)
    for before, after in zip(bounding_box(oblique, (4, 5, 6)), bounding_box(affine, shape), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-9)
    with pytest.raises(InputError, match="factor"):
        refined(oblique, (4, 5, 6), 0)
