"""A mask as a region: its edge where it should be, its distances in millimetres."""

import numpy as np
import pytest

from napari_smi_inr.sampling.coordinates import voxel_to_world
from napari_smi_inr.sampling.mask import SmoothMask

AFFINE = np.array([[-2.0, 0, 0, 30], [0, 2.0, 0, -20], [0, 0, 2.0, 5], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def slab():
    """The lower half of a volume along x, voxels 0 to 4 of 10."""
    mask = np.zeros((10, 8, 8), dtype=bool)
    mask[:5] = True
    return SmoothMask(mask, AFFINE)


def along_x(*x):
    return voxel_to_world(AFFINE, np.array([[value, 4.0, 4.0] for value in x]))


def test_the_edge_lies_half_way_between_voxels_in_and_out(slab):
    assert slab(along_x(0, 4, 4.49, 4.51, 5, 9)).tolist() == [True, True, True, False, False, False]
    np.testing.assert_allclose(slab.fraction(along_x(4, 4.25, 4.5, 5)), [1, 0.75, 0.5, 0], atol=1e-6)


def test_it_reaches_the_outer_faces_of_the_volume_and_no_farther(slab):
    assert slab(along_x(-0.49, -0.51)).tolist() == [True, False]


def test_distances_are_in_millimetres_and_negative_outside(slab):
    np.testing.assert_allclose(slab.distance(along_x(3, 4, 4.5, 5, 7)), [3, 1, 0, -1, -5], atol=1e-5)


def test_distances_go_on_outside_the_volume_and_come_to_rest(slab):
    assert slab.distance(along_x(-2))[0] == pytest.approx(-3)
    far = slab.distance(along_x(-4, -6, -60))
    assert far[0] == far[1] == far[2] < -6


def test_half_is_inside(slab):
    """Within the rounding of single precision, so that lattices that meet the edge do not fray."""
    assert slab(along_x(4.5, 4.5 + 1e-6)).all()
    assert not slab(along_x(4.5 + 1e-4)).any()
