"""What a voxel sees of the protocol where the gradients are not uniform."""

import numpy as np
import pytest

from napari_smi_inr.acquisition import Acquisition, VoxelGradients, b_tensors, voxel_gradients
from napari_smi_inr.dataset import LARGEST_DEVIATION, DiffusionDataset
from napari_smi_inr.errors import InputError
from napari_smi_inr.simulation.protocol import paper_protocol
from scan_files import small_dataset, turned


def shapes(n=12, seed=0):
    """Every kind of b-tensor along random directions, b = 0 with and without one."""
    rng = np.random.default_rng(seed)
    b_delta = np.repeat([1.0, 0.6, 0.3, 0.0, -0.25, -0.5], n)
    u = rng.normal(size=(len(b_delta), 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    u[b_delta == 0] = 0
    b = rng.uniform(0.5, 6, len(b_delta))
    b[[0, 1]], u[0] = 0, 0
    return Acquisition(b, b_delta, u)


def matrices(n=20, size=0.1, seed=0):
    return np.eye(3) + np.random.default_rng(seed).uniform(-size, size, (n, 3, 3))


def symmetric_tensors(seen: VoxelGradients):
    """(N, V, 3, 3) what b, b_delta and direction stand for."""
    isotropic = ((1 - seen.b_delta) / 3)[..., None, None] * np.eye(3)
    axis = seen.b_delta[..., None, None] * seen.directions[..., :, None] * seen.directions[..., None, :]
    return seen.b[..., None, None] * (isotropic + axis)


def test_perfect_gradients_change_nothing():
    protocol = shapes()
    seen = voxel_gradients(protocol, np.eye(3)[None])
    np.testing.assert_allclose(seen.b[0], protocol.b, rtol=1e-14)
    np.testing.assert_allclose(seen.b_delta[0], protocol.b_delta, atol=1e-14)
    directed = protocol.b_delta != 0
    directed[0] = False
    np.testing.assert_allclose(seen.directions[0, directed], protocol.directions[directed], atol=1e-13)


def test_linear_encoding_stays_linear_and_is_exact():
    protocol, seen_by = shapes(), matrices()
    linear = protocol.select(protocol.b_delta == 1)
    seen = voxel_gradients(linear, seen_by)
    assert (seen.b_delta == 1).all()
    np.testing.assert_allclose(symmetric_tensors(seen), b_tensors(linear, seen_by), atol=1e-13)
    u = linear.directions[3]
    np.testing.assert_allclose(seen.b[5, 3], linear.b[3] * np.sum((seen_by[5] @ u) ** 2))


def test_the_exact_tensors_are_those_of_the_gradients_that_make_them_up():
    """A b-tensor is a sum of g gᵀ: turn and stretch every g, and sum again."""
    rng = np.random.default_rng(1)
    (matrix,) = matrices(1)
    planar = Acquisition([0, 2.0, 1], [1, -0.5, 1], np.array([[0, 0, 0], [0.6, 0, 0.8], [1, 0, 0]]))
    in_plane = np.linalg.svd(planar.directions[1:2])[2][1:]  # two orthogonal gradients
    waveform = rng.normal(size=(500, 2))
    waveform = np.linalg.qr(waveform)[0] @ in_plane  # as strong along each
    gradients = waveform @ matrix.T
    np.testing.assert_allclose(b_tensors(planar, matrix)[0, 1], gradients.T @ gradients, atol=1e-13)


def test_the_b_value_is_exact_for_every_shape():
    protocol, seen_by = shapes(), matrices()
    exact = np.trace(b_tensors(protocol, seen_by), axis1=2, axis2=3)
    np.testing.assert_allclose(voxel_gradients(protocol, seen_by).b, exact, atol=1e-13)


@pytest.mark.parametrize("angle", [10, 75])
def test_a_rotation_turns_the_directions_and_nothing_else(angle):
    protocol, rotation = shapes(), turned((1, -2, 0.5), angle)
    seen = voxel_gradients(protocol, rotation[None])
    np.testing.assert_allclose(seen.b[0], protocol.b, rtol=1e-13)
    np.testing.assert_allclose(seen.b_delta[0], protocol.b_delta, atol=1e-13)
    directed = (protocol.b_delta != 0) & (protocol.b > 0)
    along = np.einsum("vi,vi->v", seen.directions[0], protocol.directions @ rotation.T)
    np.testing.assert_allclose(np.abs(along[directed]), 1, atol=1e-13)


def test_a_stronger_gradient_scales_the_b_value_with_its_square():
    protocol = shapes()
    seen = voxel_gradients(protocol, 1.1 * np.eye(3)[None])
    np.testing.assert_allclose(seen.b[0], 1.21 * protocol.b, rtol=1e-13)
    np.testing.assert_allclose(seen.b_delta[0], protocol.b_delta, atol=1e-13)


def test_planar_encoding_stays_planar_about_the_normal_of_the_distorted_plane():
    protocol, seen_by = shapes(), matrices()
    planar = protocol.select(protocol.b_delta == -0.5)
    seen = voxel_gradients(planar, seen_by)
    np.testing.assert_allclose(seen.b_delta, -0.5, atol=1e-12)
    normal = np.einsum("nji,vj->nvi", np.linalg.inv(seen_by), planar.directions)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    np.testing.assert_allclose(np.einsum("nvi,nvi->nv", normal, seen.directions), 1, atol=1e-12)


def test_spherical_encoding_becomes_a_little_anisotropic():
    protocol = shapes()
    seen = voxel_gradients(protocol.select(protocol.b_delta == 0), matrices(size=0.05))
    assert 0 < np.abs(seen.b_delta).max() < 0.2
    np.testing.assert_allclose(np.linalg.norm(seen.directions, axis=2), 1)


def test_shape_agrees_with_dipy():
    btens_to_params = pytest.importorskip("dipy.core.gradients").btens_to_params
    protocol, seen_by = shapes(), matrices()
    seen = voxel_gradients(protocol, seen_by)
    weighted = protocol.b > 0
    for voxel in (0, 7):
        tensors = b_tensors(protocol.select(weighted), seen_by[voxel])[0]
        _, b_delta, _ = btens_to_params(tensors)
        np.testing.assert_allclose(seen.b_delta[voxel, weighted], b_delta, atol=1e-6)


def test_no_axially_symmetric_tensor_lies_nearer():
    protocol, seen_by = shapes(), matrices(5)
    exact, seen = b_tensors(protocol, seen_by), voxel_gradients(protocol, seen_by)
    left_out = np.linalg.norm(symmetric_tensors(seen) - exact, axis=(2, 3))
    rng = np.random.default_rng(3)
    for step in (0.01, 0.1, 1.0):
        axis = seen.directions + step * rng.normal(size=seen.directions.shape)
        axis /= np.linalg.norm(axis, axis=2, keepdims=True)
        shape = seen.b_delta + step * rng.normal(size=seen.b_delta.shape)
        other = symmetric_tensors(VoxelGradients(seen.b, shape, axis, seen.asymmetry))
        assert (np.linalg.norm(other - exact, axis=(2, 3)) >= left_out - 1e-12).all()


def test_with_the_asymmetry_the_tensors_are_complete():
    protocol, seen_by = shapes(), matrices()
    seen = voxel_gradients(protocol, seen_by)
    size = np.linalg.norm(seen.asymmetry, axis=2)
    one = seen.asymmetry / np.maximum(size, 1e-300)[..., None]
    other = np.cross(seen.directions, one)
    np.testing.assert_allclose(np.einsum("nvi,nvi->nv", one, seen.directions), 0, atol=1e-12)
    difference = one[..., :, None] * one[..., None, :] - other[..., :, None] * other[..., None, :]
    whole = symmetric_tensors(seen) + (seen.b * size)[..., None, None] * difference
    np.testing.assert_allclose(whole, b_tensors(protocol, seen_by), atol=1e-12)
    assert (size[:, protocol.b_delta == 1] == 0).all()
    assert 0 < size.max() < 0.2


def test_without_weighting_nothing_changes():
    protocol = shapes()
    seen = voxel_gradients(protocol, matrices())
    assert (seen.b[:, :2] == 0).all()
    np.testing.assert_array_equal(seen.b_delta[:, :2], 1)
    np.testing.assert_array_equal(seen.directions[:, 1], np.broadcast_to(protocol.directions[1], (20, 3)))


def test_many_voxels_are_the_same_as_one_at_a_time():
    protocol, seen_by = paper_protocol(), matrices(4100)
    together, alone = voxel_gradients(protocol, seen_by), voxel_gradients(protocol, seen_by[4099])
    for name in ("b", "b_delta", "directions", "asymmetry"):
        np.testing.assert_allclose(getattr(together, name)[4099], getattr(alone, name)[0], atol=1e-13)
    some = together.select(protocol.b > 4)
    np.testing.assert_array_equal(some.directions, together.directions[:, protocol.b > 4])


def with_deviation(change):
    data = small_dataset()
    deviation = np.broadcast_to(np.eye(3, dtype=np.float32), (*data.shape, 3, 3)).copy()
    deviation = change(deviation, tuple(np.argwhere(data.mask)[0]))
    parts = {name: getattr(data, name) for name in ("signal", "acquisition", "mask", "affine")}
    return DiffusionDataset(**parts, deviation=deviation)


def at_first(value):
    def change(deviation, first):
        deviation[first] = value
        return deviation

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda deviation, first: deviation[:-1], r"shape \(4, 6, 3, 3, 3\)"),
        (lambda deviation, first: deviation[..., 0], "shape"),
        (at_first(np.nan), "not finite in 1 of"),
        (at_first(np.diag([1.1, 1, 1 + 1.1 * LARGEST_DEVIATION])), "departs from the identity by up to 0.55"),
        (at_first(np.eye(3) - 0.5), "departs"),  # flattens space: the determinant is negative
        (at_first(np.diag([-1, 1, 1])), "departs"),
    ],
)
def test_a_deviation_no_coil_has_is_refused(change, fault):
    with pytest.raises(InputError, match=fault) as caught:
        with_deviation(change)
    assert caught.value.where == "deviation"


def test_a_dataset_gives_its_voxels_matrices_in_the_order_of_the_mask():
    data = with_deviation(at_first(1.1 * np.eye(3)))
    np.testing.assert_allclose(data.voxel_deviation[0], 1.1 * np.eye(3), rtol=1e-6)
    np.testing.assert_array_equal(data.voxel_deviation[1:], np.broadcast_to(np.eye(3), (data.n_voxels - 1, 3, 3)))
    assert small_dataset().voxel_deviation is None
