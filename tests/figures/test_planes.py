"""Planes: upright whatever the grid, with the right letters, and sampled where they are shown."""

import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.figures.planes import View
from napari_smi_inr.sampling.coordinates import voxel_to_world

SHAPE = (5, 6, 7)
WORLD = {"sagittal": (0, 1, 2), "coronal": (1, 0, 2), "axial": (2, 0, 1)}
LETTERS = {"sagittal": ("P", "A", "I", "S"), "coronal": ("L", "R", "I", "S"), "axial": ("L", "R", "P", "A")}


def places(affine):
    """(X, Y, Z, 3) RAS positions of the voxels."""
    return voxel_to_world(affine, np.moveaxis(np.indices(SHAPE), 0, -1))


@pytest.mark.parametrize("name", WORLD)
def test_positions_rise_to_the_right_and_upwards(affine, name):
    view = View.of(name, affine, SHAPE)
    shown = view.picture(places(affine), 1)
    _, right, up = WORLD[name]
    assert (np.diff(shown[..., right], axis=0) > 0).all()
    assert (np.diff(shown[..., up], axis=1) > 0).all()
    assert view.letters == LETTERS[name]
    across = (shown[1, 0] - shown[0, 0]) / view.size[0]
    upwards = (shown[0, 1] - shown[0, 0]) / view.size[1]
    assert np.allclose(view.frame, [across, upwards, np.cross(across, upwards)])


@pytest.mark.parametrize(("name", "letters"), [("axial", ("R", "L", "P", "A")), ("sagittal", ("P", "A", "I", "S"))])
def test_radiological_planes_have_the_right_on_the_left(affine, name, letters):
    view = View.of(name, affine, SHAPE, radiological=True)
    usual = View.of(name, affine, SHAPE).picture(places(affine), 1)
    assert view.letters == letters
    assert np.array_equal(view.picture(places(affine), 1), usual[::-1] if name == "axial" else usual)
    assert np.linalg.det(view.frame) == pytest.approx(1)  # what is on the right hand stays there


@pytest.mark.parametrize("name", WORLD)
def test_points_are_sampled_where_the_voxels_are_shown(affine, name):
    view, box = View.of(name, affine, SHAPE), ((1, 4), (0, 5), (2, 6))
    (left, right), (low, high) = view.ranges(box)
    request = view.request(2, box, factor=1)
    points = request.points().reshape(*request.shape, 3)[:, :, 0]
    assert np.allclose(points, view.picture(places(affine), 2)[left:right, low:high])
    fine = view.request(2, box, factor=3)
    finer = fine.points().reshape(right - left, 3, high - low, 3, 3)
    assert np.allclose(finer.mean(axis=(1, 3)), points)  # nine of them spread around each voxel's centre
    first = view.position(finer[0, 0, 0, 0])
    assert first == pytest.approx(((left + 1 / 6) * view.size[0], (low + 1 / 6) * view.size[1]))


@pytest.mark.parametrize("radiological", [False, True])
def test_corners_of_voxels_lie_at_their_place_in_the_plane(affine, radiological):
    view = View.of("coronal", affine, SHAPE, radiological)
    assert view.position(view.corner(3, 2, 1)) == pytest.approx((2 * view.size[0], view.size[1]))
    ends = [view.position(corner) for corner in view.corners(0, view.whole())]
    assert np.allclose(np.sort(ends, axis=0), [[0, 0], view.extent()[1::2]])


def test_the_region_of_a_mask_holds_it_and_no_more(affine):
    mask = np.zeros(SHAPE, bool)
    mask[1:4, 2:4, 3:6] = True
    for name in WORLD:
        view = View.of(name, affine, SHAPE)
        index = view.fullest(mask)
        assert mask.any(axis=tuple({0, 1, 2} - {view.axes[0]}))[index]
        box = view.box_around(mask, index)
        (left, right), (low, high) = view.ranges(box)
        shown = view.picture(mask, index)
        assert shown[left:right, low:high].all()
        assert shown.sum() == (right - left) * (high - low)
        assert view.around(mask, index, margin=0) == pytest.approx(view.extent(box))


def test_what_is_no_plane_or_region_is_refused():
    with pytest.raises(InputError, match="transverse"):
        View.of("transverse", np.eye(4), SHAPE)
    with pytest.raises(InputError, match="affine"):
        View.of("axial", np.zeros((4, 4)), SHAPE)
    view = View.of("axial", np.eye(4), SHAPE)
    with pytest.raises(InputError, match="7 is not one of the 7 axial"):
        view.check(7)
    with pytest.raises(InputError, match="3 to 3"):
        view.ranges(((3, 3), (0, 6), (0, 7)))
    with pytest.raises(InputError, match="0 to 9"):
        view.extent(((0, 5), (0, 9), (0, 7)))
    with pytest.raises(InputError, match="factor"):
        view.request(0, None, 0)
