"""The forward model against brute force: b-tensors, diffusion tensors and a sum over the sphere."""

import numpy as np
import pytest
from dipy.core.gradients import gradient_table
from dipy.sims.voxel import multi_tensor
from scipy.spatial.transform import Rotation

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.signal_model import standard_model
from napari_smi_inr.signal_model.spherical_harmonics import P00, half_sphere, n_coefficients, real_sh
from napari_smi_inr.signal_model.standard_model import predict_signal

SHAPES = (1.0, 0.6, 0.0, -0.3, -0.5)


def sphere_rule(n=40):
    """(2n², 3) points and weights on the sphere, Gauss-Legendre in z and even in azimuth."""
    z, w = np.polynomial.legendre.leggauss(n)
    z, azimuth = np.meshgrid(z, np.arange(2 * n) * np.pi / n, indexing="ij")
    radius = np.sqrt(1 - z**2)
    points = np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=-1).reshape(-1, 3)
    return points, np.repeat(w, 2 * n) * np.pi / n


def project(values, points, weights, lmax):
    """SH coefficients (N, C) of functions (N, P) known at the points of a sphere rule."""
    return (values * weights) @ real_sh(points, lmax)


def tissue(n, seed=0, **fixed):
    rng = np.random.default_rng(seed)
    ranges = {"Di": (0.5, 4), "De": (0.5, 4), "Dp": (0.1, 1.5), "f": (0, 1), "S0": (1, 900)}
    return {key: np.full(n, fixed[key]) if key in fixed else rng.uniform(*ranges[key], n) for key in ranges}


def random_fod(n, lmax, seed=1):
    fod = np.random.default_rng(seed).normal(0, 0.1, (n, n_coefficients(lmax)))
    fod[:, 0] = P00
    return fod


def protocol(shapes=SHAPES, b_values=(0.0, 0.4, 2.0, 8.0), n=6):
    b, b_delta = (grid.ravel().repeat(n) for grid in np.meshgrid(b_values, shapes, indexing="ij"))
    directions = Rotation.random(len(b), rng=3).apply([0, 0, 1])
    return Acquisition(b, b_delta, directions)


def brute_force(values, fod, acquisition, n=40):
    """S0 ∫ P(n) [f exp(-B:D_i(n)) + (1 - f) exp(-B:D_e(n))] dn with 3 x 3 tensors throughout."""
    points, weights = sphere_rule(n)
    fibres = points[:, :, None] * points[:, None, :]
    axes = acquisition.directions[:, :, None] * acquisition.directions[:, None, :]
    b, b_delta = acquisition.b[:, None, None], acquisition.b_delta[:, None, None]
    B = b * ((1 - b_delta) / 3 * np.eye(3) + b_delta * axes)
    lmax = round((np.sqrt(8 * fod.shape[1] + 1) - 3) / 2)
    density = weights * (fod @ real_sh(points, lmax).T)
    rows = []
    for i, P in enumerate(density):
        Di, De, Dp, f, S0 = (values[key][i] for key in ("Di", "De", "Dp", "f", "S0"))
        stick, zeppelin = Di * fibres, Dp * np.eye(3) + (De - Dp) * fibres
        inside, outside = (np.exp(-np.einsum("vij,nij->vn", B, D)) for D in (stick, zeppelin))
        rows.append(S0 * (f * inside + (1 - f) * outside) @ P)
    return np.array(rows)


@pytest.mark.parametrize("lmax", [0, 2, 4, 6, 8])
def test_signal_is_the_sum_over_all_fibres(lmax):
    values, fod, acquisition = tissue(6), random_fod(6, lmax), protocol(n=2)
    values["De"][:2] = values["Dp"][:2] * [0.3, 1.0]  # oblate and isotropic extra-axonal space
    expected = brute_force(values, fod, acquisition)
    assert np.abs(predict_signal(values, fod, acquisition) - expected).max() < 1e-10 * values["S0"].max()


def test_signal_of_a_smooth_fod_beyond_any_lmax():
    # A Watson-like FOD has all orders; lmax 8 holds enough of it for the signal to be right.
    points, weights = sphere_rule()
    density = np.exp(4 * (points @ [0.6, 0.0, 0.8]) ** 2)
    density /= weights @ density
    values, acquisition = tissue(1, S0=1.0), protocol()
    fod = project(density[None], points, weights, 8)
    full = brute_force(values, project(density[None], points, weights, 16), acquisition)
    np.testing.assert_allclose(predict_signal(values, fod, acquisition), full, atol=2e-4)


@pytest.mark.parametrize("encoding", ["LTE", "PTE", "STE"])
def test_crossing_fibres_are_those_of_dipy(encoding):
    b = np.repeat([0.0, 0.5, 1.0], 12)
    bvecs = np.concatenate([half_sphere(12)] * 3)
    table = gradient_table(1000 * b, bvecs=bvecs, btens=encoding, b0_threshold=0)
    stick, zeppelin = np.array([2.0e-3, 0, 0]), np.array([1.6e-3, 0.5e-3, 0.5e-3])
    angles, shares = [(30, 10), (110, 80)], np.array([0.7, 0.3])
    each = [
        multi_tensor(table, np.array([d, d]), S0=100, angles=angles, fractions=100 * shares, snr=None)[0]
        for d in (stick, zeppelin)
    ]
    expected = 0.6 * each[0] + 0.4 * each[1]
    polar, azimuth = np.radians(angles).T
    axes = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=1)
    acquisition = Acquisition(b, np.full(36, {"LTE": 1.0, "PTE": -0.5, "STE": 0.0}[encoding]), bvecs)
    values = {"Di": [2.0], "De": [1.6], "Dp": [0.5], "f": [0.6], "S0": [100.0]}
    errors = [
        np.abs(predict_signal(values, shares @ real_sh(axes, lmax), acquisition) - expected).max() for lmax in (4, 6, 8)
    ]
    assert errors[-1] < 0.1  # of 100: what l = 10 and above would add at b = 1 ms/µm²
    assert errors[0] + 1e-9 > errors[1] > errors[2] - 1e-9


@pytest.mark.parametrize("b_delta", SHAPES)
def test_unweighted_signal_is_s0(b_delta):
    values, fod = tissue(5), random_fod(5, 8)
    acquisition = Acquisition([0.0, 0.0], [b_delta] * 2, [[0, 0, 0], [1, 0, 0]])
    np.testing.assert_allclose(predict_signal(values, fod, acquisition), values["S0"][:, None] * [1, 1], rtol=1e-13)


def test_spherical_encoding_sees_no_direction():
    values, fod = tissue(5), random_fod(5, 8)
    directions = np.concatenate([np.zeros((1, 3)), half_sphere(7)])
    signal = predict_signal(values, fod, Acquisition(np.full(8, 2.0), np.zeros(8), directions))
    inside = np.exp(-2 * values["Di"] / 3)
    outside = np.exp(-2 * (values["De"] + 2 * values["Dp"]) / 3)
    expected = values["S0"] * (values["f"] * inside + (1 - values["f"]) * outside)
    np.testing.assert_allclose(signal, np.broadcast_to(expected[:, None], (5, 8)), rtol=1e-12)


def test_isotropic_fod_sees_no_direction():
    fod = np.zeros((5, 15))
    fod[:, 0] = P00
    signal = predict_signal(tissue(5), fod, protocol(n=7)).reshape(5, -1, 7)
    np.testing.assert_allclose(signal, np.broadcast_to(signal[..., :1], signal.shape), rtol=1e-12)


@pytest.mark.parametrize("b_delta", SHAPES)
def test_powder_average_does_not_depend_on_the_fod(b_delta):
    points, weights = sphere_rule(12)
    acquisition = Acquisition(np.full(len(points), 3.0), np.full(len(points), b_delta), points)
    values = tissue(4)
    mean = predict_signal(values, random_fod(4, 8), acquisition) @ weights / (4 * np.pi)
    isotropic = predict_signal(values, np.full((4, 1), P00), acquisition.select([0]))[:, 0]
    np.testing.assert_allclose(mean, isotropic, rtol=1e-11)


def test_scanner_and_head_turned_together_give_the_same_signal():
    values, fod, acquisition = tissue(4), random_fod(4, 8), protocol()
    points, weights = sphere_rule(12)
    for rotation in Rotation.random(3, rng=5):
        turned = project(fod @ real_sh(rotation.inv().apply(points), 8).T, points, weights, 8)
        together = Acquisition(acquisition.b, acquisition.b_delta, rotation.apply(acquisition.directions))
        np.testing.assert_allclose(
            predict_signal(values, turned, together), predict_signal(values, fod, acquisition), rtol=1e-10, atol=1e-9
        )
        alone = predict_signal(values, turned, acquisition)
        assert np.abs(alone / predict_signal(values, fod, acquisition) - 1).max() > 0.05


def test_opposite_directions_measure_the_same():
    values, fod, acquisition = tissue(4), random_fod(4, 8), protocol()
    opposite = Acquisition(acquisition.b, acquisition.b_delta, -acquisition.directions)
    np.testing.assert_allclose(
        predict_signal(values, fod, opposite), predict_signal(values, fod, acquisition), rtol=1e-11, atol=1e-10
    )


def test_signal_is_proportional_to_s0_and_affine_in_the_fod():
    values, acquisition = tissue(4), protocol()
    one, other = random_fod(4, 6, seed=1), random_fod(4, 6, seed=2)
    a, b = (predict_signal(values, fod, acquisition) for fod in (one, other))
    np.testing.assert_allclose(predict_signal(values, 0.3 * one + 0.7 * other, acquisition), 0.3 * a + 0.7 * b)
    np.testing.assert_allclose(predict_signal(values | {"S0": 1e4 * values["S0"]}, one, acquisition), 1e4 * a)


def test_padding_the_fod_with_zeros_changes_nothing():
    values, fod, acquisition = tissue(4), random_fod(4, 4), protocol()
    padded = np.pad(fod, ((0, 0), (0, 30)))
    np.testing.assert_allclose(
        predict_signal(values, padded, acquisition), predict_signal(values, fod, acquisition), rtol=1e-10, atol=1e-9
    )


def test_order_of_volumes_and_small_differences_of_b_are_respected():
    rng = np.random.default_rng(6)
    values, fod = tissue(3), random_fod(3, 4)
    exact = protocol(b_values=(1.0, 2.0))
    jittered = Acquisition(exact.b * rng.uniform(0.97, 1.03, exact.n_volumes), exact.b_delta, exact.directions)
    expected = brute_force(values, fod, jittered)
    np.testing.assert_allclose(predict_signal(values, fod, jittered), expected, rtol=1e-10)
    shuffle = rng.permutation(exact.n_volumes)
    np.testing.assert_allclose(predict_signal(values, fod, jittered.select(shuffle)), expected[:, shuffle], rtol=1e-10)


def test_many_voxels_are_predicted_like_few():
    n = standard_model._CHUNK + 3
    values, fod, acquisition = tissue(n), random_fod(n, 2), protocol(n=1)
    signal = predict_signal(values, fod, acquisition)
    assert signal.shape == (n, acquisition.n_volumes)
    for i in (0, n - 4, n - 3, n - 1):
        alone = predict_signal({key: column[[i]] for key, column in values.items()}, fod[[i]], acquisition)
        np.testing.assert_allclose(signal[[i]], alone, rtol=1e-12)


def test_no_voxels_give_no_rows():
    acquisition = protocol()
    assert predict_signal(tissue(0), np.empty((0, 15)), acquisition).shape == (0, acquisition.n_volumes)
