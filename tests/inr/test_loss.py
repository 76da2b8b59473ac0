"""Losses against the probability they stand for, and the reduced problem against the full one."""

import numpy as np
import pytest
import torch
from scipy.special import i0e, i1e

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.inr.loss import Nonnegativity, SignalModel, rician_mean, rician_nll, squared_error
from napari_smi_inr.inr.network import Tissue
from napari_smi_inr.signal_model import noise
from napari_smi_inr.signal_model.noise import add_noise
from napari_smi_inr.signal_model.spherical_harmonics import P00, degrees, half_sphere, n_coefficients, real_sh
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.protocol import paper_protocol

KEYS = ("Di", "De", "Dp", "f")


def tissue(n, lmax, seed=0):
    rng = np.random.default_rng(seed)
    kernel = rng.uniform([1, 0.5, 0.2, 0.1], [3, 3, 1.4, 0.9], (n, 4))
    fod = rng.normal(0, 0.1, (n, n_coefficients(lmax)))
    fod[:, 0] = P00
    return Tissue(*(torch.tensor(part, dtype=torch.float32) for part in (kernel, rng.uniform(0.3, 1.1, n), fod)))


def forward(of, acquisition):
    """The reference forward model of the same tissue, (N, V) float64."""
    values = dict(zip(KEYS, of.kernel.double().T.numpy(), strict=True)) | {"S0": of.S0.double().numpy()}
    return predict_signal(values, of.fod.double().numpy(), acquisition)


def shuffled():
    protocol = paper_protocol()
    return protocol.select(np.random.default_rng(0).permutation(protocol.n_volumes))


def jittered():
    """Every volume with a b-value of its own, as after gradient calibration; planar encoding too."""
    rng = np.random.default_rng(1)
    shape = rng.choice([1.0, 0.5, 0.0, -0.5], 60)
    directions = half_sphere(60)[rng.permutation(60)] * rng.choice([-1, 1], (60, 1))
    return Acquisition(np.concatenate([[0], rng.uniform(0.2, 8, 59)]), shape, directions)


def few_directions():
    """Shells of 3 and 5 directions, fewer than an FOD has coefficients."""
    directions = np.concatenate([np.zeros((1, 3)), np.eye(3), half_sphere(5)])
    return Acquisition([0.0] + 3 * [1.0] + 5 * [3.0], [1.0] * 4 + [-0.5] * 5, directions)


def many_shells():
    b = np.repeat([0.0, 0.7, 2.0, 5.0], 50)
    return Acquisition(b, np.tile([1.0, -0.5], 100), np.tile(half_sphere(50), (4, 1)))


PROTOCOLS = {
    "paper": paper_protocol,
    "shuffled": shuffled,
    "jittered": jittered,
    "few directions": few_directions,
    "many shells": many_shells,
}


@pytest.fixture(params=PROTOCOLS)
def acquisition(request):
    return PROTOCOLS[request.param]()


class TestSignalModel:
    @pytest.mark.parametrize("lmax", [0, 2, 4, 8])
    @pytest.mark.parametrize("reduced", [False, True])
    def test_predicts_what_it_measures(self, acquisition, lmax, reduced):
        model, of = SignalModel(acquisition, lmax, reduced=reduced), tissue(7, lmax)
        signal = torch.tensor(forward(of, acquisition), dtype=torch.float32)
        torch.testing.assert_close(model(of), model.measure(signal), rtol=1e-4, atol=3e-6)

    @pytest.mark.parametrize("lmax", [2, 8])
    def test_reduction_loses_nothing_a_squared_loss_can_see(self, acquisition, lmax):
        # ‖y - Yc‖² = ‖Qᵀy - Rc‖² + const: differences between two tissues are the same.
        signal = torch.tensor(np.random.default_rng(3).normal(0.4, 0.3, (7, acquisition.n_volumes)))
        losses = {}
        for reduced in (True, False):
            model = SignalModel(acquisition, lmax, reduced=reduced).double()
            measured = model.measure(signal)
            losses[reduced] = np.array(
                [
                    squared_error(model(Tissue(*(p.double() for p in tissue(7, lmax, seed)))), measured).item()
                    for seed in range(6)
                ]
            )
        np.testing.assert_allclose(np.diff(losses[True]), np.diff(losses[False]), rtol=2e-5, atol=1e-5)
        assert np.ptp(losses[False]) > 0.1
        assert (losses[True] <= losses[False] + 1e-5).all()

    def test_gradients_of_both_forms_agree(self, acquisition):
        signal = torch.tensor(np.random.default_rng(3).normal(0.4, 0.3, (7, acquisition.n_volumes)))
        gradients = []
        for reduced in (True, False):
            model = SignalModel(acquisition, 4, reduced=reduced).double()
            of = Tissue(*(p.double().requires_grad_() for p in tissue(7, 4)))
            squared_error(model(of), model.measure(signal)).backward()
            gradients.append(torch.cat([p.grad.flatten() for p in of]))
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)

    def test_reduction_of_whole_shells_is_worth_it(self):
        full, small = (SignalModel(paper_protocol(), 2, reduced=reduced) for reduced in (False, True))
        assert full(tissue(1, 2)).shape == (1, 154)
        assert small(tissue(1, 2)).shape == (1, 2 + 4 * 6)  # b = 0 and spherical shells have one number each

    def test_volumes_keep_their_noise_when_reduced(self):
        # Q is orthonormal, so white noise stays white and the loss keeps its scale.
        model = SignalModel(paper_protocol(), 4, reduced=True)
        noise = model.measure(torch.tensor(np.random.default_rng(0).normal(size=(4000, 154)), dtype=torch.float32))
        covariance = np.cov(noise.numpy().T)
        np.testing.assert_allclose(covariance, np.eye(len(covariance)), atol=0.1)


class TestRicianLikelihood:
    S = np.array([0.02, 0.3, 1.0, 1.4])

    def gradient(self, predicted, measured, sigma):
        predicted = torch.tensor(np.atleast_2d(predicted), dtype=torch.float64, requires_grad=True)
        measured = torch.as_tensor(np.atleast_2d(measured))
        loss = rician_nll(predicted, measured, torch.full((len(measured), 1), sigma, dtype=torch.float64))
        loss.backward()
        return loss.item(), predicted.grad.numpy()[0]

    @pytest.mark.parametrize("sigma", [0.01, 0.1, 1.0])
    def test_derivative_is_the_closed_form(self, sigma):
        predicted = np.array([0.3, 0.31, 0.9, 0.01])
        z = self.S * predicted / sigma**2
        expected = (predicted - self.S * i1e(z) / i0e(z)) / sigma**2
        np.testing.assert_allclose(self.gradient(predicted, self.S, sigma)[1], expected, rtol=1e-9)

    @pytest.mark.parametrize("predicted", [0.0, 0.05, 0.3, 2.0])
    def test_it_is_a_probability_density(self, predicted):
        # S/σ² exp(-nll) integrates to one over all measurements, whatever the prediction.
        sigma, S = 0.1, np.linspace(0, 4, 401)
        nll = [
            rician_nll(torch.tensor([[predicted]]), torch.tensor([[s]]), torch.tensor([[sigma]])).item()
            for s in S.astype(np.float32).tolist()
        ]
        density = S / sigma**2 * np.exp(-np.array(nll))
        assert np.trapezoid(density, S) == pytest.approx(1, abs=1e-3)

    def test_the_best_prediction_of_noise_is_the_true_signal(self):
        # SNR 1.5: the mean of the measurements, which a squared loss finds, is a quarter too high.
        nu, sigma = 0.15, 0.1
        measured = add_noise(np.full((1, 40_000), nu), sigma, "rician", np.random.default_rng(0))
        candidates = np.linspace(0.05, 0.3, 126)
        losses = [
            rician_nll(torch.full(measured.shape, c).double(), torch.tensor(measured), torch.tensor([[sigma]])).item()
            for c in candidates
        ]
        assert candidates[np.argmin(losses)] == pytest.approx(nu, abs=0.005)
        assert measured.mean() > nu + 0.02

    def test_at_high_snr_it_is_the_squared_loss(self):
        predicted, sigma = np.array([0.3, 0.31, 0.9, 1.2]), 1e-3
        _, slope = self.gradient(predicted, np.array([0.4, 0.3, 1.0, 1.4]), sigma)
        np.testing.assert_allclose(slope, (predicted - [0.4, 0.3, 1.0, 1.4]) / sigma**2, rtol=1e-4, atol=2 / 0.3)

    def test_negative_predictions_are_as_likely_as_their_size(self):
        predicted = np.array([0.3, 0.31, 0.9, 0.01])
        up, down = self.gradient(predicted, self.S, 0.1), self.gradient(-predicted, self.S, 0.1)
        assert down[0] == pytest.approx(up[0])
        np.testing.assert_allclose(down[1], -up[1])

    @pytest.mark.parametrize("sigma", [1e-6, 1e-3, 1.0, 1e3])
    @pytest.mark.parametrize("predicted", [-2.0, -1e-8, 0.0, 1e-8, 5.0])
    @pytest.mark.parametrize("measured", [0.0, 1e-6, 1.0, 50.0])
    def test_loss_and_gradient_are_finite_in_single_precision(self, predicted, measured, sigma):
        at = torch.tensor([[predicted]], requires_grad=True)
        loss = rician_nll(at, torch.tensor([[measured]]), torch.tensor([[sigma]]))
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(at.grad).all()

    def test_each_voxel_has_its_own_noise_level(self):
        predicted, measured = torch.rand(2, 3, 5).double()
        sigma = torch.tensor([[0.1], [0.5], [2.0]]).double()
        alone = [rician_nll(predicted[[i]], measured[[i]], sigma[[i]]) for i in range(3)]
        torch.testing.assert_close(rician_nll(predicted, measured, sigma), torch.stack(alone).mean())


class TestNonnegativity:
    @pytest.mark.parametrize("lmax", [0, 2, 4, 6, 8])
    def test_an_fod_that_is_nowhere_negative_costs_nothing(self, lmax):
        isotropic = torch.zeros(1, n_coefficients(lmax))
        isotropic[0, 0] = P00
        assert Nonnegativity(lmax)(isotropic).item() == 0.0

    @pytest.mark.parametrize("lmax", [2, 4, 6, 8])
    def test_a_truncated_single_fibre_costs(self, lmax):
        axes = np.random.default_rng(0).normal(size=(5, 3))
        fod = torch.tensor(real_sh(axes, lmax), dtype=torch.float32)
        assert Nonnegativity(lmax)(fod).item() > 1e-3

    @pytest.mark.parametrize("lmax", [2, 4, 8])
    def test_it_is_the_mean_square_of_the_negative_part(self, lmax):
        fod = np.random.default_rng(1).normal(0, 0.2, (30, n_coefficients(lmax)))
        values = fod @ real_sh(half_sphere(20_000), lmax).T
        expected = np.mean(np.minimum(values, 0) ** 2)
        got = Nonnegativity(lmax)(torch.tensor(fod, dtype=torch.float32)).item()
        assert got == pytest.approx(expected, rel=0.05)

    def test_descending_it_removes_negative_lobes(self):
        lobe = real_sh([[1, 2, 3]], 4)
        fod = torch.tensor(lobe, dtype=torch.float32, requires_grad=True)
        term = Nonnegativity(4)
        before = term(fod)
        before.backward()
        step = 0.5 * fod.grad * torch.tensor(degrees(4) > 0)
        assert term(fod - step) < before


def test_the_expected_magnitude_is_that_of_the_closed_form():
    nu = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 40)])[None]
    found = rician_mean(torch.tensor(nu), torch.tensor([[2.0]], dtype=torch.float64))
    np.testing.assert_allclose(found, noise.rician_mean(nu, 2.0), rtol=1e-12)
