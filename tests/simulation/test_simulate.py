from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from napari_smi_inr.acquisition import Acquisition, voxel_gradients
from napari_smi_inr.errors import InputError
from napari_smi_inr.parameters import SCALARS
from napari_smi_inr.signal_model.noise import rician_mean
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.gradient_field import coil_deviation
from napari_smi_inr.simulation.phantom import Phantom
from napari_smi_inr.simulation.simulate import FLUID_S0, SimulatedDataset, simulate
from napari_smi_inr.simulation.truth import PhantomField

SMALL = (14, 14, 4)
OBLIQUE = np.array([[5.8, -0.9, 0.6, -30], [0.9, 5.9, 0.3, -45], [-0.6, -0.3, 5.9, 12], [0, 0, 0, 1.0]])


def small(**arguments: object) -> SimulatedDataset:
    return simulate(**{"shape": SMALL, "voxel_size": 6.0, **arguments})  # type: ignore[arg-type]


@cache
def clean() -> SimulatedDataset:
    return small(snr=np.inf)


def test_benchmark_phantom_has_the_size_of_the_benchmark() -> None:
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = -40.5, -40.5, -10.5
    grid = PhantomField(Phantom(), affine, (28, 28, 8))
    assert grid.mask.sum() == pytest.approx(3200, rel=0.05)


def test_signal_without_noise_is_the_forward_model_at_the_voxel_centres() -> None:
    scan = small(snr=np.inf, lmax=4)
    assert scan.noise is None
    centres = scan.truth.centres[scan.mask.ravel()]
    truth = scan.truth.evaluate(centres)
    expected = predict_signal(truth, truth["fod"], scan.acquisition)
    np.testing.assert_allclose(scan.signal[scan.mask], expected, rtol=1e-6)
    np.testing.assert_allclose(scan.signal[scan.mask][:, scan.acquisition.is_b0].T - truth["S0"], 0, atol=1e-4)


def test_truth_is_a_field_on_the_scan() -> None:
    scan = small(lmax=4)
    maps = scan.truth_maps()
    assert tuple(maps) == scan.truth.parameters == SCALARS
    np.testing.assert_array_equal(scan.truth.affine, scan.affine)
    sampled = scan.truth.sample(scan.truth.centres).reshape(*SMALL, len(SCALARS))
    for column, symbol in enumerate(SCALARS):
        assert np.isnan(maps[symbol][~scan.mask]).all()
        np.testing.assert_array_equal(maps[symbol][scan.mask], sampled[scan.mask][:, column])
    fod = scan.truth.fod_map()
    assert fod.shape == (*SMALL, 15)
    assert not fod[~scan.mask].any()


@pytest.mark.parametrize("snr", [20.0, 50.0])
def test_snr_is_as_asked_in_every_tissue_voxel(snr: float) -> None:
    noisy, mask = small(snr=snr), clean().mask
    noise = (noisy.signal - clean().signal)[mask]
    sigma = clean().signal[mask][:, :1] / snr
    assert (noise / sigma).std() == pytest.approx(1, abs=0.01)
    assert (noise / sigma).mean() == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose(np.asarray(noisy.noise)[mask], sigma[:, 0], rtol=1e-5)


def test_rician_noise_lifts_the_weakest_signal_as_theory_says() -> None:
    scan = small(snr=10.0, noise="rician")
    assert scan.signal.min() >= 0
    weak = scan.acquisition.b == 8
    expected = rician_mean(clean().signal[clean().mask][:, weak], np.asarray(scan.noise)[scan.mask][:, None])
    assert scan.signal[scan.mask][:, weak].mean() == pytest.approx(expected.mean(), rel=0.005)


def test_seed_decides_every_number() -> None:
    first, again, other = small(seed=3), small(seed=3), small(seed=4)
    np.testing.assert_array_equal(first.signal, again.signal)
    assert not np.array_equal(first.signal, other.signal)
    np.testing.assert_array_equal(first.mask, other.mask)


def test_subvoxel_points_average_over_the_voxel() -> None:
    centre, mean = clean(), small(snr=np.inf, subvoxel=3)
    points = centre.truth.centres[centre.mask.ravel()]
    thirds = np.stack(np.meshgrid([-2, 0, 2], [-2, 0, 2], [-2, 0, 2]), axis=-1).reshape(-1, 3)
    s0 = np.mean([centre.truth.evaluate(points + offset)["S0"] for offset in thirds], axis=0)
    np.testing.assert_allclose(mean.signal[mean.mask][:, 0], s0, rtol=1e-5)
    assert np.abs(mean.signal - centre.signal)[mean.mask].max() > 1


def test_anatomy_stays_upright_and_central_on_an_oblique_grid() -> None:
    scan = small(affine=OBLIQUE, snr=np.inf)
    np.testing.assert_array_equal(scan.affine, OBLIQUE)
    middle = OBLIQUE[:3, :3] @ ((np.array(SMALL) - 1) / 2) + OBLIQUE[:3, 3]
    np.testing.assert_allclose(scan.truth.phantom.centre, middle)
    assert scan.mask.sum() == pytest.approx(clean().mask.sum(), rel=0.1)
    voxel = np.argwhere(scan.mask)[100]
    point = OBLIQUE[:3, :3] @ voxel + OBLIQUE[:3, 3]
    assert scan.signal[tuple(voxel)][0] == pytest.approx(scan.truth.evaluate(point[None])["S0"][0], rel=1e-5)


def test_own_protocol_is_measured() -> None:
    protocol = Acquisition(np.array([0.0, 1.0, 1.0, 2.5]), np.array([1.0, -0.5, 1.0, 0.0]), np.eye(4, 3))
    scan = small(protocol=protocol, snr=np.inf)
    assert scan.acquisition is protocol
    assert scan.signal.shape == (*SMALL, 4)
    assert np.all(np.diff(scan.signal[scan.mask][:, [0, 1, 3]], axis=1) < 0)


def test_images_show_a_head_in_air() -> None:
    scan = clean()
    b0 = scan.signal[..., 0]
    assert b0[0, 0, 0] == 0
    assert not small().signal[0, 0].any()  # noise is relative to S0, and air has none
    fluid = ~scan.mask & (b0 > 0)
    assert fluid.any()
    np.testing.assert_allclose(b0[fluid], FLUID_S0, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"shape": (0, 4, 4)}, "shape"),
        ({"snr": 0.0}, "snr"),
        ({"snr": float("nan")}, "snr"),
        ({"subvoxel": 0}, "subvoxel"),
        ({"deviation": 0.8}, "deviation"),
        ({"deviation": -0.1}, "deviation"),
        ({"affine": np.zeros((4, 4))}, "affine"),
        ({"affine": np.eye(3)}, "affine"),
        ({"noise": "poisson"}, "noise"),
        ({"lmax": 5}, "lmax"),
        ({"protocol": Acquisition(np.ones(2), np.ones(2), np.eye(2, 3))}, "protocol"),
    ],
)
def test_faults_name_the_argument(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(InputError) as caught:
        small(**arguments)
    assert caught.value.where == named


def test_non_uniform_gradients_bend_the_exact_signal() -> None:
    """Linear volumes of single voxels, each with the b-values and directions it saw; water by its b-value alone."""
    scan = small(snr=np.inf, deviation=0.1)
    assert scan.deviation is not None
    assert np.abs(scan.deviation[scan.mask] - np.eye(3)).max() == pytest.approx(0.1, rel=1e-5)
    points = scan.truth.centres
    linear = scan.acquisition.b_delta == 1
    protocol = scan.acquisition.select(linear)
    truth = scan.truth.evaluate(points[scan.mask.ravel()][[0, 77]])
    seen = voxel_gradients(protocol, scan.deviation[scan.mask][[0, 77]])
    for voxel in (0, 1):
        own = Acquisition(seen.b[voxel], seen.b_delta[voxel], seen.directions[voxel])
        some = {key: column[voxel : voxel + 1] for key, column in truth.items()}
        expected = predict_signal(some, some["fod"], own)[0]
        np.testing.assert_allclose(scan.signal[scan.mask][[0, 77]][voxel, linear], expected, atol=1e-4)
    fluid = np.flatnonzero(scan.truth.phantom.in_fluid(points) & ~scan.mask.ravel())
    b = voxel_gradients(scan.acquisition, scan.deviation.reshape(-1, 3, 3)[fluid]).b
    water = scan.signal.reshape(-1, scan.acquisition.n_volumes)[fluid]
    np.testing.assert_allclose(water, FLUID_S0 * np.exp(-3.0 * b), rtol=1e-4, atol=1e-6)


def test_points_within_a_voxel_share_its_gradients() -> None:
    one, many = (small(shape=(8, 8, 2), snr=np.inf, deviation=0.1, subvoxel=n) for n in (1, 2))
    np.testing.assert_array_equal(one.deviation, many.deviation)
    assert 0 < np.abs(one.signal - many.signal)[one.mask].max() < 20


def test_the_field_of_a_coil_has_neither_sources_nor_curls() -> None:
    """Each column of L is the gradient of one coil's axial field, which obeys Laplace's equation."""
    step = 1e-3
    at = np.random.default_rng(0).uniform(-80, 80, (20, 3))
    slope = np.stack(
        [(coil_deviation(at + e, 300.0) - coil_deviation(at - e, 300.0)) / (2 * step) for e in step * np.eye(3)], axis=1
    )  # [point, derivative along, component of the gradient, coil]
    np.testing.assert_allclose(np.einsum("nkkj->nj", slope), 0, atol=1e-8)
    np.testing.assert_allclose(slope, slope.transpose(0, 2, 1, 3), atol=1e-8)
    np.testing.assert_array_equal(coil_deviation(np.zeros((1, 3)), 300.0)[0], np.eye(3))
    assert np.abs(slope).max() > 1e-4
