from pathlib import Path

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.files import sha256
from napari_smi_inr.io.noise import parse_noise
from napari_smi_inr.noise_level import NOISE_ESTIMATORS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("  ", None),
        ("3.5", 3.5),
        ("mppca", "mppca"),
        (" b0 ", "b0"),
        ("./b0", Path("b0")),
        ("sub/noise.nii", Path("sub/noise.nii")),
        ("mpca", Path("mpca")),
    ],
)
def test_what_a_user_types_is_understood(text, expected):
    found = parse_noise(text)
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, Path)


@pytest.mark.parametrize("how", sorted(NOISE_ESTIMATORS))
def test_a_word_estimates_the_noise_on_reading(how, tmp_path):
    data = smi.simulate((24, 24, 8), snr=25)
    save_scan(data, tmp_path)
    back = smi.load(tmp_path / "dwi.nii.gz", mask=tmp_path / "mask.nii.gz", noise=how)
    assert np.median(back.noise[back.mask] / data.noise[back.mask]) == pytest.approx(1, abs=0.1)
    (note,) = (note for note in back.notes if "oise" in note)
    assert f"{np.median(back.noise[back.mask]):.4g} (median)" in note
    assert back.read_from["noise"] == how
    assert back.noise.dtype == np.float32
    assert set(back.checksums) == {"dwi.nii.gz", "mask.nii.gz", "dwi.bval", "dwi.bvec", "dwi.bdelta"}


@pytest.mark.parametrize("wrap", [Path, lambda path: f"./{path}"])
def test_a_file_called_like_a_word_is_still_a_file(scan, wrap, monkeypatch):
    (scan / "noise.nii.gz").rename(scan / "b0.nii.gz")
    (scan / "b0.nii.gz").rename(scan / "b0")
    monkeypatch.chdir(scan.folder)
    with pytest.raises(InputError, match="NIfTI") as caught:  # NIfTI files have a name that says so
        smi.load(**scan.arguments(), noise=wrap("b0"))
    assert caught.value.where.endswith("b0")


@pytest.mark.parametrize("noise", ["mpca", "MPPCA", "b00"])
def test_a_mistyped_word_brings_up_the_choices(scan, noise):
    with pytest.raises(InputError, match="no such file") as caught:
        smi.load(**scan.arguments(), noise=noise)
    assert caught.value.where == noise
    assert ", ".join(NOISE_ESTIMATORS) in caught.value.remedy


def test_the_fingerprint_of_a_map_is_kept(scan):
    data = smi.load(**scan.arguments(), noise=str(scan / "noise.nii.gz"))
    assert data.checksums["noise.nii.gz"] == sha256(scan / "noise.nii.gz")
