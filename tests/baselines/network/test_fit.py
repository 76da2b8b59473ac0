"""Fitting a scan: what is recovered, what changes nothing, what is told on the way."""

from dataclasses import replace

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.baselines.network import fit as fit_module
from napari_smi_inr.baselines.network import learning as learning_module
from napari_smi_inr.baselines.network.seeds import MOST_SEEDS, some_voxels
from napari_smi_inr.errors import InputError
from napari_smi_inr.methods import fit_steps, make_settings
from napari_smi_inr.metrics import pearson
from napari_smi_inr.signal_model.spherical_harmonics import P00, rotational_invariants


def phases(steps):
    return list(dict.fromkeys(step.phase for step in steps))


def test_the_tissue_is_recovered(clean_dataset, clean_fit):
    fit, _ = clean_fit
    maps, truth, mask = fit.maps(), clean_dataset.truth_maps(), clean_dataset.mask
    found = {symbol: pearson(maps[symbol][mask], truth[symbol][mask]) for symbol in ("f", "Di", "Dp", "p2")}
    assert found["f"] > 0.95
    assert min(found.values()) > 0.9
    np.testing.assert_allclose(maps["S0"][mask], truth["S0"][mask], rtol=1e-5)
    true_fod, fod = clean_dataset.truth.fod_map()[mask], fit.fod_map()[mask]
    assert pearson(fod[:, 1:], true_fod[:, 1:]) > 0.95


def test_the_result_is_of_one_piece(clean_dataset, clean_fit):
    fit, _ = clean_fit
    assert fit.fod.shape == (clean_dataset.n_voxels, 6)
    np.testing.assert_allclose(fit.fod[:, 0], P00, rtol=1e-6)
    np.testing.assert_allclose(fit.maps()["p2"][fit.mask], rotational_invariants(fit.fod)[:, 1], rtol=1e-5)
    assert fit.quality["voxels_without_b0"] == 0
    assert set(fit.quality["share_clipped"]) == {"Di", "De", "Dp", "f", "p2"}
    residual = fit.predict_voxels() - clean_dataset.signal[clean_dataset.mask]
    assert fit.quality["rmse"] == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-3)


def test_only_s0_depends_on_the_signals_unit(clean_dataset, clean_fit):
    fit, folder = clean_fit
    again = smi.fit(replace(clean_dataset, signal=1000 * clean_dataset.signal), **as_asked(fit, folder))
    assert again.training["network"]["story"] == "kept from an earlier fit"
    np.testing.assert_allclose(again.scalars[:, 4], 1000 * fit.scalars[:, 4], rtol=1e-5)
    np.testing.assert_allclose(np.delete(again.scalars, 4, 1), np.delete(fit.scalars, 4, 1), atol=1e-4)


def as_asked(fit, folder):
    return {**fit.config.model_dump(), "cache": str(folder)}


def test_values_out_of_bounds_are_brought_within_and_counted(clean_dataset, clean_fit):
    fit, folder = clean_fit
    odd = clean_dataset.signal.copy()
    odd[..., ~clean_dataset.acquisition.is_b0] *= np.random.default_rng(0).uniform(-3, 3, odd[..., :150].shape)
    spoilt = smi.fit(replace(clean_dataset, signal=odd), **as_asked(fit, folder))
    assert all(share > 0 for share in spoilt.training["share_clipped"].values())
    scalars = spoilt.scalars[:, [0, 1, 2, 3, 5]]
    assert (scalars >= 0).all()
    assert (scalars <= np.float32([4, 4, 1.5, 1, 1 + 1e-6])).all()


def test_voxels_without_signal_at_b0_are_finite_and_counted(clean_dataset, clean_fit):
    fit, folder = clean_fit
    dark = clean_dataset.signal.copy()
    voxel = tuple(np.argwhere(clean_dataset.mask)[7])
    dark[voxel][clean_dataset.acquisition.is_b0] = 0.0
    result = smi.fit(replace(clean_dataset, signal=dark), **as_asked(fit, folder))
    assert result.training["voxels_without_b0"] == 1
    assert np.isfinite(result.scalars).all()
    assert np.isfinite(result.fod).all()
    assert result.maps()["S0"][voxel] == 0.0
    np.testing.assert_allclose(np.delete(result.scalars, 7, 0), np.delete(fit.scalars, 7, 0), rtol=1e-5, atol=1e-6)


def test_a_deviation_of_the_gradients_is_left_aside_with_a_note(clean_dataset, clean_fit):
    fit, folder = clean_fit
    deviation = np.broadcast_to(np.diag([1.01, 0.99, 1.0]), (*clean_dataset.shape, 3, 3)).astype(np.float32)
    result = smi.fit(replace(clean_dataset, deviation=deviation), **as_asked(fit, folder))
    np.testing.assert_array_equal(result.scalars, fit.scalars)
    assert "deviation" in result.training["notes"][0]
    assert not fit.training["notes"]


def test_steps_tell_how_far_it_is(clean_dataset, small):
    steps = list(fit_steps(clean_dataset, make_settings("nn", **{**small, "vectors": 1000, "epochs": 3})))
    assert phases(steps) == ["training set", "training", "fit"]
    done = [step.iteration for step in steps]
    assert done == sorted(done)
    assert steps[-1].fraction == 1.0
    assert all(step.n_iterations == steps[0].n_iterations for step in steps)
    curves = [step.losses for step in steps if step.phase == "training"]
    assert 0 < curves[-1].data < 1
    assert 0 < curves[-1].held_out < 1
    assert steps[0].field().maps()["f"].shape == clean_dataset.shape
    assert steps[0].field().quality["share_at_bound"] == {}
    on_the_way = next(step for step in steps if step.phase == "training").field()
    assert on_the_way.mask.sum() == clean_dataset.n_voxels
    assert np.isfinite(on_the_way.scalars).all()
    assert steps[-1].field().config.method == "nn"


def test_a_stopped_training_leaves_nothing_behind(clean_dataset, small, tmp_path):
    steps = fit_steps(clean_dataset, make_settings("nn", **small))
    stopped = next(step for step in steps if step.phase == "training")
    steps.close()
    assert stopped.field().maps()["f"].shape == clean_dataset.shape
    assert not list(tmp_path.rglob("*"))


def test_seeds_decide_everything(clean_dataset, small):
    settings = {**small, "vectors": 500, "epochs": 2, "cache": "off", "brain": 0.5, "snr": 50}
    few = np.zeros_like(clean_dataset.mask)
    few[tuple(np.argwhere(clean_dataset.mask)[::10].T)] = True
    dataset = replace(clean_dataset, mask=few)
    one, same, other = (smi.fit(dataset, "nn", **settings, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.scalars, same.scalars)
    assert not np.array_equal(one.scalars, other.scalars)
    seeds = one.training["network"]["seeds"]
    assert seeds["nlls_fits"] == few.sum()
    assert one.training["network"]["seeded_by_this_scan"]


def test_without_a_usable_seed_all_is_drawn_uniformly_and_told(clean_dataset, small, monkeypatch):
    def outside(dataset, config):
        yield 1.0
        return np.full((5, 9), 10.0)

    monkeypatch.setattr(learning_module, "find_seeds", outside)
    result = smi.fit(clean_dataset, "nn", **{**small, "vectors": 300, "epochs": 1, "brain": 0.5})
    assert "uniformly" in result.training["notes"][0]
    assert result.training["network"]["vectors"] == {"training": 225, "validation": 75}


def test_seeds_come_from_at_most_so_many_voxels(clean_dataset, monkeypatch):
    assert some_voxels(clean_dataset, 0) is clean_dataset
    assert clean_dataset.n_voxels < MOST_SEEDS
    monkeypatch.setattr("napari_smi_inr.baselines.network.seeds.MOST_SEEDS", 20)
    thinned = some_voxels(clean_dataset, 0).mask
    assert thinned.sum() == 20
    assert not (thinned & ~clean_dataset.mask).any()
    np.testing.assert_array_equal(thinned, some_voxels(clean_dataset, 0).mask)
    assert not np.array_equal(thinned, some_voxels(clean_dataset, 1).mask)


@pytest.mark.parametrize("noise", [2.03, "map"])
def test_auto_takes_the_scans_own_snr(clean_dataset, noise):
    b0 = clean_dataset.signal[..., clean_dataset.acquisition.is_b0].mean(axis=-1)
    level = np.maximum(b0 / 37.4, 1e-3).astype(np.float32) if noise == "map" else noise
    snr = fit_module.training_snr(replace(clean_dataset, noise=level), make_settings("nn", snr="auto"))
    expected = 37.4 if noise == "map" else np.median(b0[clean_dataset.mask]) / noise
    assert snr == float(f"{expected:.2g}")


def test_auto_needs_the_noise_level(clean_dataset):
    with pytest.raises(InputError, match="noise level"):
        next(fit_steps(clean_dataset, make_settings("nn", snr="auto")))
    with pytest.raises(InputError, match="snr"):
        next(fit_steps(replace(clean_dataset, noise=1e6), make_settings("nn", snr="auto")))


def test_other_orders_are_refused_and_the_reason_told():
    with pytest.raises(InputError, match="order 2") as caught:
        make_settings("nn", lmax=4)
    assert caught.value.where == "lmax"
