"""b-tensors of any kind: the sphere's sum against spherical harmonics and against dipy."""

import numpy as np
import pytest

from napari_smi_inr.acquisition import Acquisition, b_tensors, voxel_gradients
from napari_smi_inr.signal_model import tensor_signal
from napari_smi_inr.signal_model.kernel import legendre_projections
from napari_smi_inr.signal_model.spherical_harmonics import P00, degrees, n_coefficients, real_sh
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.signal_model.tensor_signal import half_sphere_rule, largest_alpha, predict_tensor_signal
from napari_smi_inr.simulation.protocol import paper_protocol
from scan_files import turned


def tissue(n, lmax, seed=0):
    """Values by symbol, some with De < Dp, and FODs of one smoothed peak in any direction."""
    rng = np.random.default_rng(seed)
    low, high = np.array([[1, 0.5, 0.2, 0.1, 80], [3, 3, 1.2, 0.9, 120]])
    values = dict(zip(("Di", "De", "Dp", "f", "S0"), rng.uniform(low, high, (n, 5)).T, strict=True))
    l = degrees(lmax)
    peaks = real_sh(rng.normal(size=(n, 3)), lmax) * np.exp(-0.03 * l * (l + 1))
    return values, peaks / (peaks[:, :1] / P00)


def matrices(n, size=0.1, seed=1):
    return np.eye(3) + np.random.default_rng(seed).uniform(-size, size, (n, 3, 3))


def test_the_rule_integrates_what_it_should():
    points, weights = half_sphere_rule(12.0)
    assert weights.sum() == pytest.approx(4 * np.pi, rel=1e-12)
    basis = real_sh(points, 8)
    np.testing.assert_allclose((weights * basis.T) @ basis, np.eye(n_coefficients(8)), atol=1e-12)
    assert np.linalg.norm(points, axis=1) == pytest.approx(1)
    assert (np.abs(points @ points.T) > 1 - 1e-9).sum() == len(points)  # no two on one axis


@pytest.mark.parametrize("lmax", [2, 8])
def test_with_perfect_gradients_it_is_the_spherical_harmonics_signal(lmax):
    protocol = paper_protocol()  # b up to 8 ms/µm², of every kind
    values, fod = tissue(6, lmax)
    tensors = b_tensors(protocol, np.broadcast_to(np.eye(3), (6, 3, 3)))
    exact = predict_signal(values, fod, protocol)
    np.testing.assert_allclose(predict_tensor_signal(values, fod, tensors) / 100, exact / 100, atol=2e-7)


def test_linear_encoding_of_a_voxel_is_that_of_its_own_b_values_and_directions():
    linear = paper_protocol()
    linear = linear.select(linear.b_delta == 1)
    values, fod = tissue(5, 6)
    seen_by = matrices(5)
    seen = voxel_gradients(linear, seen_by)
    bent = predict_signal(values, fod, linear, seen_by)
    for voxel in range(5):
        own = Acquisition(seen.b[voxel], seen.b_delta[voxel], seen.directions[voxel])
        some = {key: column[voxel : voxel + 1] for key, column in values.items()}
        alone = predict_signal(some, fod[voxel : voxel + 1], own)[0]
        np.testing.assert_allclose(bent[voxel] / 100, alone / 100, atol=2e-7)


def test_a_turned_scanner_sees_a_turned_tissue():
    protocol, rotation = paper_protocol().select(np.arange(100, 154)), turned((1, 0.4, -2), 40)
    values, fod = tissue(3, 4)
    turned_protocol = Acquisition(protocol.b, protocol.b_delta, protocol.directions @ rotation.T)
    bent = predict_signal(values, fod, protocol, np.broadcast_to(rotation, (3, 3, 3)))
    np.testing.assert_allclose(bent, predict_signal(values, fod, turned_protocol), atol=1e-5)


def test_isotropic_tissue_feels_the_b_value_alone():
    """An FOD without direction still answers to the shape, but De = Dp and f = 0 answer to the trace only."""
    protocol = paper_protocol()
    seen_by = matrices(2)
    values = {"Di": [1.0, 2], "De": [0.9, 1.1], "Dp": [0.9, 1.1], "f": [0.0, 0], "S0": [1.0, 1]}
    fod = np.array([[P00, 0.2, 0, 0, 0.1, 0]] * 2)
    b = voxel_gradients(protocol, seen_by).b
    np.testing.assert_allclose(predict_signal(values, fod, protocol, seen_by), np.exp(-b * [[0.9], [1.1]]), atol=1e-12)


def test_no_voxels_have_no_signal():
    assert predict_tensor_signal(tissue(0, 2)[0], np.empty((0, 6)), np.empty((0, 4, 3, 3))).shape == (0, 4)


def test_it_is_the_sum_of_dipys_signals_of_single_fibres():
    """dipy gives exp(-B:D) of each fibre for b-tensors without symmetry; the FOD says how many there are of each."""
    gradients, voxel = pytest.importorskip("dipy.core.gradients"), pytest.importorskip("dipy.sims.voxel")
    protocol = paper_protocol().select(np.array([0, 30, 80, 110, 130, 150]))
    (matrix,) = matrices(1, 0.15)
    tensors = b_tensors(protocol, matrix)[0]
    values, fod = tissue(1, 4)
    Di, De, Dp, f, S0 = (float(values[key][0]) for key in ("Di", "De", "Dp", "f", "S0"))
    b = np.trace(tensors, axis1=1, axis2=2)
    table = gradients.gradient_table(1000 * b, bvecs=np.tile([0.0, 0, 1], (6, 1)), btens=1000 * tensors, b0_threshold=1)
    points, weights = half_sphere_rule(60.0)  # finer than the signal's own
    points = points @ turned((1, 1, 0), 20).T
    signal = 0
    for n, weight in zip(points, weights * (real_sh(points, 4) @ fod[0]), strict=True):
        evecs = np.linalg.qr(np.column_stack([n, np.eye(3)[:, np.argsort(np.abs(n))[:2]]]))[0]
        stick = voxel.single_tensor(table, S0, evals=np.array([Di, 0, 0]) / 1000, evecs=evecs)
        zeppelin = voxel.single_tensor(table, S0, evals=np.array([De, Dp, Dp]) / 1000, evecs=evecs)
        signal = signal + weight * (f * stick + (1 - f) * zeppelin)
    np.testing.assert_allclose(predict_signal(values, fod, protocol, matrix[None])[0], signal, atol=1e-5)


def spread_of(tensors):
    values = np.linalg.eigvalsh(tensors)
    return (values[..., -1] - values[..., 0]).max()


def test_the_anisotropy_is_bounded_closely_whatever_the_orientation():
    """From above, as the sum over the sphere must not be too coarse; by a sixth at most, as it need not be too fine."""
    rng = np.random.default_rng(3)
    tensors = rng.normal(size=(50, 4, 3, 3))
    tensors = tensors + tensors.swapaxes(-1, -2)
    for some in (tensors, *tensors[:, :1], *tensors[:, 1:3]):
        assert spread_of(some) <= largest_alpha(some) <= 1.1548 * spread_of(some)
    even = turned((1, 2, 3), 40) @ np.diag([3.0, 1.0, -1.0]) @ turned((1, 2, 3), 40).T
    assert largest_alpha(np.stack([even, 0.1 * even])) == pytest.approx(4.0)
    assert largest_alpha(0.01 * even) == pytest.approx(0.04)


@pytest.mark.parametrize("size", [0.0, 2.0, 400.0])
def test_isotropic_tensors_have_no_anisotropy(size):
    assert largest_alpha(np.broadcast_to(size * np.eye(3), (2, 5, 3, 3))) == pytest.approx(0, abs=1e-10)
    assert largest_alpha(np.empty((0, 5, 3, 3))) == 0


@pytest.mark.parametrize("alpha", [0.0, 2.0, 10.0, 24.0, 48.0])
def test_the_rule_grows_with_the_sharpness_of_the_response_and_suffices(alpha):
    points, weights = half_sphere_rule(alpha)
    lowest = real_sh(points, 8)[:, [0, 3, 10, 21, 36]]  # m = 0, around z
    found = (weights * np.exp(-alpha * points[:, 2] ** 2)) @ lowest
    orders = np.arange(0, 9, 2)
    exact = 4 * np.pi * legendre_projections(alpha, 8).numpy() * np.sqrt((2 * orders + 1) / (4 * np.pi))
    np.testing.assert_allclose(found, exact, atol=3e-6)


def test_the_rule_is_no_larger_than_it_has_to_be():
    sizes = [len(half_sphere_rule(alpha)[0]) for alpha in (0.0, 2.0, 8.0, 24.0, 48.0, 1e3, 1e6)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 97  # degree 23, one of each pair
    assert sizes[-2] == sizes[-1] == 2905  # degree 131, the largest there is
    assert len(set(sizes)) == 5  # a degree is good for a stretch of six


def test_single_precision_counts_as_double():
    protocol = paper_protocol()
    values, fod = tissue(3, 4)
    single = {key: column.astype(np.float32) for key, column in values.items()}
    tensors = b_tensors(protocol, matrices(3)).astype(np.float32)
    exact = {key: column.astype(np.float64) for key, column in single.items()}
    found = predict_tensor_signal(single, fod.astype(np.float32), tensors)
    np.testing.assert_array_equal(
        found, predict_tensor_signal(exact, fod.astype(np.float32).astype(np.float64), tensors.astype(np.float64))
    )
    assert found.dtype == np.float64


def test_voxels_are_predicted_alike_however_many_are_taken_at_a_time(monkeypatch):
    protocol = paper_protocol()
    values, fod = tissue(7, 4)
    tensors = b_tensors(protocol, matrices(7))
    together = predict_tensor_signal(values, fod, tensors)
    for size in (1, 3 * protocol.n_volumes * 2000):
        monkeypatch.setattr(tensor_signal, "_AT_ONCE", size)
        np.testing.assert_allclose(predict_tensor_signal(values, fod, tensors), together, rtol=1e-12)
