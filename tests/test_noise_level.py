"""The noise that was added must be found again, and nothing else."""

import sys

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.errors import InputError
from napari_smi_inr.noise_level import NOISE_ESTIMATORS, estimate_noise
from napari_smi_inr.signal_model.noise import add_noise

HOW = sorted(NOISE_ESTIMATORS)


def scan_of(snr=30.0, kind="gaussian", shape=(20, 20, 8), n_b0=6, seed=0):
    """One kind of tissue per column of voxels, everywhere in the grid, b up to 2; noise that grows along x."""
    rng = np.random.default_rng(seed)
    b = np.repeat([0.0, 1.0, 2.0], [n_b0, 12, 20])
    u = rng.normal(size=(len(b), 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    slow = np.exp(-b * rng.uniform(0.3, 0.7, (*shape[:2], 1, 1)))
    fast = np.exp(-b * rng.uniform(1.5, 2.0, (*shape[:2], 1, 1)) * u[:, 0] ** 2)
    clean = np.broadcast_to(100 * (0.6 * slow + 0.4 * fast), (*shape, len(b)))
    sigma = np.broadcast_to(100 / snr * np.linspace(0.8, 1.2, shape[0])[:, None, None], shape)
    signal = add_noise(clean, sigma[..., None], kind, rng).astype(np.float32)
    return signal, Acquisition(b, np.ones_like(b), u), sigma


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("kind", "snr"), [("gaussian", 10), ("gaussian", 60), ("rician", 60)])
def test_a_known_map_of_the_noise_is_found(how, kind, snr):
    signal, acquisition, sigma = scan_of(snr, kind)
    mask = np.ones(sigma.shape, bool)
    found = estimate_noise(signal, acquisition, mask, how)
    assert found.shape == sigma.shape
    assert found.dtype == np.float32
    assert np.median(found / sigma) == pytest.approx(1, abs=0.05)
    assert np.sqrt(np.mean((found / sigma - 1) ** 2)) < 0.1
    assert np.corrcoef(found.mean(axis=(1, 2)), sigma.mean(axis=(1, 2)))[0, 1] > 0.95


@pytest.mark.parametrize("how", HOW)
def test_the_noise_of_the_phantom_is_found(how):
    data = smi.simulate((28, 28, 8), snr=20)
    ratio = (estimate_noise(data.signal, data.acquisition, data.mask, how) / np.where(data.mask, data.noise, 1))[
        data.mask
    ]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    assert np.mean(np.abs(ratio - 1) < 0.25) > 0.95


@pytest.mark.parametrize("how", HOW)
def test_the_noise_has_the_units_of_the_signal(how):
    signal, acquisition, sigma = scan_of(shape=(12, 12, 6))
    mask = np.ones(sigma.shape, bool)
    once, thrice = (
        estimate_noise(factor * signal, acquisition, mask, how) for factor in (np.float32(1), np.float32(3))
    )
    np.testing.assert_allclose(thrice, 3 * once, rtol=1e-3)


@pytest.mark.parametrize("how", HOW)
def test_air_around_the_mask_is_left_out_of_account(how):
    signal, acquisition, sigma = scan_of(shape=(20, 20, 8))
    mask = np.zeros(sigma.shape, bool)
    mask[3:17, 3:17, 1:7] = True
    signal = np.where(np.pad(mask[3:17, 3:17, 1:7], ((1, 5), (3, 3), (1, 1)))[..., None], signal, 0)
    mask &= signal.any(axis=-1)
    found = estimate_noise(signal, acquisition, mask, how)
    assert np.median(found[mask] / sigma[mask]) == pytest.approx(1, abs=0.07)
    assert (found[mask] > 0).all()
    assert not found[~mask].any()


@pytest.mark.parametrize("n", [2, 3, 8])
def test_few_volumes_without_weighting_give_no_other_level_than_many(n):
    signal, acquisition, sigma = scan_of(shape=(40, 40, 12), n_b0=n)
    found = estimate_noise(signal, acquisition, np.ones(sigma.shape, bool), "b0")
    assert np.mean(found / sigma) == pytest.approx(1, abs=0.03)


def test_spikes_are_no_noise():
    signal, acquisition, sigma = scan_of(shape=(24, 24, 10), n_b0=8)
    spikes = np.random.default_rng(1).uniform(size=sigma.shape) < 0.05
    signal[spikes, 3] *= 3
    found = estimate_noise(signal, acquisition, np.ones(sigma.shape, bool), "b0")
    assert np.median(found / sigma) == pytest.approx(1, abs=0.1)
    assert np.sqrt(np.mean(np.var(signal[..., :8], axis=-1, ddof=1) / sigma**2)) > 3


def test_only_volumes_of_one_b_value_are_compared():
    signal, acquisition, sigma = scan_of(snr=100)
    b = acquisition.b.copy()
    b[:3] = 0.05
    signal[..., :3] *= np.exp(-0.05 * 2)
    found = estimate_noise(signal, Acquisition(b, acquisition.b_delta, acquisition.directions), sigma > 0, "b0")
    assert np.median(found / sigma) == pytest.approx(1, abs=0.05)


def test_one_volume_without_weighting_has_none_to_compare_with():
    signal, acquisition, sigma = scan_of(n_b0=1)
    with pytest.raises(InputError, match="one only") as caught:
        estimate_noise(signal, acquisition, sigma > 0, "b0")
    assert "mppca" in caught.value.remedy


@pytest.mark.parametrize("how", HOW)
def test_a_scan_without_noise_has_no_level(how):
    _, acquisition, sigma = scan_of(shape=(12, 12, 6))
    with pytest.raises(InputError, match="shows none"):
        estimate_noise(np.ones((*sigma.shape, acquisition.n_volumes)), acquisition, sigma > 0, how)


def test_a_scan_too_small_for_a_window_is_refused(tiny_dataset):
    with pytest.raises(InputError, match="more than 154 voxels"):
        estimate_noise(tiny_dataset.signal, tiny_dataset.acquisition, tiny_dataset.mask, "mppca")


def test_two_slices_are_enough():
    signal, acquisition, sigma = scan_of(shape=(24, 24, 2))
    found = estimate_noise(signal, acquisition, sigma > 0, "mppca")
    assert np.median(found / sigma) == pytest.approx(1, abs=0.1)


def test_without_dipy_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "dipy.denoise.localpca", None)
    signal, acquisition, sigma = scan_of(shape=(12, 12, 6))
    with pytest.raises(InputError, match="takes dipy") as caught:
        estimate_noise(signal, acquisition, sigma > 0, "mppca")
    assert "napari-smi-inr[experiments]" in caught.value.remedy
