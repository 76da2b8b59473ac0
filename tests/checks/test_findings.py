"""Every fault that would be silently wrong is said; a clean scan is passed without a warning."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

import napari_smi_inr as smi
from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.checks import Severity, check_scan, concerning, with_findings
from napari_smi_inr.checks.encoding import check_encoding
from napari_smi_inr.checks.mask import check_mask
from napari_smi_inr.checks.noise import check_noise
from napari_smi_inr.checks.some_voxels import signals, some_tiles
from napari_smi_inr.checks.units import check_units
from napari_smi_inr.estimation.record import provenance


def named(findings):
    return [finding.what for finding in findings]


def as_linear(acquisition):
    """The same volumes with their shapes forgotten, and a direction invented where there is none."""
    directed = np.any(acquisition.directions != 0, axis=1)
    directions = np.where(directed[:, None], acquisition.directions, [1.0, 0.0, 0.0])
    return {"b_delta": np.ones_like(acquisition.b), "directions": directions}


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_scan_is_passed_without_a_word(seed):
    assert check_scan(smi.simulate((28, 28, 8), snr=50, lmax=4, seed=seed)) == ()


def test_spherical_volumes_that_count_as_linear_are_noticed(phantom, measured):
    (finding,) = check_encoding(measured(phantom, **as_linear(phantom.acquisition)))
    assert "b = 2000 s/mm² has two kinds of volumes" in finding.text
    assert ".bdelta" in finding.remedy


def test_a_shell_without_any_direction_is_noticed():
    """All of one shell spherical, with directions invented."""
    phantom, rng = smi.simulate((20, 20, 6), snr=80, lmax=4), np.random.default_rng(0)
    keep = (phantom.acquisition.b < 1.5) | (phantom.acquisition.b_delta == 0)
    data = phantom.acquisition.select(keep)
    spherical = data.b_delta == 0
    invented = rng.normal(size=(len(data.b), 3))
    invented /= np.linalg.norm(invented, axis=1, keepdims=True)
    directions = np.where((spherical | data.is_b0)[:, None], invented, data.directions)
    scan = smi.DiffusionDataset(
        phantom.signal[..., keep], Acquisition(data.b, np.ones_like(data.b), directions), phantom.mask, phantom.affine
    )
    (finding,) = check_encoding(scan)
    assert "does not depend on direction" in finding.text


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e-1])
def test_b_values_in_another_unit_are_noticed(phantom, measured, factor):
    (finding,) = check_units(measured(phantom, b=phantom.acquisition.b * factor))
    assert f"multiply them by {1 / factor:g}" in finding.remedy


def test_b_values_in_another_order_than_the_volumes_are_noticed(phantom, measured):
    acquisition = phantom.acquisition
    order = np.argsort(-acquisition.b, kind="stable")
    assert named(check_units(measured(phantom, signal=phantom.signal[..., order]))) == ["Signal grows with b"]


def test_a_mask_in_the_dark_is_noticed_and_how_to_turn_it(phantom, measured):
    front = phantom.mask.copy()
    front[:, :14] = False
    signal = phantom.signal.copy()
    signal[:, :12] *= 0.02
    (finding,) = check_mask(measured(phantom, mask=np.flip(front, 1), signal=signal))
    assert finding.what == "Mask in the dark"
    assert "Turned over along its second axis" in finding.remedy
    assert check_mask(measured(phantom, mask=front, signal=signal)) == ()


def test_a_mask_of_the_whole_picture_is_noticed(phantom, measured):
    everywhere = np.ones_like(phantom.mask)
    signal = np.where(phantom.signal > 0, phantom.signal, 0.5)
    assert named(check_mask(measured(phantom, mask=everywhere, signal=signal))) == ["Mask in the dark"]


def test_a_noise_floor_is_told_to_least_squares_alone():
    low = smi.simulate((28, 28, 8), snr=6, lmax=2, noise="rician")
    for data in (low, dataclasses.replace(low, noise=None)):
        floors = [finding for finding in check_noise(data) if finding.what == "Noise floor"]
        assert len(floors) == 1
        assert "--loss rician" in floors[0].remedy
        assert "SNR is" in floors[0].text
    assert concerning(floors, "rician") == ()
    assert concerning(floors, "mse") == tuple(floors)


def test_noise_around_zero_has_no_floor():
    assert check_noise(smi.simulate((28, 28, 8), snr=6, lmax=2, noise="gaussian")) == ()


@pytest.mark.parametrize(
    ("spoil", "axis"),
    [
        (lambda signal: ndimage.gaussian_filter(signal, (0.7, 0, 0, 0)), "first"),
        (lambda signal: ndimage.gaussian_filter(signal, (0, 0, 0.6, 0)), "third"),
        (lambda signal: ndimage.shift(signal, (0, 0.4, 0, 0), order=1, mode="nearest"), "second"),
    ],
    ids=["filtered", "filtered across slices", "resampled"],
)
def test_smoothed_noise_is_noticed(phantom, measured, spoil, axis):
    found = check_noise(measured(phantom, signal=spoil(phantom.signal)))
    assert named(found) == ["Noise is smooth"]
    assert f"along the {axis} axis" in found[0].text
    assert found[0].severity is Severity.NOTICE


def test_a_scan_interpolated_in_k_space_is_noticed(phantom, measured):
    """Zero-filled from 28 to 40 voxels along the first axis."""
    spectrum = np.fft.fftshift(np.fft.fft(phantom.signal, axis=0), axes=0)
    filled = np.pad(spectrum, ((6, 6), (0, 0), (0, 0), (0, 0)))
    signal = np.fft.ifft(np.fft.ifftshift(filled, axes=0), axis=0).real.astype(np.float32) * np.float32(40 / 28)
    mask = ndimage.zoom(phantom.mask, (40 / 28, 1, 1), order=0) & (signal[..., :4].mean(axis=-1) > 0)
    assert named(check_noise(measured(phantom, signal=signal, mask=mask))) == ["Noise is smooth"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")  # dipy's own: empty patches, few of them
def test_denoising_by_mp_pca_is_noticed_and_judged(phantom, measured):
    """It makes the noise of neighbours alike, and leaves less of it than the fit is told."""
    localpca = pytest.importorskip("dipy.denoise.localpca")
    part = np.s_[6:22, 6:22]
    denoised = localpca.mppca(phantom.signal[part], mask=phantom.mask[part], patch_radius=2)
    scan = measured(phantom, signal=denoised.astype(np.float32), mask=phantom.mask[part])
    scan = dataclasses.replace(scan, noise=phantom.noise[part])
    assert "Noise is smooth" in named(check_noise(scan))
    quality = smi.fit(scan, lmax=2, epochs=12, device="cpu").quality
    assert quality["error_over_noise"]["ratio"] < 0.6
    assert "look denoised" in quality["verdict"]


def test_findings_go_into_the_record(phantom):
    found = check_scan(with_findings(phantom, ()))
    low = smi.simulate((28, 28, 8), snr=6, lmax=2, noise="rician")
    record = provenance(with_findings(low, check_scan(low)), "cpu")
    assert found == ()
    assert record["findings"][0].startswith("Noise floor: at b = ")


def test_large_masks_are_looked_at_in_part_and_evenly():
    mask = np.ones((64, 64, 32), bool)
    some = some_tiles(mask, 10_000)
    assert 5_000 < some.sum() < 15_000
    assert all(some[half].sum() > 0.3 * some.sum() for half in (np.s_[:32], np.s_[32:], np.s_[:, :32], np.s_[:, 32:]))
    assert some_tiles(mask[:8], 10**6) is not None


@pytest.mark.parametrize("order", ["C", "F"])
def test_signals_are_those_of_the_voxels_in_order(phantom, order):
    signal = np.asarray(phantom.signal, order=order)
    volumes = phantom.acquisition.b > 5
    data = dataclasses.replace(phantom, signal=signal)
    np.testing.assert_array_equal(signals(data, phantom.mask, volumes), phantom.signal[phantom.mask][:, volumes])
