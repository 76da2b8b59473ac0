"""Scanning given maps: the same signal as the phantom's, noise of the right size, and maps that cannot be."""

from dataclasses import replace

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.parameters import FOD
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.from_maps import TrueMaps, simulate_maps


@pytest.fixture(scope="module")
def phantom():
    return smi.simulate((8, 8, 3), 5.0, snr=np.inf, lmax=4, seed=1)


@pytest.fixture(scope="module")
def truth(phantom):
    values = phantom.truth.evaluate(phantom.truth.centres[phantom.mask.ravel()])
    fod = values.pop(FOD)
    values.pop("p2")
    return TrueMaps(values, fod, phantom.mask, phantom.affine)


def test_the_signal_is_that_of_the_model_and_of_the_phantom(phantom, truth):
    scan = simulate_maps(truth, phantom.acquisition, snr=np.inf)
    expected = predict_signal(truth.values, truth.fod, phantom.acquisition)
    np.testing.assert_allclose(scan.signal[scan.mask], expected, rtol=1e-6)
    np.testing.assert_allclose(scan.signal[scan.mask], phantom.signal[phantom.mask], rtol=1e-5)
    assert scan.noise is None
    for symbol, values in scan.truth_maps().items():
        np.testing.assert_allclose(values, phantom.truth_maps()[symbol], rtol=1e-5)
    np.testing.assert_allclose(scan.truth.fod_map(), phantom.truth.fod_map(), atol=1e-6)


def test_deviating_gradients_are_the_phantoms(phantom, truth):
    theirs = smi.simulate((8, 8, 3), 5.0, snr=np.inf, lmax=4, seed=1, deviation=0.1)
    ours = simulate_maps(truth, phantom.acquisition, snr=np.inf, deviation=0.1)
    inside = phantom.mask
    np.testing.assert_allclose(ours.deviation[inside], theirs.deviation[inside], atol=1e-6)
    np.testing.assert_allclose(ours.signal[inside], theirs.signal[inside], rtol=1e-5)


@pytest.mark.parametrize("kind", ["gaussian", "rician"])
def test_noise_has_the_size_asked_for(phantom, truth, kind):
    scan = simulate_maps(truth, phantom.acquisition, snr=20, noise=kind, seed=5)
    np.testing.assert_allclose(scan.noise[scan.mask], truth.values["S0"] / 20, rtol=1e-5)
    error = (scan.signal[scan.mask] - phantom.signal[phantom.mask])[:, phantom.acquisition.b < 1.5]
    assert np.std(error / scan.noise[scan.mask][:, None]) == pytest.approx(1, abs=0.05)
    again = simulate_maps(truth, phantom.acquisition, snr=20, noise=kind, seed=5)
    np.testing.assert_array_equal(again.signal, scan.signal)
    assert (scan.signal.min() < 0) == (kind == "gaussian")


def test_lower_orders_are_cut_and_higher_ones_refused(truth):
    scan = simulate_maps(truth, lmax=2)
    np.testing.assert_array_equal(scan.truth.fod, truth.fod[:, :6])
    with pytest.raises(smi.InputError, match="reach 4 only"):
        simulate_maps(truth, lmax=6)


def test_the_nearest_voxels_keep_their_place_and_values(truth):
    part = truth.nearest(20)
    assert part.mask.sum() == 20
    places = np.argwhere(part.mask) @ part.affine[:3, :3].T + part.affine[:3, 3]
    whole = {
        tuple(np.round(p, 6)): v
        for p, v in zip(
            np.argwhere(truth.mask) @ truth.affine[:3, :3].T + truth.affine[:3, 3], truth.values["Di"], strict=True
        )
    }
    assert [whole[tuple(np.round(p, 6))] for p in places] == part.values["Di"].tolist()
    assert truth.nearest(10**6).mask.sum() == truth.mask.sum()


SPOILT = {
    "Di": lambda t: replace(t, values={**t.values, "Di": -t.values["Di"]}),
    "f": lambda t: replace(t, values={**t.values, "f": t.values["f"] + 1}),
    "S0": lambda t: replace(t, values={k: v for k, v in t.values.items() if k != "S0"}),
    "De": lambda t: replace(t, values={**t.values, "De": np.full_like(t.values["De"], np.nan)}),
    "fod": lambda t: replace(t, fod=2 * t.fod),
    "truth": lambda t: replace(t, mask=np.zeros_like(t.mask)),
}


@pytest.mark.parametrize("what", SPOILT)
def test_impossible_maps_are_named(truth, what):
    with pytest.raises(smi.InputError) as error:
        SPOILT[what](truth)
    assert error.value.where == what


def test_noise_without_signal_is_refused(truth):
    with pytest.raises(smi.InputError, match="snr"):
        simulate_maps(truth, snr=0)
