"""The basis is checked against dipy and quadrature; everything else follows from rotations."""

import numpy as np
import pytest
from dipy.reconst.shm import real_sh_tournier
from scipy.spatial.transform import Rotation

from napari_smi_inr.signal_model.spherical_harmonics import (
    P00,
    P2_SCALE,
    degrees,
    half_sphere,
    lmax_of,
    n_coefficients,
    real_sh,
    rotational_invariants,
    second_moments,
)

LMAX = 8


@pytest.fixture
def directions():
    points = np.random.default_rng(0).normal(size=(50, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def sphere_rule(n=24):
    """(2n², 3) points and weights, exact for polynomials up to degree 2n - 1."""
    z, w = np.polynomial.legendre.leggauss(n)
    azimuth = np.arange(2 * n) * np.pi / n
    z, azimuth = np.meshgrid(z, azimuth, indexing="ij")
    radius = np.sqrt(1 - z**2)
    points = np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=-1).reshape(-1, 3)
    return points, np.repeat(w, 2 * n) * np.pi / n


def rotate(fod, rotation, lmax):
    """Coefficients of P(R⁻¹ n), by quadrature."""
    points, weights = sphere_rule(12)
    values = real_sh(rotation.inv().apply(points), lmax) @ fod
    return real_sh(points, lmax).T @ (weights * values)


@pytest.mark.parametrize("lmax", [0, 2, 4, 6, 8])
def test_basis_is_that_of_mrtrix(directions, lmax):
    x, y, z = directions.T
    theirs, m, l = real_sh_tournier(lmax, np.arccos(z), np.arctan2(y, x), legacy=False)
    ours = real_sh(directions, lmax)
    np.testing.assert_allclose(ours, theirs, atol=1e-13)
    np.testing.assert_array_equal(degrees(lmax), l)
    np.testing.assert_array_equal(l * (l + 1) // 2 + m, np.arange(n_coefficients(lmax)))


def test_second_order_in_cartesian_form(directions):
    x, y, z = directions.T
    c = np.sqrt(15 / (4 * np.pi))
    expected = [c * x * y, -c * y * z, np.sqrt(5 / (16 * np.pi)) * (3 * z**2 - 1), -c * x * z, c / 2 * (x**2 - y**2)]
    np.testing.assert_allclose(real_sh(directions, 2)[:, 1:], np.stack(expected, axis=1), atol=1e-14)


def test_basis_is_orthonormal():
    points, weights = sphere_rule()
    basis = real_sh(points, LMAX)
    np.testing.assert_allclose(basis.T @ (weights[:, None] * basis), np.eye(45), atol=1e-13)


def test_basis_is_even(directions):
    np.testing.assert_allclose(real_sh(-directions, LMAX), real_sh(directions, LMAX), atol=1e-13)


def test_length_of_a_direction_is_ignored(directions):
    lengths = np.geomspace(1e-200, 1e200, len(directions))[:, None]
    np.testing.assert_allclose(real_sh(directions * lengths, LMAX), real_sh(directions, LMAX), atol=1e-12)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zero_vector_counts_as_the_pole(zero):
    np.testing.assert_array_equal(real_sh([[zero, zero, zero]], LMAX), real_sh([[0, 0, 1]], LMAX))


@pytest.mark.parametrize("axis", np.concatenate([np.eye(3), -np.eye(3)]))
def test_axes_themselves_are_no_special_case(axis):
    beside = axis + 1e-9 * np.array([0.3, -0.5, 0.7])
    np.testing.assert_allclose(real_sh([axis], LMAX), real_sh([beside], LMAX), atol=1e-6)


def test_no_directions_give_no_rows():
    assert real_sh(np.empty((0, 3)), 4).shape == (0, 15)


@pytest.mark.parametrize(("lmax", "n"), [(0, 1), (2, 6), (4, 15), (6, 28), (8, 45), (10, 66)])
def test_counts_of_coefficients(lmax, n):
    assert n_coefficients(lmax) == n == len(degrees(lmax))
    assert lmax_of(n) == lmax


@pytest.mark.parametrize("n", [0, 2, 3, 5, 7, 10, 21, 44])
def test_other_counts_belong_to_no_order(n):
    with pytest.raises(ValueError, match="even SH coefficients"):
        lmax_of(n)


@pytest.mark.parametrize("lmax", [2, 4, 8])
def test_invariants_do_not_change_with_orientation(lmax):
    rng = np.random.default_rng(1)
    fod = rng.normal(size=n_coefficients(lmax))
    for rotation in Rotation.random(5, rng=rng):
        turned = rotate(fod, rotation, lmax)
        assert not np.allclose(turned, fod, atol=0.1)
        np.testing.assert_allclose(rotational_invariants(turned), rotational_invariants(fod), rtol=1e-11)


def test_single_fibre_has_every_invariant_one(directions):
    np.testing.assert_allclose(rotational_invariants(real_sh(directions, LMAX)), 1.0, atol=1e-12)


def test_isotropic_fod_has_no_invariant_but_the_first():
    fod = np.zeros((2, 3, 15))
    fod[..., 0] = P00
    invariants = rotational_invariants(fod)
    assert invariants.shape == (2, 3, 3)
    np.testing.assert_allclose(invariants, np.broadcast_to([1, 0, 0], (2, 3, 3)), atol=1e-15)


def test_p2_of_a_watson_like_lobe_is_the_mean_of_its_legendre_polynomial():
    points, weights = sphere_rule(40)
    x = points @ np.array([2, -1, 2]) / 3
    density = np.exp(5 * x**2)
    density /= weights @ density
    fod = real_sh(points, 4).T @ (weights * density)
    assert fod[0] == pytest.approx(P00)
    p2, p4 = rotational_invariants(fod)[1:]
    assert p2 == pytest.approx(weights @ (density * (1.5 * x**2 - 0.5)))
    assert p4 == pytest.approx(weights @ (density * (35 * x**4 - 30 * x**2 + 3) / 8))
    assert p2 == pytest.approx(P2_SCALE * np.linalg.norm(fod[1:6]))


@pytest.mark.parametrize("n", [1, 2, 30, 100, 1000])
def test_half_sphere_points_are_unit_vectors_above_the_equator(n):
    points = half_sphere(n)
    assert points.shape == (n, 3)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
    assert (points[:, 2] > 0).all()


def test_half_sphere_is_even_enough_to_integrate_with():
    points = half_sphere(1000)
    means = real_sh(points, LMAX).mean(axis=0)
    np.testing.assert_allclose(means[0], P00)
    np.testing.assert_allclose(means[1:], 0, atol=0.01)


def test_half_sphere_points_keep_their_distance():
    points = half_sphere(100)
    cosine = np.abs(points @ points.T) - 2 * np.eye(100)
    nearest = np.degrees(np.arccos(cosine.max(axis=1)))  # the antipode of a neighbour is a neighbour
    covered = np.degrees(np.sqrt(2 * np.pi / 100))  # edge of the patch each point stands for
    assert nearest.min() > 0.45 * covered
    assert nearest.max() < 1.2 * covered


def test_second_moments_of_single_fibres_are_the_squares_of_their_components(directions):
    coefficients = real_sh(directions, 2)[:, 1:].T
    np.testing.assert_allclose(second_moments(coefficients), (directions**2 - 1 / 3).T, atol=1e-12)


def test_second_moments_add_up_to_nothing_and_keep_shape_and_precision(directions):
    weights = np.random.default_rng(0).uniform(size=len(directions))
    mixed = (weights / weights.sum()) @ real_sh(directions, 2)[:, 1:]
    image = np.broadcast_to(mixed.astype(np.float32)[:, None, None], (5, 2, 3))
    moments = second_moments(image)
    assert moments.shape == (3, 2, 3)
    assert moments.dtype == np.float32
    np.testing.assert_allclose(moments.sum(axis=0), 0, atol=1e-6)
    expected = (weights / weights.sum()) @ directions**2 - 1 / 3
    np.testing.assert_allclose(moments, np.broadcast_to(expected[:, None, None], (3, 2, 3)), atol=1e-6)


def test_directions_of_single_precision_are_taken_as_they_are(directions):
    single = directions.astype(np.float32)
    np.testing.assert_array_equal(real_sh(single, LMAX), real_sh(single.astype(np.float64), LMAX))


def test_invariants_of_single_precision_are_computed_in_double(directions):
    fods = real_sh(directions, 8).astype(np.float32)
    np.testing.assert_array_equal(rotational_invariants(fods), rotational_invariants(fods.astype(np.float64)))
