"""Losses against the probability they stand for."""

import numpy as np
import pytest
import torch
from scipy.special import i0e, i1e

from napari_smi_inr.inr.loss import Nonnegativity, rician_mean, rician_nll
from napari_smi_inr.signal_model import noise
from napari_smi_inr.signal_model.noise import add_noise
from napari_smi_inr.signal_model.spherical_harmonics import P00, degrees, half_sphere, n_coefficients, real_sh


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
