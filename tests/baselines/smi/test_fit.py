"""SMI from end to end: simulate, fit, compare."""

import dataclasses

import nibabel as nib
import numpy as np
import pytest
import torch

import napari_smi_inr as smi
from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.baselines.smi.config import SmiConfig
from napari_smi_inr.baselines.smi.fit import smi_steps
from napari_smi_inr.baselines.smi.learning import Learning, levels_of, noise_at
from napari_smi_inr.baselines.smi.solver import BOUNDS, UNIFORM_GRADIENTS, Solver
from napari_smi_inr.baselines.smi.training_set import PRIOR, TARGETS
from napari_smi_inr.errors import InputError
from napari_smi_inr.metrics import compare
from napari_smi_inr.parameters import SCALARS
from napari_smi_inr.results import write_results
from napari_smi_inr.signal_model.spherical_harmonics import P00
from napari_smi_inr.simulation.protocol import spread_axes

QUICK = {"n_training": 6000, "lmax": 2, "device": "cpu"}


def scan(snr=np.inf, protocol=None, noise="gaussian", shape=(14, 14, 4)):
    return smi.simulate(shape, 6.0, snr=snr, lmax=2, protocol=protocol, noise=noise)


def protocol(*shells):
    rng = np.random.default_rng(0)
    b, b_delta = (np.repeat([s[i] for s in shells], [s[2] for s in shells]).astype(float) for i in (0, 1))
    u = [np.zeros((n, 3)) if x * s == 0 else spread_axes(n, rng) for x, s, n in shells]
    return Acquisition(b, b_delta, np.concatenate(u))


def scores(fit, data, metric="rmse"):
    return {symbol: row[metric] for symbol, row in compare(fit.maps(), data.truth_maps(), data.mask).items()}


@pytest.fixture(scope="module")
def clean():
    return scan()


@pytest.fixture(scope="module")
def fitted(clean):
    return smi.fit(clean, "smi", **QUICK)


@pytest.fixture(scope="module")
def noisy():
    return scan(30)


@pytest.fixture(scope="module")
def noisy_fit(noisy):
    return smi.fit(noisy, "smi", **QUICK)


@pytest.mark.parametrize("symbol", TARGETS)
def test_without_noise_all_is_known_far_better_than_beforehand(clean, fitted, symbol):
    low, high = PRIOR[symbol]
    assert scores(fitted, clean)[symbol] < 0.2 * (high - low) / np.sqrt(12)


def test_without_noise_voxels_are_told_apart(clean, fitted):
    found = scores(fitted, clean, "pearson")
    assert min(found[symbol] for symbol in TARGETS) > 0.95


def test_the_fod_is_that_of_the_tissue(clean, fitted):
    truth = clean.truth.fod_map()[clean.mask]
    np.testing.assert_allclose(fitted.fod[:, 0], P00, rtol=1e-6)
    assert np.sqrt(np.mean((fitted.fod - truth)[:, 1:] ** 2)) < 0.05 * np.sqrt(np.mean(truth[:, 1:] ** 2))


def test_s0_is_the_mean_of_the_volumes_without_weighting(noisy, noisy_fit):
    b0 = noisy.signal[noisy.mask][:, noisy.acquisition.is_b0].mean(axis=1)
    np.testing.assert_allclose(noisy_fit.maps()["S0"][noisy.mask], b0, rtol=1e-6)


def test_errors_fall_with_the_noise(clean, fitted, noisy, noisy_fit):
    worse = scan(10)
    error = [
        scores(fit, data)
        for fit, data in ((fitted, clean), (noisy_fit, noisy), (smi.fit(worse, "smi", **QUICK), worse))
    ]
    for symbol in ("Di", "Dp", "f", "p2"):
        assert error[0][symbol] < error[1][symbol] < error[2][symbol]


def test_the_signal_is_explained_up_to_the_noise(noisy, noisy_fit):
    sigma = np.sqrt(np.mean(noisy.noise[noisy.mask] ** 2))
    assert noisy_fit.quality["rmse"] == pytest.approx(sigma, rel=0.05)
    difference = noisy_fit.predict_voxels() - noisy.signal[noisy.mask]
    assert np.sqrt(np.mean(difference**2)) == pytest.approx(noisy_fit.quality["rmse"], rel=1e-3)


def test_the_units_of_the_signal_do_not_matter(noisy, noisy_fit):
    factor = np.float32(64)
    times = dataclasses.replace(noisy, signal=factor * noisy.signal, noise=factor * noisy.noise)
    found = smi.fit(times, "smi", **QUICK).scalars
    scale = np.where(np.array(SCALARS) == "S0", factor, 1)
    np.testing.assert_allclose(found, noisy_fit.scalars * scale, rtol=1e-5)


def test_all_stays_within_bounds():
    data = scan(4)
    fit = smi.fit(data, "smi", **QUICK)
    for symbol, values in zip(SCALARS, fit.scalars.T, strict=True):
        low, high = BOUNDS.get(symbol, (0, np.inf))
        assert low <= values.min()
        assert values.max() <= high
    assert np.isfinite(fit.fod).all()
    clipped = fit.quality["share_clipped"]
    share = np.isin(fit.scalars[:, SCALARS.index("f")], BOUNDS["f"]).mean()
    assert clipped["f"] == pytest.approx(share, abs=1e-3)
    assert max(clipped.values()) > 0


def test_noise_levels_are_chosen_by_each_voxels_own_noise():
    shares = [0, 0.0199, 0.0201, 0.05, 0.19, 0.25, 9.0]
    assert levels_of(np.array(shares), 10).tolist() == [0, 0, 1, 2, 9, 9, 9]
    assert [noise_at(level, 10) for level in (0, 1, 9)] == pytest.approx([0.01, 0.03, 0.19])


def test_voxels_of_unlike_noise_are_read_by_unlike_polynomials(noisy):
    loud = np.where(np.arange(noisy.shape[0])[:, None, None] < 7, noisy.noise, 3 * noisy.noise)
    fit = smi.fit(dataclasses.replace(noisy, noise=loud.astype(np.float32)), "smi", **QUICK)
    share = loud[noisy.mask] / fit.scalars[:, SCALARS.index("S0")]
    levels, counts = np.unique(levels_of(share, 10), return_counts=True)
    expected = {f"{noise_at(level, 10):.3g}": n for level, n in zip(levels.tolist(), counts.tolist(), strict=True)}
    assert len(expected) > 1
    assert fit.quality["noise_levels"] == expected


def test_what_is_learnt_depends_on_protocol_and_noise_alone(clean, noisy):
    learnt = []
    for data in (dataclasses.replace(clean, noise=noisy.noise), noisy):
        config = SmiConfig(**QUICK)
        learning = Learning(Solver(data, config, {}, {}).invariants, [1], config, torch.device("cpu"))
        assert list(learning.steps())[-1] == 1
        learnt.append(learning.regressions[1].coefficients)
    assert torch.equal(*learnt)


def test_equal_settings_give_equal_maps_and_another_seed_others(noisy, noisy_fit):
    np.testing.assert_array_equal(smi.fit(noisy, "smi", **QUICK).scalars, noisy_fit.scalars)
    other = smi.fit(noisy, "smi", **QUICK, seed=1).scalars
    assert 0 < np.abs(other - noisy_fit.scalars).max() < 1


class TestNoise:
    """Where the noise level comes from."""

    def note(self, data):
        training = {}
        Solver(data, SmiConfig(**QUICK), training, {})
        return training["notes"][0]

    def test_it_is_taken_as_given(self, noisy):
        assert "as given" in self.note(noisy)

    def test_it_is_found_from_repeated_volumes(self, noisy):
        training = {}
        solver = Solver(dataclasses.replace(noisy, noise=None), SmiConfig(**QUICK), training, {})
        assert "b = 0 volumes" in training["notes"][0]
        given = Solver(noisy, SmiConfig(**QUICK), {}, {})
        assert np.mean(np.abs(solver.levels - given.levels) <= 1) > 0.95

    def test_with_one_volume_only_mp_pca_finds_it(self):
        one = protocol((0, 1, 1), (1, 1, 20), (2, 1, 40))
        data = smi.simulate((22, 22, 8), 4.0, snr=30, protocol=one)
        assert "MP-PCA" in self.note(dataclasses.replace(data, noise=None))

    def test_with_one_volume_and_few_voxels_it_must_be_given(self):
        data = scan(30, protocol((0, 1, 1), (1, 1, 20), (2, 1, 60)), shape=(6, 6, 3))
        with pytest.raises(InputError, match="no window") as caught:
            smi.fit(dataclasses.replace(data, noise=None), "smi", **QUICK)
        assert caught.value.where == "noise"

    def test_a_scan_without_any_is_read_as_such(self, clean):
        assert "free of noise" in self.note(clean)


class TestProtocols:
    @pytest.mark.parametrize(
        "shells",
        [
            ((0, 1, 5), (0.25, 1, 4), (1, 1, 20), (2, 1, 60)),
            ((0, 1, 4), (1, 1, 20), (2, 1, 40), (2, -0.5, 30)),
            ((0, 1, 4), (1, -0.5, 20), (2, -0.5, 40)),
        ],
        ids=["linear", "linear and planar", "planar"],
    )
    def test_any_shape_will_do(self, shells):
        data = scan(protocol=protocol(*shells), shape=(10, 10, 3))
        fit = smi.fit(data, "smi", n_training=6000)
        assert np.isfinite(fit.scalars).all()
        found = scores(fit, data, "pearson")
        assert found["f"] > 0.7
        assert found["p2"] > 0.9

    def test_six_directions_a_shell_are_too_few(self):
        data = scan(50, protocol((0, 1, 4), (1, 1, 6), (2, 1, 6)), shape=(6, 6, 3))
        with pytest.raises(InputError, match="how coherent"):
            smi.fit(data, "smi", **QUICK)

    def test_non_uniform_gradients_are_owned_up_to(self, clean, fitted):
        deviation = np.broadcast_to(np.eye(3, dtype=np.float32), (*clean.shape, 3, 3)).copy()
        fit = smi.fit(dataclasses.replace(clean, deviation=deviation), "smi", **QUICK)
        assert UNIFORM_GRADIENTS in fit.training["notes"]
        assert UNIFORM_GRADIENTS not in fitted.training["notes"]
        np.testing.assert_array_equal(fit.scalars, fitted.scalars)


def test_the_noise_floor_can_be_taken_out_of_magnitudes():
    data = scan(12, noise="rician")
    plain, corrected = (smi.fit(data, "smi", rician_correction=on, **QUICK) for on in (False, True))
    floor = [np.abs(scores(fit, data, "bias")["f"]) for fit in (plain, corrected)]
    assert floor[1] < floor[0]


def test_a_polynomial_beyond_the_training_set_is_refused(clean):
    with pytest.raises(InputError, match="560 terms") as caught:
        smi.fit(clean, "smi", n_training=1000)
    assert caught.value.where == "n_training"


@pytest.mark.parametrize("given", [{"degree": 0}, {"n_training": 10}, {"lmax": 3}, {"noise_levels": 0}, {"epochs": 5}])
def test_a_wrong_setting_is_named(clean, given):
    with pytest.raises(InputError) as caught:
        smi.fit(clean, "smi", **given)
    assert caught.value.where in given


def test_progress_goes_from_training_to_fit_and_can_be_left_at_any_time(clean):
    steps = list(smi_steps(clean, SmiConfig(**QUICK)))
    phases = [step.phase for step in steps]
    assert phases == sorted(phases, key=["training", "fit"].index)
    assert set(phases) == {"training", "fit"}
    assert np.all(np.diff([step.fraction for step in steps]) >= 0)
    assert steps[-1].fraction == 1
    first = next(smi_steps(clean, SmiConfig(**QUICK))).field()
    assert not first.mask.any()
    assert np.isnan(first.maps()["f"]).all()
    assert steps[-1].field().mask.sum() == clean.n_voxels


def test_the_published_settings_are_the_defaults():
    config = SmiConfig()
    assert (config.n_training, config.degree, config.noise_levels, config.rician_correction) == (100_000, 3, 10, False)


def test_the_noise_it_went_by_comes_as_a_map(noisy, noisy_fit, tmp_path):
    np.testing.assert_array_equal(noisy_fit.noise_map()[noisy.mask], noisy.noise[noisy.mask])
    assert np.isnan(noisy_fit.noise_map()[~noisy.mask]).all()
    write_results(noisy_fit, tmp_path)
    written = nib.load(tmp_path / "model-sm_param-sigma_dwimap.nii.gz").get_fdata(dtype=np.float32)
    np.testing.assert_array_equal(written, noisy_fit.noise_map())


def test_noise_that_is_not_given_is_found_and_told(noisy):
    unknown = dataclasses.replace(noisy, noise=None)
    found = smi.fit(unknown, "smi", **QUICK).noise_map()[noisy.mask]
    assert np.median(found / noisy.noise[noisy.mask]) == pytest.approx(1, abs=0.1)
