"""Where the truth comes from: maps given, and maps made from a scan; and how maps are smoothed for it."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.experiments import truth_scan
from napari_smi_inr.experiments.anisotropic_filter import smooth_within_edges
from napari_smi_inr.experiments.multi_tissue import multi_tissue_fods
from napari_smi_inr.experiments.phantom_size import VOXEL_SIZE, phantom_shape
from napari_smi_inr.experiments.scattered import interpolate_scattered
from napari_smi_inr.experiments.settings import ExperimentSettings
from napari_smi_inr.experiments.truth_folder import read_truth
from napari_smi_inr.io.maps import map_name, save_fod, save_maps
from napari_smi_inr.signal_model.spherical_harmonics import P00, half_sphere, real_sh
from napari_smi_inr.simulation.protocol import paper_protocol


@pytest.fixture(scope="module")
def scan():
    return smi.simulate((10, 10, 3), 3.0, snr=60, lmax=8, seed=0)


@pytest.fixture
def folder(scan, tmp_path):
    save_maps(scan.truth_maps(), scan.affine, tmp_path, {})
    save_fod(scan.truth.fod_map(), scan.affine, tmp_path / map_name("fod"), {})
    return tmp_path


def test_maps_come_back_as_they_were_written(scan, folder):
    source = read_truth(folder)
    assert source.truth.lmax == 8
    np.testing.assert_array_equal(source.truth.mask, scan.mask)
    for symbol, values in source.truth.maps().items():
        np.testing.assert_allclose(values, scan.truth_maps()[symbol], rtol=1e-5)
    assert len(source.checksums) == 6


def test_plain_names_and_a_mask_do_and_s0_may_be_missing(scan, folder):
    for symbol in ("Di", "De", "Dp", "f"):
        (folder / map_name(symbol.lower())).rename(folder / f"{symbol}.nii.gz")
    (folder / map_name("fod")).rename(folder / "fod.nii.gz")
    (folder / map_name("s0")).unlink()
    half = scan.mask.copy()
    half[5:] = False
    nib.save(nib.Nifti1Image(half.astype(np.uint8), scan.affine), folder / "mask.nii.gz")
    truth = read_truth(folder).truth
    np.testing.assert_array_equal(truth.mask, half)
    assert np.ptp(truth.values["S0"]) == 0


def test_unphysical_voxels_are_left_out_and_counted(scan, folder):
    maps = scan.truth_maps()
    voxels = np.argwhere(scan.mask)[:7]
    maps["De"][tuple(voxels.T)] = 0.9 * maps["Dp"][tuple(voxels.T)]
    save_maps({"De": maps["De"]}, scan.affine, folder, {})
    source = read_truth(folder)
    assert source.truth.mask.sum() == scan.mask.sum() - 7
    assert "7 voxels with De < Dp are left out." in source.notes


def test_fods_are_made_to_integrate_to_one(scan, folder):
    save_fod(3 * scan.truth.fod_map(), scan.affine, folder / map_name("fod"), {})
    truth = read_truth(folder).truth
    np.testing.assert_allclose(truth.fod[:, 0], P00)
    np.testing.assert_allclose(truth.fod_map(), scan.truth.fod_map(), atol=1e-6)


def test_faulty_folders_are_named(folder, tmp_path):
    with pytest.raises(smi.InputError, match="no such folder"):
        read_truth(tmp_path / "nowhere")
    (folder / "Di.nii.gz").write_bytes((folder / map_name("de")).read_bytes())
    (folder / "Di.nii").write_bytes(b"")
    with pytest.raises(smi.InputError, match="several maps of Di"):
        read_truth(folder)
    for name in ("Di.nii.gz", "Di.nii", map_name("di")):
        (folder / name).unlink()
    with pytest.raises(smi.InputError, match="no map of Di"):
        read_truth(folder)


def test_an_fod_of_an_odd_number_of_coefficients_is_refused(scan, folder):
    nib.save(nib.Nifti1Image(scan.truth.fod_map()[..., :7], scan.affine), folder / map_name("fod"))
    with pytest.raises(smi.InputError, match="cannot be an FOD"):
        read_truth(folder)


def test_an_experiment_runs_on_maps(run, folder, tmp_path, undrawn):
    words = ("1", "--truth", folder, "--methods", "nlls", "--set", "nlls.starts=1", "--snr", "50", "--voxels", "40")
    result = run(*words, "--device", "cpu", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert nib.load(tmp_path / "out" / "fits" / "snr50_nlls" / map_name("f")).get_fdata().shape != (10, 10, 3)


def test_filtering_keeps_constants_edges_and_the_mean():
    mask = np.ones((8, 6, 5), dtype=bool)
    mask[0] = False
    np.testing.assert_allclose(smooth_within_edges(np.full(mask.shape, 2.5), mask)[mask], 2.5)
    step = np.where(np.arange(8)[:, None, None] < 4, 0.0, 1.0) * np.ones(mask.shape)
    np.testing.assert_allclose(smooth_within_edges(step, mask)[mask], step[mask], atol=1e-12)
    noisy = step + 0.03 * np.random.default_rng(0).standard_normal(mask.shape)
    smooth = smooth_within_edges(noisy, mask)
    assert smooth[mask].mean() == pytest.approx(noisy[mask].mean())
    for side in (slice(1, 4), slice(4, 8)):
        assert smooth[side].std() < 0.6 * noisy[side].std()
    assert np.isnan(smooth[~mask]).all()


def test_filtering_follows_the_heat_equation_where_nothing_is_an_edge():
    x = np.arange(32)
    mask = np.ones((32, 1, 1), dtype=bool)
    wave = np.cos(np.pi * (x + 0.5) / 32 * 4)[:, None, None]
    found = smooth_within_edges(wave, mask, iterations=3, threshold=1e3)
    decay = (1 - 2 / 7 * (1 - np.cos(np.pi * 4 / 32))) ** 3
    np.testing.assert_allclose(found, decay * wave, atol=1e-9)


def test_multi_tissue_fods_point_along_the_true_ones_and_are_not_negative(scan):
    part = replace(scan, mask=scan.mask & (np.arange(10)[:, None, None] < 5))
    fod = multi_tissue_fods(part, 8)
    sphere = half_sphere(1000)
    order = {15: 4, 28: 6, 45: 8}[fod.shape[1]]
    values = fod @ real_sh(sphere, order).T
    true = part.truth.fod_map()[part.mask] @ real_sh(sphere, 8).T
    sharp = part.truth.maps()["p2"][part.mask] > 0.4
    axes, expected = (sphere[np.argmax(v[sharp], axis=1)] for v in (values, true))
    angles = np.degrees(np.arccos(np.clip(np.abs(np.sum(axes * expected, axis=1)), 0, 1)))
    assert sharp.sum() > 10
    assert np.median(angles) < 10
    assert values.min() > -0.05 * values.max()


def test_too_few_directions_make_no_fod(scan):
    sparse = np.flatnonzero(scan.acquisition.is_b0 | (scan.acquisition.b_delta == 0))
    poor = replace(scan, signal=scan.signal[..., [*sparse, 5]], acquisition=scan.acquisition.select([*sparse, 5]))
    with pytest.raises(smi.InputError, match="too few directions"):
        multi_tissue_fods(poor, 8)


def test_a_truth_made_from_a_scan_is_near_the_scans_own(scan, tmp_path, monkeypatch):
    monkeypatch.setattr(truth_scan, "SMI_SETTINGS", {"lmax": 4, "n_training": 3000})
    settings = ExperimentSettings.checked(experiment="1", voxels=60, device="cpu")
    source = truth_scan.kept_truth(scan, settings, tmp_path)
    assert 30 < source.truth.mask.sum() <= 60
    found, true = source.truth.maps(), scan.truth.maps()
    assert abs(np.nanmedian(found["f"]) - np.nanmedian(true["f"])) < 0.15
    assert any("voxels taken as the truth" in note for note in source.notes)
    monkeypatch.setattr(truth_scan, "truth_from_scan", None)  # a second time it comes from the folder
    again = truth_scan.kept_truth(scan, settings, tmp_path)
    np.testing.assert_array_equal(again.truth.fod, source.truth.fod)
    assert again.notes == source.notes


@pytest.mark.parametrize(("wanted", "tolerance"), [(60, 0.5), (3000, 0.03)])
def test_the_phantom_has_about_the_size_asked_for(wanted, tolerance):
    protocol = paper_protocol().select([0, 1, 4, 24, 64])
    scan = smi.simulate(phantom_shape(wanted), VOXEL_SIZE, protocol=protocol)
    assert scan.n_voxels == pytest.approx(wanted, rel=tolerance)


@pytest.mark.parametrize("flat", [False, True])
def test_scattered_interpolation_is_exact_for_planes_and_at_its_places(flat):
    places = np.indices((5, 5, 1 if flat else 4)).reshape(3, -1).T.astype(float)
    places = places[places.sum(axis=1) % 2 == 0]
    plane = places @ [[1.0, 2.0], [-1.0, 0.5], [0.3, 0.0]] + 3
    points = np.array([[1.5, 2.2, 0.0], [3.0, 2.0, 0.0]])
    expected = points @ [[1.0, 2.0], [-1.0, 0.5], [0.3, 0.0]] + 3
    np.testing.assert_allclose(interpolate_scattered(places, plane, points), expected, atol=1e-8)
    rough = np.random.default_rng(0).normal(size=(len(places), 1))
    for kind in ("cubic", "linear"):
        np.testing.assert_allclose(interpolate_scattered(places, rough, places, kind), rough, atol=1e-7)
