"""The signal of a common protocol against the reference model, and the reduced problem against the full one."""

import numpy as np
import pytest
import torch

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.inr.common_signal import SignalModel
from napari_smi_inr.inr.loss import squared_error
from napari_smi_inr.inr.network import Tissue
from napari_smi_inr.signal_model.kernel_grid import TOLERANCE
from napari_smi_inr.signal_model.spherical_harmonics import P00, half_sphere, n_coefficients
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


def scattered():
    """Shells as tables of gradients have them: no two volumes with the same b-value, or shape."""
    plain, rng = paper_protocol(), np.random.default_rng(2)
    b = plain.b * (1.0 + 0.02 * rng.uniform(-1, 1, plain.n_volumes)) + rng.uniform(0, 0.004, plain.n_volumes)
    return Acquisition(b, plain.b_delta - 0.005 * rng.uniform(0, 1, plain.n_volumes), plain.directions)


PROTOCOLS = {
    "paper": paper_protocol,
    "shuffled": shuffled,
    "jittered": jittered,
    "few directions": few_directions,
    "many shells": many_shells,
    "scattered": scattered,
}


@pytest.fixture(params=PROTOCOLS)
def acquisition(request):
    return PROTOCOLS[request.param]()


class TestSignalModel:
    @pytest.mark.parametrize("acquisition", [name for name in PROTOCOLS if name != "scattered"], indirect=True)
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

    @pytest.mark.parametrize("lmax", [2, 8])
    def test_scattered_shells_are_told_by_few_nodes(self, lmax):
        protocol = scattered()
        model, of = SignalModel(protocol, lmax, reduced=False), tissue(200, lmax)
        assert len(model.legendre) <= (lmax // 2 + 1) * 40  # a node for each of 154 volumes would take 154
        expected = model.measure(torch.tensor(forward(of, protocol), dtype=torch.float32))
        size = 4.0 * np.pi * of.fod.norm(dim=1).max() * n_coefficients(lmax) ** 0.5  # of what the response is times
        assert (model(of) - expected).abs().max() < TOLERANCE * size

    def test_the_exact_b_values_are_used_not_their_mean(self):
        protocol, of = scattered(), tissue(50, 2)
        mean = Acquisition(paper_protocol().b, paper_protocol().b_delta, protocol.directions)
        exact, nominal = (SignalModel(p, 2, reduced=False) for p in (protocol, mean))
        expected = exact.measure(torch.tensor(forward(of, protocol), dtype=torch.float32))
        errors = [(model(of) - expected).square().mean().sqrt() for model in (exact, nominal)]
        assert errors[0] < 0.01 * errors[1]
