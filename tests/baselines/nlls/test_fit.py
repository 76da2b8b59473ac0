"""Nonlinear least squares from scan to maps: simulate and recover, symmetries, scipy, and voxels gone wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

import napari_smi_inr as smi
from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.baselines.nlls import solve
from napari_smi_inr.baselines.nlls.config import STARTS, NllsConfig
from napari_smi_inr.baselines.nlls.design import SharedDesign
from napari_smi_inr.dataset import DiffusionDataset
from napari_smi_inr.errors import InputError
from napari_smi_inr.metrics import pearson, spearman
from napari_smi_inr.parameters import KERNEL_PARAMETERS, PARAMETERS, SCALARS
from napari_smi_inr.signal_model.spherical_harmonics import (
    P00,
    degrees,
    half_sphere,
    n_coefficients,
    real_sh,
    rotational_invariants,
)
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.protocol import paper_protocol

LOW, HIGH = np.array([PARAMETERS[key].bounds for key in KERNEL_PARAMETERS]).T
WHITE_MATTER = ([1.6, 1.3, 0.3, 0.3], [2.8, 2.4, 1.0, 0.7])


def fit(dataset, **settings):
    return smi.fit(dataset, "nlls", **{"lmax": 2, "device": "cpu"} | settings)


def tissue(n, lmax=2, within=WHITE_MATTER, seed=0):
    """Kernel parameters (n, 4), S0 (n,) and FODs (n, C) of single bundles."""
    rng = np.random.default_rng(seed)
    order = degrees(lmax)
    fod = real_sh(rng.normal(size=(n, 3)), lmax) * np.where(
        order, rng.uniform(0.4, 0.8, (n, 1)) * 0.7 ** (order / 2), 1
    )
    return rng.uniform(*within, (n, 4)), rng.uniform(60, 140, n), fod


def signal_of(theta, S0, fod, acquisition, deviation=None):
    values = dict(zip(KERNEL_PARAMETERS, np.atleast_2d(theta).T, strict=True)) | {"S0": np.atleast_1d(S0)}
    return predict_signal(values, fod, acquisition, deviation)


def dataset(signal, acquisition, deviation=None):
    """Voxels in a row, all in the mask."""
    n = len(signal)
    if deviation is not None:
        deviation = deviation.reshape(n, 1, 1, 3, 3).astype(np.float32)
    image = signal.reshape(n, 1, 1, -1).astype(np.float32)
    return DiffusionDataset(image, acquisition, np.ones((n, 1, 1), bool), np.eye(4), deviation=deviation)


def planar_protocol():
    b = np.concatenate([np.zeros(3), np.repeat([1.0, 2.0, 6.0, 2.0, 4.0], 30)])
    b_delta = np.concatenate([np.ones(3), np.repeat([1.0, 1.0, 1.0, -0.5, -0.5], 30)])
    return Acquisition(b, b_delta, np.concatenate([np.zeros((3, 3)), *5 * [half_sphere(30)]]))


def linear_protocol():
    b = np.concatenate([np.zeros(3), np.repeat([1.0, 2.5, 5.0, 8.0], 30)])
    return Acquisition(b, np.ones(123), np.concatenate([np.zeros((3, 3)), *4 * [half_sphere(30)]]))


def squared_errors(result, signal):
    return np.sum((result.predict_voxels() - signal) ** 2, axis=1)


@pytest.mark.parametrize("lmax", [2, 4])
def test_without_noise_the_phantom_is_recovered(lmax):
    data = smi.simulate(shape=(10, 10, 3), voxel_size=3.0, snr=np.inf, lmax=lmax)
    result = fit(data, lmax=lmax)
    maps, truth = result.maps(), data.truth_maps()
    for symbol in SCALARS:
        found, true = maps[symbol][data.mask], truth[symbol][data.mask]
        assert pearson(found, true) > 0.999, symbol
        assert spearman(found, true) > 0.999, symbol
        np.testing.assert_allclose(found, true, atol=1e-3 * true.max())
    assert result.quality["share_converged"] == 1.0
    assert result.quality["failed_voxels"] == 0
    assert result.quality["rmse"] < 1e-5 * data.scale
    assert 1 <= result.quality["iterations"]["median"] <= result.quality["iterations"]["max"] <= 100


@pytest.mark.parametrize("protocol", [paper_protocol, planar_protocol, linear_protocol])
def test_any_protocol_rich_enough_recovers_any_tissue(protocol):
    acquisition = protocol()
    theta, S0, fod = tissue(20, within=([0.8, 0.6, 0.3, 0.2], [3.0, 3.2, 1.2, 0.8]))
    result = fit(dataset(signal_of(theta, S0, fod, acquisition), acquisition))
    np.testing.assert_allclose(result.scalars[:, :4], theta, atol=0.01)
    np.testing.assert_allclose(result.scalars[:, 4], S0, rtol=1e-4)
    np.testing.assert_allclose(result.fod, fod, atol=1e-3)


def test_results_are_sound(tiny_dataset):
    result = fit(tiny_dataset)
    kernel = result.scalars[:, :4]
    assert ((kernel >= LOW) & (kernel <= HIGH)).all()
    np.testing.assert_allclose(result.fod[:, 0], P00, rtol=1e-6)
    np.testing.assert_allclose(result.scalars[:, 5], rotational_invariants(result.fod)[:, 1], rtol=1e-5)
    measured = tiny_dataset.signal[tiny_dataset.mask]
    assert result.quality["rmse"] == pytest.approx(
        np.sqrt(np.mean((result.predict_voxels() - measured) ** 2)), rel=1e-4
    )
    np.testing.assert_array_equal(fit(tiny_dataset).scalars, result.scalars)


def test_scipy_finds_nothing_better(tiny_dataset):
    # The oracle fits all ten numbers of the full model at once, without projection, from every start and from ours.
    acquisition = tiny_dataset.acquisition
    signal = tiny_dataset.signal[tiny_dataset.mask][:3].astype(np.float64) / tiny_dataset.scale
    result = fit(dataset(signal, acquisition), tolerance=1e-10)
    ours = squared_errors(result, signal)
    free = np.full(6, np.inf)
    for i in range(3):
        best = np.inf
        x = result.scalars[i, 4] * result.fod[i]
        for start in (result.scalars[i, :4], STARTS[0], STARTS[1]):
            found = least_squares(
                lambda p, i=i: signal_of(p[:4], 1.0, p[None, 4:], acquisition)[0] - signal[i],
                np.concatenate([np.clip(start, LOW + 1e-6, HIGH - 1e-6), x]),
                bounds=(np.concatenate([LOW, -free]), np.concatenate([HIGH, free])),
                x_scale="jac",
                ftol=1e-12,
                xtol=1e-12,
                gtol=1e-12,
            )
            best = min(best, 2 * found.cost)
        assert ours[i] <= best * (1 + 1e-6)
        assert ours[i] > 0.5 * best


class TestBranches:
    """Di > De and Di < De both explain much of the data; only the lowest cost tells which is right."""

    theta, S0, fod = tissue(60, within=([1.0, 1.0, 0.2, 0.15], [3.0, 3.0, 1.2, 0.85]), seed=5)

    def alone(self, monkeypatch, start, data):
        with monkeypatch.context() as patch:
            patch.setattr(solve, "STARTS", (start,))
            return fit(data, starts=1)

    def test_one_start_may_end_in_the_wrong_valley_and_the_lowest_cost_wins(self, monkeypatch):
        acquisition = paper_protocol()
        signal = signal_of(self.theta, self.S0, self.fod, acquisition)
        data = dataset(signal, acquisition)
        together = fit(data)
        np.testing.assert_allclose(together.scalars[:, :4], self.theta, atol=0.01)
        wrong = self.alone(monkeypatch, STARTS[1], data)
        lost = np.abs(wrong.scalars[:, :4] - self.theta).max(axis=1) > 0.3
        assert lost.any()
        assert (squared_errors(wrong, signal)[lost] > 100 * squared_errors(together, signal)[lost]).all()

    def test_more_starts_never_cost_more(self):
        acquisition = paper_protocol()
        signal = signal_of(self.theta, self.S0, self.fod, acquisition)
        signal += np.random.default_rng(0).normal(size=signal.shape) * self.S0[:, None] / 20
        costs = [squared_errors(fit(dataset(signal, acquisition), starts=n), signal) for n in (1, 3, 6)]
        assert (costs[1] <= costs[0] * (1 + 1e-6)).all()
        assert (costs[2] <= costs[1] * (1 + 1e-6)).all()
        assert (costs[2] < 0.9999 * costs[0]).any()


def test_turning_the_gradients_turns_the_fod_and_nothing_else(tiny_dataset):
    rotation = Rotation.from_rotvec([0.4, -1.1, 0.7])
    acquisition = tiny_dataset.acquisition
    turned = Acquisition(acquisition.b, acquisition.b_delta, rotation.apply(acquisition.directions))
    before, after = fit(tiny_dataset, tolerance=1e-10), fit(replace(tiny_dataset, acquisition=turned), tolerance=1e-10)
    close = np.abs(after.scalars - before.scalars) <= 1e-3 * np.abs(before.scalars) + 1e-3
    assert close.mean() > 0.98  # where two minima are equally low, rounding may choose
    points = half_sphere(40)
    same = close.all(axis=1)
    np.testing.assert_allclose(
        after.fod[same] @ real_sh(rotation.apply(points), 2).T, before.fod[same] @ real_sh(points, 2).T, atol=2e-3
    )


def test_scaling_the_signal_scales_nothing_but_its_level(tiny_dataset):
    weak, strong = fit(tiny_dataset), fit(replace(tiny_dataset, signal=tiny_dataset.signal * np.float32(1024)))
    np.testing.assert_allclose(strong.scalars[:, 4], 1024 * weak.scalars[:, 4], rtol=1e-5)
    np.testing.assert_allclose(
        strong.scalars[:, [0, 1, 2, 3, 5]], weak.scalars[:, [0, 1, 2, 3, 5]], rtol=1e-4, atol=1e-4
    )


def test_one_voxel_is_enough():
    acquisition = paper_protocol()
    theta, S0, fod = tissue(1)
    result = fit(dataset(signal_of(theta, S0, fod, acquisition), acquisition))
    np.testing.assert_allclose(result.scalars[0, :4], theta[0], atol=1e-3)


def test_voxels_without_signal_are_counted_and_harm_no_other():
    acquisition = paper_protocol()
    theta, S0, fod = tissue(6)
    signal = signal_of(theta, S0, fod, acquisition)
    sound = fit(dataset(signal, acquisition))
    signal[1], signal[4] = 0.0, -signal[4]
    result = fit(dataset(signal, acquisition))
    assert result.quality["failed_voxels"] == 2
    assert result.quality["share_converged"] == pytest.approx(4 / 6, abs=1e-4)
    assert np.isnan(result.scalars[[1, 4]]).all()
    assert (result.fod[[1, 4]] == 0).all()
    good = [0, 2, 3, 5]
    np.testing.assert_allclose(result.scalars[good], sound.scalars[good], rtol=1e-4)
    assert np.isfinite(result.quality["rmse"])


def test_signals_that_are_no_numbers_give_no_numbers():
    acquisition = paper_protocol()
    signal = torch.tensor(signal_of(*tissue(4), acquisition))
    signal[1, 7], signal[2, 3] = torch.nan, torch.inf
    design = SharedDesign(acquisition, 2)
    (_, found), *_ = solve.fit_voxels(lambda voxels: (design, signal[voxels]), np.arange(4), NllsConfig())
    assert found.S0.isnan().tolist() == [False, True, True, False]
    assert found.converged.tolist() == [True, False, False, True]


def test_noise_alone_gives_finite_numbers_within_bounds():
    acquisition = paper_protocol()
    signal = np.abs(np.random.default_rng(0).normal(size=(30, 154)))
    result = fit(dataset(signal, acquisition), lmax=8)
    kernel = result.scalars[:, :4]
    assert ((kernel >= LOW) & (kernel <= HIGH)).all()
    assert np.isfinite(result.fod).all()


def test_progress_comes_in_steps_and_an_interrupted_fit_keeps_what_it_has(tiny_dataset, monkeypatch):
    monkeypatch.setattr(solve, "STEP_SECONDS", 0.0)
    monkeypatch.setattr(solve, "_NUMBERS", {"cpu": 1})  # few voxels side by side
    steps = list(smi.fit_steps(tiny_dataset, NllsConfig(device="cpu")))
    assert len(steps) > 5
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    for step in smi.fit_steps(tiny_dataset, NllsConfig(device="cpu")):
        if step.fraction > 0.3:
            partial = step.field()
            break
    whole = steps[-1].field()
    assert 0.3 < partial.mask.sum() / whole.mask.sum() < 1
    assert (whole.mask == tiny_dataset.mask).all()
    for symbol in SCALARS:
        np.testing.assert_array_equal(partial.maps()[symbol][partial.mask], whole.maps()[symbol][partial.mask])


class TestGradientDeviation:
    def test_no_deviation_is_as_a_shared_protocol(self, tiny_dataset):
        few = np.zeros_like(tiny_dataset.mask)
        few[tuple(np.argwhere(tiny_dataset.mask)[:25].T)] = True
        shared = replace(tiny_dataset, mask=few)
        own = replace(shared, deviation=np.broadcast_to(np.eye(3, dtype=np.float32), (*few.shape, 3, 3)))
        a, b = fit(shared, tolerance=1e-10), fit(own, tolerance=1e-10)
        np.testing.assert_allclose(a.scalars, b.scalars, rtol=2e-3, atol=2e-3)
        assert a.quality["rmse"] == pytest.approx(b.quality["rmse"], rel=1e-6)

    def test_every_voxel_is_fitted_with_its_own_protocol(self):
        acquisition = linear_protocol()  # whose deviation needs no approximation
        theta, S0, fod = tissue(12)
        deviation = np.eye(3) + 0.05 * np.random.default_rng(1).normal(size=(12, 3, 3))
        signal = signal_of(theta, S0, fod, acquisition, deviation)
        aware = fit(dataset(signal, acquisition, deviation))
        unaware = fit(dataset(signal, acquisition))
        np.testing.assert_allclose(aware.scalars[:, :4], theta, atol=0.01)
        np.testing.assert_allclose(aware.fod, fod, atol=2e-3)
        assert np.abs(unaware.scalars[:, :4] - theta).max() > 0.2


class TestSettings:
    @pytest.mark.parametrize(
        ("wrong", "where"),
        [({"lmax": 3}, "lmax"), ({"starts": 0}, "starts"), ({"starts": 99}, "starts"), ({"seed": 1}, "seed")],
    )
    def test_wrong_ones_are_named(self, tiny_dataset, wrong, where):
        with pytest.raises(InputError) as caught:
            fit(tiny_dataset, **wrong)
        assert caught.value.where == where

    def test_all_are_described(self):
        described = [field.description for name, field in NllsConfig.model_fields.items() if name != "method"]
        assert all(described)

    def test_too_few_iterations_show_in_the_record(self, tiny_dataset):
        quality = fit(tiny_dataset, max_iterations=2).quality
        assert quality["iterations"]["max"] == 2
        assert quality["share_converged"] < 0.5

    def test_starts_lie_within_the_bounds_on_both_branches(self):
        starts = np.array(STARTS)
        assert ((starts > LOW) & (starts < HIGH)).all()
        assert starts[0, 0] > starts[0, 1]
        assert starts[1, 0] < starts[1, 1]


def test_without_orientations_the_spherical_mean_is_fitted(tiny_dataset):
    result = fit(tiny_dataset, lmax=0)
    assert result.fod.shape == (tiny_dataset.n_voxels, n_coefficients(0))
    assert (result.scalars[:, 5] == 0).all()
    assert np.isfinite(result.scalars).all()
