"""A protocol of its own for every voxel: predictions, and what they are worth to a fit."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from scipy.special import dawsn

import napari_smi_inr as smi
from napari_smi_inr.acquisition import Acquisition, voxel_gradients
from napari_smi_inr.inr import sphere_signal, voxel_signal
from napari_smi_inr.inr.common_signal import SignalModel
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.network import Tissue
from napari_smi_inr.inr.problem import Problem
from napari_smi_inr.inr.voxel_signal import VoxelSignalModel
from napari_smi_inr.metrics import rmse
from napari_smi_inr.parameters import KERNEL_PARAMETERS
from napari_smi_inr.signal_model.kernel import legendre_projections
from napari_smi_inr.signal_model.spherical_harmonics import P00, degrees, half_sphere, real_sh
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.protocol import paper_protocol

CPU = torch.device("cpu")
N = 12


def matrices(size=0.1, n=N, seed=0):
    return np.eye(3) + np.random.default_rng(seed).uniform(-size, size, (n, 3, 3))


def tissue(lmax, n=N, seed=0):
    """The same tissue as the numpy functions take it and as the network gives it."""
    rng = np.random.default_rng(seed)
    values = dict(zip(KERNEL_PARAMETERS, rng.uniform([1, 0.5, 0.2, 0.1], [3, 3, 1.2, 0.9], (n, 4)).T, strict=True))
    values["S0"] = rng.uniform(0.8, 1.2, n)
    l = degrees(lmax)
    fod = real_sh(rng.normal(size=(n, 3)), lmax) * np.exp(-0.05 * l * (l + 1))
    fod *= P00 / fod[:, :1]
    kernel = np.stack([values[key] for key in KERNEL_PARAMETERS], axis=1)
    return values, fod, Tissue(*(torch.tensor(part, dtype=torch.float32) for part in (kernel, values["S0"], fod)))


def one_voxel_at_a_time(values, fod, protocol, seen):
    """Each voxel by the plain forward model on the axially symmetric protocol it saw."""
    rows = []
    for i in range(len(fod)):
        own = Acquisition(seen.b[i], seen.b_delta[i], seen.directions[i])
        rows.append(predict_signal({key: v[i : i + 1] for key, v in values.items()}, fod[i : i + 1], own)[0])
    return np.array(rows)


def rotations_and_scales(n=N):
    """Deviations that leave every b-tensor symmetric about its axis."""
    turned = Rotation.random(n, random_state=0).as_matrix()
    return np.random.default_rng(1).uniform(0.9, 1.1, (n, 1, 1)) * turned


@pytest.mark.parametrize("lmax", [0, 2, 6])
@pytest.mark.parametrize("linear", [True, False])
def test_symmetric_tensors_make_it_the_forward_model_on_each_voxels_own_protocol(lmax, linear):
    protocol, (values, fod, torch_tissue) = paper_protocol(), tissue(lmax)
    protocol = protocol.select(protocol.b_delta == 1) if linear else protocol
    deviation = matrices() if linear else rotations_and_scales()
    model = VoxelSignalModel(protocol, deviation, lmax, exact=False)
    expected = one_voxel_at_a_time(values, fod, protocol, voxel_gradients(protocol, deviation))
    some = torch.tensor([3, 0, 11])
    predicted = model(Tissue(*(part[some] for part in torch_tissue)), some)
    np.testing.assert_allclose(predicted, expected[some][:, model.volumes], atol=1e-4)


def one_shape(b, b_delta, n=30):
    directions = np.zeros((n, 3)) if b_delta == 0 else half_sphere(n)
    return Acquisition(np.full(n, b), np.full(n, b_delta), directions)


def left_by(signal, values, fod, protocol, deviation):
    """Root mean square error of some (N, V) signal, in units of S0."""
    error = signal - predict_signal(values, fod, protocol, deviation)
    return float(np.sqrt(np.mean(np.square(error / values["S0"][:, None]))))


@pytest.mark.parametrize("lmax", [2, 4])
@pytest.mark.parametrize(("b", "b_delta", "gain"), [(5.0, 0.8, 15), (2.0, 0.0, 15), (4.0, -0.5, 4)])
def test_reduced_leaves_the_second_order_of_the_asymmetry(lmax, b, b_delta, gain):
    """A fraction of what axially symmetric tensors leave, a quarter of it with half the deviation."""
    n, protocol = 100, one_shape(b, b_delta)
    values, fod, torch_tissue = tissue(lmax, n)
    left, symmetric = [], []
    for size in (0.1, 0.05):
        deviation = matrices(size, n)
        own = VoxelSignalModel(protocol, deviation, lmax, exact=False)(torch_tissue, torch.arange(n)).numpy()
        left.append(left_by(own, values, fod, protocol, deviation))
        nearest = one_voxel_at_a_time(values, fod, protocol, voxel_gradients(protocol, deviation))
        symmetric.append(left_by(nearest, values, fod, protocol, deviation))
    assert left[0] < symmetric[0] / gain
    assert left[1] < symmetric[1] / gain / 1.5
    assert left[0] / left[1] == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("size", [0.02, 0.04])
def test_nothing_leaps_where_a_tensor_turns_from_oblate_to_prolate(size):
    """There the axis leaps, from the smallest eigenvalue's to the largest one's; the signal by its second order."""
    eigenvalues = 1 + size * np.array([[-1 - 1e-4, -1e-4, 1], [-1, 1e-4, 1 + 1e-4]])
    deviation = np.sqrt(eigenvalues)[:, :, None] * np.eye(3)
    protocol = one_shape(3.0, 0.0, 1)
    assert np.prod(voxel_gradients(protocol, deviation).b_delta) < 0
    _, _, torch_tissue = tissue(4, 60)
    leaps = []
    for i in range(60):
        one = Tissue(*(part[[i, i]] for part in torch_tissue))
        model = VoxelSignalModel(protocol, deviation, 4, exact=False)
        leaps.append(model(one, torch.arange(2)).diff(dim=0).item())
    assert np.abs(leaps).max() < 0.05 * size**2


def test_several_points_of_a_voxel_are_its_gradients_on_several_tissues():
    protocol, (_, _, torch_tissue) = paper_protocol(), tissue(4)
    own = matrices(n=N // 3)
    voxels, each = torch.tensor([2, 0, 3, 1]), torch.tensor([2, 0, 3, 1]).repeat_interleave(3)
    for exact in (False, True):
        model = VoxelSignalModel(protocol, own, 4, exact=exact)
        torch.testing.assert_close(model(torch_tissue, voxels), model(torch_tissue, each))


@pytest.mark.parametrize("exact", [False, True])
def test_gradients_are_those_of_finite_differences(exact):
    """Also where a fibre's response is isotropic, and in a voxel without asymmetry."""
    deviation = np.concatenate([np.eye(3)[None], matrices(n=N - 1)])
    protocol = paper_protocol()
    model = VoxelSignalModel(protocol.select(protocol.b_delta != 1), deviation, 4, exact=exact).double()
    given = [part.double() for part in tissue(4)[2]]
    given[0][1, 2] = given[0][1, 1]  # De = Dp
    assert torch.autograd.gradcheck(
        lambda *parts: model(Tissue(*parts), torch.arange(N)).square().sum(1),
        [part.requires_grad_() for part in given],
        fast_mode=True,
    )


@pytest.mark.parametrize("lmax", [2, 6])
def test_exact_is_the_sum_over_the_sphere(lmax):
    protocol, (values, fod, torch_tissue) = paper_protocol(), tissue(lmax)
    model = VoxelSignalModel(protocol, matrices(), lmax, exact=True)
    expected = predict_signal(values, fod, protocol, matrices())
    np.testing.assert_allclose(model(torch_tissue, torch.arange(N)), expected[:, model.volumes], atol=1e-4)


@pytest.mark.parametrize("exact", [False, True])
def test_with_perfect_gradients_it_is_the_model_of_one_protocol(exact):
    protocol, (_, _, torch_tissue) = paper_protocol(), tissue(4)
    own = VoxelSignalModel(protocol, np.broadcast_to(np.eye(3), (N, 3, 3)), 4, exact=exact)
    shared = SignalModel(protocol, 4, reduced=False)
    measured = shared(torch_tissue) @ shared.project  # in the order of the volumes
    np.testing.assert_allclose(own(torch_tissue, torch.arange(N)), own.measure(measured), atol=2e-6)


def test_a_protocol_without_linear_encoding_is_no_exception():
    protocol = paper_protocol()
    protocol = protocol.select(protocol.b_delta != 1)
    values, fod, torch_tissue = tissue(2)
    model = VoxelSignalModel(protocol, matrices(), 2, exact=True)
    expected = predict_signal(values, fod, protocol, matrices())
    np.testing.assert_allclose(model(torch_tissue, torch.arange(N)), expected[:, model.volumes], atol=1e-4)


def test_measurements_are_put_in_the_order_of_predictions():
    protocol = paper_protocol()
    model = VoxelSignalModel(protocol, matrices(), 2, exact=True)
    assert sorted(model.volumes.tolist()) == list(range(protocol.n_volumes))
    signal = torch.randn(5, protocol.n_volumes)
    assert torch.equal(model.measure(signal), signal[:, model.volumes])


@pytest.mark.parametrize(
    ("module", "limit", "exact"), [(voxel_signal, "_KEPT", False), (sphere_signal, "_AT_ONCE", True)]
)
def test_short_of_memory_it_works_all_the_same(module, limit, exact, monkeypatch):
    protocol, (_, _, torch_tissue) = paper_protocol(), tissue(4)
    results = []
    for room in (getattr(module, limit), 100):
        monkeypatch.setattr(module, limit, room)
        given = Tissue(*(part.clone().requires_grad_() for part in torch_tissue))
        predicted = VoxelSignalModel(protocol, matrices(), 4, exact=exact)(given, torch.arange(N))
        predicted.square().sum().backward()
        results.append([predicted.detach(), *(part.grad for part in given)])
    for plenty, little in zip(*results, strict=True):
        torch.testing.assert_close(plenty, little, rtol=1e-4, atol=1e-4)


def watson(kappa, lmax, axis):
    """SH coefficients of a Watson distribution: its Legendre projections about its axis, normalised."""
    profile = legendre_projections(-float(kappa), lmax)
    assert float(profile[0]) == pytest.approx(np.exp(kappa) * dawsn(np.sqrt(kappa)) / np.sqrt(kappa))
    return real_sh(axis, lmax) * (profile / profile[0]).numpy()[degrees(lmax) // 2]


@pytest.mark.parametrize(
    ("b", "b_delta", "size", "without", "with_reduced", "rms"),
    [
        (4, 1.0, 0.05, 0.037, 0, 0),
        (4, 0.5, 0.05, 0.021, 0.009, 0.0024),
        (4, -0.5, 0.05, 0.029, 0.010, 0.0022),
        (3, 0.0, 0.05, 0.023, 0.006, 0.0018),
        (4, 1.0, 0.10, 0.087, 0, 0),
        (4, 0.5, 0.10, 0.043, 0.026, 0.006),
        (4, -0.5, 0.10, 0.059, 0.026, 0.0055),
        (3, 0.0, 0.10, 0.056, 0.015, 0.0038),
    ],
)
def test_dropping_the_asymmetry_costs_what_is_stated(b, b_delta, size, without, with_reduced, rms):
    """Share of S0, for a Watson FOD of κ = 6: without any correction, and with b', b_delta' and direction alone."""
    n = 60
    directions = np.zeros((40, 3)) if b_delta == 0 else half_sphere(40)
    protocol = Acquisition(np.full(40, b), np.full(40, b_delta), directions)
    axes = np.random.default_rng(3).normal(size=(n, 3))
    values = {key: np.full(n, v) for key, v in {"f": 0.55, "Di": 2.2, "De": 1.8, "Dp": 0.6, "S0": 1.0}.items()}
    fod, deviation = watson(6, 8, axes), matrices(size, n)
    exact = predict_signal(values, fod, protocol, deviation)
    left = one_voxel_at_a_time(values, fod, protocol, voxel_gradients(protocol, deviation)) - exact
    assert np.abs(predict_signal(values, fod, protocol) - exact).max() == pytest.approx(without, rel=0.45)
    assert np.abs(left).max() == pytest.approx(with_reduced, rel=0.45, abs=1e-6)
    assert np.sqrt(np.mean(left**2)) == pytest.approx(rms, rel=0.35, abs=1e-6)


@pytest.fixture(scope="module")
def clean():
    return smi.simulate(shape=(8, 8, 3), voxel_size=3.0, snr=np.inf, lmax=2, deviation=0.1)


@pytest.fixture(scope="module")
def noisy():
    return smi.simulate(shape=(8, 8, 3), voxel_size=3.0, snr=50, lmax=2, deviation=0.2)


def problem(dataset, **settings):
    return Problem(dataset, FitConfig(**{"lmax": 2, "held_out": 0.1, **settings}), CPU)


def true_tissue(dataset, scale, voxels=slice(None)):
    values = dataset.truth.evaluate(dataset.truth.centres[dataset.mask.ravel()][voxels])
    kernel = np.stack([values[key] for key in KERNEL_PARAMETERS], axis=1)
    parts = (kernel, values["S0"] / scale, values["fod"])
    return Tissue(*(torch.tensor(part, dtype=torch.float32) for part in parts))


def misfits(dataset, **settings):
    p = problem(dataset, **settings)
    truth, everyone = true_tissue(dataset, p.scale), torch.arange(p.n_voxels)
    p.correct(truth, everyone)
    data = float(p.misfit(truth, everyone)) / p.measured.shape[1]
    return np.sqrt(data) * p.scale / p.typical, p.held_out_error(true_tissue(dataset, p.scale, p.judged))


def test_without_noise_the_truth_has_no_misfit_once_corrected(clean):
    """To the accuracy each model states; ignoring the deviation leaves far more."""
    for exact, reduced, ignored in zip(
        misfits(clean, gradient_model="exact"), misfits(clean), misfits(clean, correct_gradients=False), strict=True
    ):
        assert exact < 3e-5
        assert exact < reduced < 2e-4
        assert ignored > 50 * reduced


@pytest.mark.parametrize("model", ["reduced", "exact"])
def test_the_rician_loss_takes_each_voxels_gradients_too(noisy, model):
    p, ignored = (
        problem(noisy, loss="rician", gradient_model=model, correct_gradients=correct) for correct in (True, False)
    )
    everyone, truth = torch.arange(p.n_voxels), true_tissue(noisy, p.scale)
    p.correct(truth, everyone)
    assert p.misfit(truth, everyone) < ignored.misfit(truth, everyone) - 10


def test_the_loss_is_told_a_measurement_whatever_is_left_out(noisy):
    """Noise is all the truth leaves: in what is predicted, and in what the reduction does without."""
    p = problem(noisy)
    truth, everyone = true_tissue(noisy, p.scale), torch.arange(p.n_voxels)
    p.correct(truth, everyone)
    told = p.per_measurement(float(p.misfit(truth, everyone)))
    sigma = np.sqrt(np.mean(np.square(noisy.noise[noisy.mask]))) / p.typical
    assert told == pytest.approx(sigma, rel=0.1)


def test_held_out_volumes_stay_out_of_reach(noisy):
    held = problem(noisy).held
    signal = noisy.signal.copy()
    signal[..., held] = 1e4
    one, other = problem(noisy), problem(dataclasses.replace(noisy, signal=signal))
    assert torch.equal(one.measured, other.measured)
    assert one.noise_variance == other.noise_variance


def test_the_noise_is_still_told_from_what_no_tissue_explains(noisy):
    p = problem(noisy)
    expected = np.mean(np.square(noisy.noise[noisy.mask] / p.scale))
    assert p.noise_variance == pytest.approx(expected, rel=0.15)


def test_a_fit_that_corrects_is_better_than_one_that_ignores(noisy):
    settings = {"lmax": 2, "epochs": 60, "batch_size": 64, "detail": 8.0, "device": "cpu"}
    corrected, ignoring = smi.fit(noisy, **settings), smi.fit(noisy, correct_gradients=False, **settings)
    truth, mask = noisy.truth_maps(), noisy.mask
    for symbol in ("Di", "De", "f", "p2"):
        errors = [rmse(field.maps()[symbol][mask], truth[symbol][mask]) for field in (corrected, ignoring)]
        assert errors[0] < errors[1], symbol
    assert corrected.quality["held_out_rmse"] < ignoring.quality["held_out_rmse"]
    predicted = corrected.predict_voxels(deviation=noisy.voxel_deviation)
    measured = noisy.signal[mask]
    assert rmse(predicted, measured) < rmse(corrected.predict_voxels(), measured)


def test_perfect_gradients_given_as_such_change_nothing(noisy):
    """Equal up to rounding: the sums run in another order."""
    settings = {"lmax": 2, "epochs": 2, "batch_size": 64, "detail": 8.0, "device": "cpu", "weight_decay": 0.0}
    identity = np.broadcast_to(np.eye(3, dtype=np.float32), noisy.deviation.shape)
    plain, given = (smi.fit(dataclasses.replace(noisy, deviation=d), **settings) for d in (None, identity))
    for symbol, values in plain.maps().items():
        np.testing.assert_allclose(given.maps()[symbol], values, rtol=2e-3, equal_nan=True)
