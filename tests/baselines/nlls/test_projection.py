"""Cost, slope and curvature of the projected problem against plain least squares and differences."""

import numpy as np
import pytest
import torch

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.acquisition.voxel_gradients import VoxelGradients, voxel_gradients
from napari_smi_inr.baselines.nlls.design import SharedDesign, VoxelDesign
from napari_smi_inr.baselines.nlls.projection import Problem
from napari_smi_inr.parameters import KERNEL_PARAMETERS
from napari_smi_inr.signal_model.spherical_harmonics import half_sphere, n_coefficients
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.protocol import paper_protocol

N = 6


def planar_protocol():
    """Linear, planar and spherical shells, in random order."""
    b = np.concatenate([np.zeros(3), np.repeat([1.0, 4.0, 2.0, 5.0], 30), np.full(5, 2.0)])
    b_delta = np.concatenate([np.ones(3), np.repeat([1.0, 1.0, -0.5, -0.3], 30), np.zeros(5)])
    directions = np.concatenate([np.zeros((3, 3)), *4 * [half_sphere(30)], np.zeros((5, 3))])
    order = np.random.default_rng(0).permutation(len(b))
    return Acquisition(b[order], b_delta[order], directions[order])


def jittered_protocol():
    """Every volume with a b-value of its own."""
    protocol = planar_protocol()
    scale = np.random.default_rng(3).uniform(0.95, 1.05, protocol.n_volumes)
    return Acquisition(protocol.b * scale, protocol.b_delta, protocol.directions)


PROTOCOLS = {"paper": paper_protocol, "planar": planar_protocol, "jittered": jittered_protocol}


@pytest.fixture(params=PROTOCOLS)
def acquisition(request):
    return PROTOCOLS[request.param]()


def in_every_voxel(acquisition, n):
    """The protocol, written out for each of n voxels."""
    b, b_delta = (np.tile(values, (n, 1)) for values in (acquisition.b, acquisition.b_delta))
    directions = np.tile(acquisition.directions, (n, 1, 1))
    return VoxelGradients(b, b_delta, directions, np.zeros_like(directions))


def guesses(n=N, seed=0):
    return np.random.default_rng(seed).uniform([0.5, 0.5, 0.2, 0.2], [3.5, 3.5, 1.3, 0.8], (n, 4))


def noisy(acquisition, n=N):
    return np.random.default_rng(1).normal(0.4, 0.2, (n, acquisition.n_volumes))


def problem(design, signal, ridge=0.0):
    rows, unexplained = design.measure(torch.tensor(signal))
    return Problem(design, rows, ridge), unexplained.numpy()


def matrix(theta, acquisition, lmax):
    """(V, C) map from FOD coefficients to the signal, one coefficient at a time, by the forward model."""
    n = n_coefficients(lmax)
    values = {key: np.full(n, v) for key, v in zip(KERNEL_PARAMETERS, theta, strict=True)} | {"S0": np.ones(n)}
    return predict_signal(values, np.eye(n), acquisition).T


@pytest.mark.parametrize("lmax", [0, 2, 4])
def test_cost_is_that_of_plain_least_squares(acquisition, lmax):
    signal, theta = noisy(acquisition), guesses()
    posed, unexplained = problem(SharedDesign(acquisition, lmax), signal)
    found = posed.project(torch.tensor(theta))
    for i in range(N):
        x, *_ = np.linalg.lstsq(matrix(theta[i], acquisition, lmax), signal[i], rcond=None)
        residual = signal[i] - matrix(theta[i], acquisition, lmax) @ x
        assert found.cost[i].item() + unexplained[i] == pytest.approx(residual @ residual, rel=1e-10)
        np.testing.assert_allclose(found.coefficients[i].numpy(), x, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("lmax", [0, 2, 8])
def test_compression_changes_nothing(acquisition, lmax):
    signal, theta = noisy(acquisition), torch.tensor(guesses())
    small, unexplained = problem(SharedDesign(acquisition, lmax), signal, ridge=1e-6)
    full, none = problem(VoxelDesign(in_every_voxel(acquisition, N), lmax), signal, ridge=1e-6)
    assert not none.any()
    a, b = small.project(theta), full.project(theta)
    np.testing.assert_allclose(a.cost.numpy() + unexplained, b.cost.numpy(), rtol=1e-10)
    for name in ("gradient", "curvature", "coefficients"):
        largest = getattr(b, name).abs().max().item()
        torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=1e-6, atol=1e-9 * largest)


def test_whole_shells_shrink_to_a_handful_of_numbers():
    assert SharedDesign(paper_protocol(), 2).n_rows == 2 + 4 * 6  # b = 0 and spherical shells have one each


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
@pytest.mark.parametrize("lmax", [0, 2, 6])
def test_gradient_is_half_the_slope_of_the_cost(acquisition, lmax, ridge):
    posed, _ = problem(SharedDesign(acquisition, lmax), noisy(acquisition), ridge)
    theta = torch.tensor(guesses())
    gradient = posed.project(theta).gradient
    for k in range(4):
        step = 1e-5 * torch.eye(4, dtype=torch.float64)[k]
        slope = (posed.project(theta + step).cost - posed.project(theta - step).cost) / 2e-5
        torch.testing.assert_close(gradient[:, k], slope / 2, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("lmax", [2, 4])
def test_curvature_without_residual_is_exact(acquisition, lmax):
    # Where data are met exactly, the cost's second derivative is 2 JᵀJ: Kaufman's Jacobian lacks nothing there.
    theta, rng = guesses(), np.random.default_rng(2)
    fod = rng.normal(0, 0.05, (N, n_coefficients(lmax)))
    fod[:, 0] = 1 / np.sqrt(4 * np.pi)
    signal = predict_signal(dict(zip(KERNEL_PARAMETERS, theta.T, strict=True)) | {"S0": np.ones(N)}, fod, acquisition)
    posed, _ = problem(SharedDesign(acquisition, lmax), signal)
    at = torch.tensor(theta)
    curvature = posed.project(at).curvature
    for k in range(4):
        step = 1e-4 * torch.eye(4, dtype=torch.float64)[k]
        slope = (posed.project(at + step).gradient - posed.project(at - step).gradient) / 2e-4
        torch.testing.assert_close(curvature[:, k], slope, rtol=1e-4, atol=1e-6)


def test_taking_and_joining_voxels_is_taking_and_joining_their_problems():
    acquisition, theta = planar_protocol(), torch.tensor(guesses())
    deviation = np.eye(3) + 0.05 * np.random.default_rng(0).normal(size=(N, 3, 3))
    for design in (SharedDesign(acquisition, 2), VoxelDesign(voxel_gradients(acquisition, deviation), 2)):
        posed, _ = problem(design, noisy(acquisition))
        order = torch.tensor([4, 0, 5, 0])
        cost = posed.project(theta).cost[order]
        torch.testing.assert_close(posed.take(order).project(theta[order]).cost, cost)
        joined = posed.take(order[:1]).join(posed.take(order[1:]))
        torch.testing.assert_close(joined.project(theta[order]).cost, cost)


def test_ridge_tames_orders_that_the_data_do_not_tell():
    few = paper_protocol().select(np.r_[0:8, 24:30, 140:154])  # 10 directions for 45 coefficients
    signal = noisy(few)
    free, _ = problem(SharedDesign(few, 8), signal)
    tame, _ = problem(SharedDesign(few, 8), signal, ridge=1e-10)
    theta = torch.tensor(guesses())
    assert free.project(theta).cost.isinf().all()
    found = tame.project(theta)
    assert found.cost.isfinite().all()
    assert found.coefficients.isfinite().all()
