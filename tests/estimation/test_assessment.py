"""A fit's error against the noise: near one where all is well, and said in words where it is not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.estimation.assessment import DENOISED, MISFIT, assessed, verdict
from napari_smi_inr.estimation.noise_floor import floor_of, noise_level
from napari_smi_inr.noise_level import noise_from_b0

QUICK = {
    "inr": {"lmax": 2, "seed": 0},
    "nlls": {"lmax": 2, "max_iterations": 30},
    "smi": {"lmax": 2, "n_training": 10_000},
    "nn": {"vectors": 5000, "epochs": 4, "cache": "off", "snr": "auto"},
}


@pytest.fixture(scope="module")
def noisy():
    """About 230 voxels at SNR 20."""
    return smi.simulate(shape=(12, 12, 3), voxel_size=3.5, snr=20, lmax=2, seed=3)


@pytest.fixture(scope="module")
def fitted(noisy):
    return smi.fit(noisy, "nlls", device="cpu", **QUICK["nlls"])


def ratio_of(fit):
    return fit.quality["error_over_noise"]["ratio"]


@pytest.mark.parametrize("method", QUICK)
def test_the_error_of_a_sound_fit_is_the_noise(noisy, method):
    quality = smi.fit(noisy, method, device="cpu", **QUICK[method]).quality
    assert 0.93 < quality["error_over_noise"]["ratio"] < 1.2
    assert quality["error_over_noise"]["of"] == ("volumes never fitted" if method == "inr" else "volumes fitted")
    assert quality["noise"]["snr"] == pytest.approx(20, rel=0.05)
    assert quality["noise"]["source"] == "given with the scan"
    assert "to within it" in quality["verdict"]


def test_numbers_that_a_fit_spends_are_reckoned_with(noisy):
    many = smi.fit(noisy, "nlls", lmax=6, max_iterations=10, device="cpu")
    assert many.quality["rmse"] / np.sqrt(np.mean(noisy.noise[noisy.mask] ** 2)) < DENOISED
    assert ratio_of(many) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("loss", ["mse", "rician"])
def test_magnitudes_in_the_noise_are_judged_by_their_own_smaller_spread(loss):
    scan = smi.simulate(shape=(12, 12, 3), voxel_size=3.5, snr=8, lmax=2, noise="rician", seed=3)
    field = smi.fit(scan, lmax=2, loss=loss, device="cpu")
    assert 0.92 < ratio_of(field) < 1.12
    plain = field.quality["held_out_rmse"] / np.sqrt(np.mean(np.square(scan.noise[scan.mask])))
    assert plain < 0.9  # which would have been taken for denoised


def test_the_spread_of_magnitudes_is_that_of_drawn_ones():
    rng = np.random.default_rng(0)
    for snr in (0.0, 0.7, 2.0, 30.0):
        drawn = np.hypot(snr + rng.normal(size=400_000), rng.normal(size=400_000))
        floor = floor_of(np.array([[drawn.mean()]]), np.array([[1.0]]), magnitude=True)
        assert floor[0, 0] == pytest.approx(drawn.var(), rel=0.03)


def test_a_noise_level_too_high_is_told(noisy, fitted):
    judged = assessed(fitted, dataclasses.replace(noisy, noise=noisy.noise * 1.5))
    assert ratio_of(judged) == pytest.approx(ratio_of(fitted) / 1.5, rel=1e-6)
    assert "denoised or interpolated, or the noise level is too high" in judged.quality["verdict"]


def test_data_that_were_smoothed_are_told(noisy):
    """Averaged with two copies of other noise, as denoising does; the noise level is that of before."""
    other = [smi.simulate(shape=(12, 12, 3), voxel_size=3.5, snr=20, lmax=2, seed=s) for s in (4, 5)]
    # the seed also turns the protocol: take noise alone from them
    clean = smi.simulate(shape=(12, 12, 3), voxel_size=3.5, snr=np.inf, lmax=2, seed=3).signal
    pure = [o.signal - smi.simulate(shape=(12, 12, 3), voxel_size=3.5, snr=np.inf, lmax=2, seed=s).signal
            for o, s in zip(other, (4, 5), strict=True)]  # fmt: skip
    smooth = (noisy.signal + 2 * clean + sum(pure)) / 3
    judged = smi.fit(dataclasses.replace(noisy, signal=smooth.astype(np.float32)), lmax=2, device="cpu")
    assert ratio_of(judged) < DENOISED
    assert "denoised" in judged.quality["verdict"]


def test_data_that_the_model_cannot_explain_are_told(noisy):
    """A volume in four is that of a head that has moved by three voxels."""
    moved = noisy.signal.copy()
    moved[..., 1::4] = np.roll(moved[..., 1::4], 3, axis=0)
    judged = smi.fit(dataclasses.replace(noisy, signal=moved), lmax=2, device="cpu")
    assert ratio_of(judged) > MISFIT
    assert "the model or the data do not fit" in judged.quality["verdict"]


def test_without_a_noise_level_the_volumes_at_b0_tell_it(noisy, fitted):
    judged = assessed(fitted, dataclasses.replace(noisy, noise=None))
    assert "differences of the b = 0 volumes" in judged.quality["noise"]["source"]
    assert judged.quality["noise"]["snr"] == pytest.approx(20, rel=0.1)


def test_noise_found_slab_by_slab_is_that_of_the_whole(noisy, fitted, monkeypatch):
    monkeypatch.setattr("napari_smi_inr.estimation.noise_floor._SLAB", 1)
    found = noise_level(fitted, dataclasses.replace(noisy, noise=None))
    whole = noise_from_b0(noisy.signal, noisy.acquisition, noisy.mask)[noisy.mask]
    np.testing.assert_allclose(found.sigma, whole, rtol=1e-12)


def test_where_nothing_tells_the_noise_that_is_said(noisy, fitted):
    one = np.ones(noisy.acquisition.n_volumes, bool)
    one[np.flatnonzero(noisy.acquisition.is_b0)[1:]] = False
    short = dataclasses.replace(
        noisy, noise=None, signal=noisy.signal[..., one], acquisition=noisy.acquisition.select(one)
    )
    quality = smi.fit(short, lmax=0, epochs=1, detail=9.0, device="cpu").quality
    assert "not known" in quality["verdict"]
    assert "error_over_noise" not in quality


def test_a_fit_is_never_lost_to_its_judgement(noisy, fitted, monkeypatch):
    def broken(*_):
        raise MemoryError("no room")

    monkeypatch.setattr("napari_smi_inr.estimation.assessment.Comparison", broken)
    judged = assessed(fitted, noisy)
    assert judged.quality["verdict"] == "The fit could not be judged (MemoryError: no room)."
    np.testing.assert_array_equal(judged.scalars, fitted.scalars)


def test_a_fit_that_knows_no_voxel_yet_is_no_fault(noisy, fitted):
    nothing = dataclasses.replace(
        fitted, mask=np.zeros_like(noisy.mask), scalars=fitted.scalars[:0], fod=fitted.fod[:0]
    )
    assert "verdict" not in assessed(dataclasses.replace(nothing, training={}), noisy).training


def test_the_limits_are_where_the_words_change():
    assert "to within it" in verdict(DENOISED, "volumes fitted")
    assert "to within it" in verdict(MISFIT, "volumes fitted")
    assert "do not fit" in verdict(MISFIT + 0.01, "volumes fitted")
    assert "learnt noise" in verdict(DENOISED - 0.01, "volumes fitted")
    assert "learnt noise" not in verdict(DENOISED - 0.01, "volumes never fitted")
    assert "what nn has learnt" in verdict(2, "volumes fitted", "nn")


def test_a_field_file_keeps_the_judgement(noisy, tmp_path):
    field = smi.fit(noisy, lmax=0, epochs=1, detail=9.0, device="cpu")
    field.save(tmp_path / "x.smi.safetensors")
    assert smi.open_field(tmp_path / "x.smi.safetensors").quality == field.quality
