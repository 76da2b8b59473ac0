from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.io.scan import load_scan
from napari_smi_inr.simulation.sample import STEP, write_sample
from napari_smi_inr.simulation.simulate import simulate

SHIPPED = Path(__file__).parents[2] / "sample_data"
GRID = {"shape": (12, 12, 3), "voxel_size": 7.0}


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first, again = (write_sample(tmp_path / name, **GRID) for name in "ab")  # type: ignore[arg-type]
    assert [path.name for path in first] == [path.name for path in again]
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_what_is_written_is_what_was_simulated(tmp_path: Path) -> None:
    dwi, *_ = write_sample(tmp_path, **GRID, seed=2, snr=20.0)  # type: ignore[arg-type]
    scan = simulate(**GRID, seed=2, snr=20.0, lmax=4)  # type: ignore[arg-type]
    loaded = load_scan(dwi, tmp_path / "mask.nii.gz", noise=tmp_path / "noise.nii.gz")
    np.testing.assert_allclose(loaded.signal, scan.signal, atol=STEP / 2 * 1.001)
    np.testing.assert_array_equal(loaded.mask, scan.mask)
    np.testing.assert_allclose(loaded.affine, scan.affine)
    np.testing.assert_allclose(loaded.acquisition.b, scan.acquisition.b)
    np.testing.assert_allclose(loaded.acquisition.b_delta, scan.acquisition.b_delta)
    np.testing.assert_allclose(loaded.acquisition.directions, scan.acquisition.directions, atol=1e-7)
    np.testing.assert_allclose(np.asarray(loaded.noise), np.asarray(scan.noise), atol=1e-3)
    truth = nib.load(tmp_path / "truth" / "model-sm_param-f_dwimap.nii.gz").get_fdata()
    np.testing.assert_allclose(truth, scan.truth_maps()["f"], rtol=1e-6)


def test_non_uniform_gradients_are_written_as_they_were(tmp_path: Path) -> None:
    write_sample(tmp_path, shape=(8, 8, 2), voxel_size=9.0, deviation=0.1)
    scan = simulate(shape=(8, 8, 2), voxel_size=9.0, lmax=4, deviation=0.1)
    loaded = load_scan(tmp_path / "dwi.nii.gz", tmp_path / "mask.nii.gz", grad_dev=tmp_path / "grad_dev.nii.gz")
    assert loaded.deviation is not None
    assert scan.deviation is not None
    np.testing.assert_allclose(loaded.deviation, scan.deviation, atol=1e-6)
    assert np.abs(loaded.deviation - loaded.deviation.swapaxes(-1, -2)).max() > 0.005  # rows and columns differ


def test_noise_free_sample_says_so(tmp_path: Path) -> None:
    paths = write_sample(tmp_path, **GRID, snr=float("inf"))  # type: ignore[arg-type]
    assert not (tmp_path / "noise.nii.gz").exists()
    sidecar = next(path for path in paths if "param-f_" in path.name).with_name("model-sm_param-f_dwimap.json")
    assert json.loads(sidecar.read_text())["Simulation"]["snr"] == "inf"


@pytest.mark.skipif(not SHIPPED.exists(), reason="sample_data lies beside a checkout only")
def test_shipped_sample_regenerates_bit_for_bit(tmp_path: Path) -> None:
    for path in write_sample(tmp_path):
        shipped = SHIPPED / path.relative_to(tmp_path)
        if path.suffix == ".gz":  # voxels, not gzip's bytes: those depend on the zlib at hand
            image, kept = nib.load(path), nib.load(shipped)
            np.testing.assert_array_equal(image.get_fdata(), kept.get_fdata(), err_msg=path.name)
            np.testing.assert_array_equal(image.affine, kept.affine)
        else:
            assert path.read_text() == shipped.read_text(), path.name
