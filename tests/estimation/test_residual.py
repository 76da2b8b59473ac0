"""What a fit leaves unexplained, as a map."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.errors import InputError
from napari_smi_inr.estimation import residual
from napari_smi_inr.estimation.residual import residual_map
from napari_smi_inr.signal_model.noise import rician_mean


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(residual, "_VALUES_AT_ONCE", 154 * 7)


@pytest.mark.usefixtures("small_chunks")
def test_it_is_the_distance_from_data_to_fit_in_units_of_the_noise(tiny_dataset, tiny_field):
    done = []
    found = residual_map(tiny_field, tiny_dataset, done.append)
    measured = tiny_dataset.signal[tiny_dataset.mask]
    rms = np.sqrt(np.mean((measured - tiny_field.predict_voxels()) ** 2, axis=1))
    np.testing.assert_allclose(found.values[tiny_dataset.mask], rms / tiny_dataset.noise[tiny_dataset.mask], rtol=1e-5)
    assert np.isnan(found.values[~tiny_dataset.mask]).all()
    assert found.unit == "noise"
    assert "given with the scan" in found.description
    assert max(done) == 7
    assert sum(done) == tiny_dataset.n_voxels


def test_without_noise_it_is_a_share_of_s0(tiny_dataset, tiny_field):
    equal = tiny_dataset.signal.copy()  # the volumes at b = 0 do not differ: no noise is seen
    b0 = tiny_dataset.acquisition.is_b0
    equal[..., b0] = equal[..., b0].mean(axis=-1, keepdims=True)
    scan = dataclasses.replace(tiny_dataset, signal=equal, noise=None)
    found = residual_map(tiny_field, scan)
    assert found.unit == "S0"
    rms = np.sqrt(np.mean((equal[scan.mask] - tiny_field.predict_voxels()) ** 2, axis=1))
    np.testing.assert_allclose(found.values[scan.mask], rms / tiny_field.maps()["S0"][scan.mask], rtol=1e-5)


def test_it_shows_where_the_data_were_spoilt(tiny_dataset, tiny_field):
    spoilt = tiny_dataset.signal.copy()
    voxel = tuple(np.argwhere(tiny_dataset.mask)[40])
    spoilt[voxel] *= 1.5
    before = residual_map(tiny_field, tiny_dataset).values
    after = residual_map(tiny_field, dataclasses.replace(tiny_dataset, signal=spoilt)).values
    assert np.unravel_index(np.nanargmax(after - before), before.shape) == voxel
    others = tiny_dataset.mask.copy()
    others[voxel] = False
    np.testing.assert_array_equal(after[others], before[others])


def test_the_rician_bias_is_no_residual(tiny_dataset, tiny_field):
    config = tiny_field.config.model_copy(update={"loss": "rician"})
    field = dataclasses.replace(tiny_field, config=config)
    sigma = tiny_dataset.noise[tiny_dataset.mask][:, None]
    exact = tiny_dataset.signal.copy()
    exact[tiny_dataset.mask] = rician_mean(field.predict_voxels(), sigma)
    found = residual_map(field, dataclasses.replace(tiny_dataset, signal=exact))
    assert np.nanmax(found.values) < 1e-4


def test_deviating_gradients_are_reckoned_with(small_chunks):
    scan = smi.simulate(shape=(6, 6, 2), voxel_size=7.0, snr=np.inf, lmax=2, seed=0, deviation=0.1)
    scan = dataclasses.replace(scan, noise=1.0)
    field = smi.fit(scan, lmax=2, epochs=1, detail=9.0, device="cpu")
    found = residual_map(field, scan)
    expected = field.predict_voxels(deviation=scan.voxel_deviation)
    rms = np.sqrt(np.mean((scan.signal[scan.mask] - expected) ** 2, axis=1))
    np.testing.assert_allclose(found.values[scan.mask], rms, rtol=1e-5)


def test_voxels_asked_for_alone_are_predicted_as_among_all(tiny_field, tiny_dataset):
    some = np.array([3, 50, 51])
    np.testing.assert_allclose(tiny_field.predict_voxels(voxels=some), tiny_field.predict_voxels()[some], rtol=1e-5)
    fit = smi.fit(tiny_dataset, "nlls", max_iterations=3, device="cpu")
    np.testing.assert_allclose(fit.predict_voxels(voxels=some), fit.predict_voxels()[some], rtol=1e-12)


def test_it_can_be_cancelled(tiny_dataset, tiny_field):
    assert residual_map(tiny_field, tiny_dataset, cancelled=lambda: True) is None


def test_another_scan_is_refused(tiny_dataset, tiny_field):
    fewer = np.arange(100)
    other = dataclasses.replace(
        tiny_dataset, signal=tiny_dataset.signal[..., fewer], acquisition=tiny_dataset.acquisition.select(fewer)
    )
    with pytest.raises(InputError, match=r"100 volumes, the scan that was fitted .* 154 volumes"):
        residual_map(tiny_field, other)
