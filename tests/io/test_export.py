"""A scan as files: every part under its name, written as other programs expect it."""

import dataclasses

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.json_text import read_json
from napari_smi_inr.io.scan import load_scan
from scan_files import ScanFiles, small_dataset


def with_deviation(data):
    deviation = np.eye(3) + np.random.default_rng(0).uniform(-0.1, 0.1, (*data.shape, 3, 3))
    return dataclasses.replace(data, deviation=deviation.astype(np.float32))


def test_every_part_has_its_file_and_the_scan_comes_first(tmp_path):
    plain, whole = small_dataset(), with_deviation(small_dataset())
    bare = dataclasses.replace(plain, noise=None)
    tables = ["x.bval", "x.bvec", "x.bdelta"]
    for data, images in (
        (bare, ["x.nii.gz", "mask.nii.gz"]),
        (plain, ["x.nii.gz", "mask.nii.gz", "noise.nii.gz"]),
        (whole, ["x.nii.gz", "mask.nii.gz", "grad_dev.nii.gz", "noise.nii.gz"]),
    ):
        folder = tmp_path / str(len(images)) / "new"
        paths = save_scan(data, folder, "x")
        assert paths == [folder / name for name in images + tables]
        assert sorted(folder.iterdir()) == sorted(paths)  # and no side-car


def test_with_a_record_every_image_says_what_it_is(tmp_path):
    save_scan(with_deviation(small_dataset()), tmp_path, record={"Simulation": {"seed": 4}})
    told = {path.stem: read_json(path, "side-car") for path in tmp_path.glob("*.json")}
    assert {name: (each["Description"], each["Units"]) for name, each in told.items()} == {
        "dwi": ("b-tensor diffusion scan", "signal"),
        "mask": ("voxels to fit", "1"),
        "noise": ("standard deviation of the noise", "signal"),
        "grad_dev": ("non-uniformity of the gradients, FSL convention, fractions", "1"),
    }
    assert all(each["Simulation"] == {"seed": 4} for each in told.values())


def test_tables_are_those_of_fsl(tmp_path):
    data = small_dataset()
    save_scan(data, tmp_path)
    assert (tmp_path / "dwi.bval").read_text() == "0 50 1000 1003 998 2000 2000 2000 2000 1500 1500\n"
    assert (tmp_path / "dwi.bdelta").read_text() == "1 1 1 1 1 1 1 -0.5 -0.5 0 0\n"
    rows = (tmp_path / "dwi.bvec").read_text().splitlines()
    assert [len(row.split()) for row in rows] == [11, 11, 11]
    assert "-0 " not in "".join(f"{row} " for row in rows)  # of a zero vector
    expected = data.acquisition.directions[2] * [-1, 1, 1]  # stored from left to right, counted from right to left
    np.testing.assert_allclose(np.loadtxt(tmp_path / "dwi.bvec")[:, 2], expected, atol=1e-10)


def test_rounding_in_the_last_bit_never_shows(tmp_path):
    data = small_dataset()
    shaken = dataclasses.replace(data.acquisition, b=np.nextafter(data.acquisition.b, 9))
    for name, acquisition in (("one", data.acquisition), ("other", shaken)):
        save_scan(dataclasses.replace(data, acquisition=acquisition), tmp_path / name)
    assert (tmp_path / "one" / "dwi.bval").read_bytes() == (tmp_path / "other" / "dwi.bval").read_bytes()


def test_one_noise_level_becomes_a_map_and_a_map_stays(tmp_path):
    data = small_dataset()
    save_scan(data, tmp_path / "one")
    image = nib.load(tmp_path / "one" / "noise.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.full(data.shape, 3.5, np.float32))
    noise = np.random.default_rng(1).uniform(1, 2, data.shape).astype(np.float32)
    save_scan(dataclasses.replace(data, noise=noise), tmp_path / "map")
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "map" / "noise.nii.gz").dataobj), noise)


class TestReadAgain:
    """What reading tells of where everything came from."""

    @pytest.fixture
    def files(self, tmp_path):
        save_scan(with_deviation(small_dataset()), tmp_path)
        return ScanFiles(tmp_path)

    def test_each_role_names_its_file(self, files):
        data = load_scan(**files.arguments(), noise=files / "noise.nii.gz", grad_dev=files / "grad_dev.nii.gz")
        assert dict(data.read_from) == {
            "dwi": "dwi.nii.gz",
            "mask": "mask.nii.gz",
            "noise": "noise.nii.gz",
            "grad_dev": "grad_dev.nii.gz",
            "bval": "dwi.bval",
            "bvec": "dwi.bvec",
            "bdelta": "dwi.bdelta",
        }
        assert set(data.checksums) == set(data.read_from.values())

    def test_noise_that_is_no_file_is_told_as_it_was_asked_for(self, files):
        assert load_scan(**files.arguments(), noise=2).read_from["noise"] == 2.0
        plain = load_scan(**files.arguments())
        assert "noise" not in plain.read_from
        assert load_scan(**files.arguments(), noise=2).checksums == plain.checksums

    def test_without_shapes_there_is_no_file_of_them(self, files):
        (files / "dwi.bdelta").unlink()
        files.edit_table("dwi.bvec", lambda u: np.where(np.linalg.norm(u, axis=0) > 0, u, [[1], [0], [0]]))
        data = load_scan(**files.arguments())
        assert "bdelta" not in data.read_from
        assert data.read_from["bvec"] == "dwi.bvec"

    def test_of_two_files_of_one_name_both_are_fingerprinted(self, files, tmp_path):
        (tmp_path / "other").mkdir()
        (files / "mask.nii.gz").rename(tmp_path / "other" / "dwi.nii.gz")
        data = load_scan(files.dwi, tmp_path / "other" / "dwi.nii.gz")
        assert {"dwi.nii.gz", "mask: dwi.nii.gz"} <= set(data.checksums)
        assert data.checksums["dwi.nii.gz"] != data.checksums["mask: dwi.nii.gz"]

    def test_notes_come_in_the_order_of_reading_and_none_is_empty(self, files):
        data = load_scan(**files.arguments(), noise=3)
        assert [note.split()[0] for note in data.notes] == ["b-values", "grad_dev.nii.gz", str(data.n_voxels)]
        assert data.notes[0] == "b-values taken as s/mm² (the largest is 2000)."
        assert data.noise == 3.0
        corrected = load_scan(**files.arguments(), grad_dev=files / "grad_dev.nii.gz")
        assert corrected.notes[1].startswith("Gradient non-uniformity read as deviations")
        assert corrected.deviation.dtype == np.float32

    def test_paths_may_be_written_with_the_home_folder(self, files, monkeypatch):
        monkeypatch.setenv("HOME", str(files.folder))
        monkeypatch.setenv("USERPROFILE", str(files.folder))
        data = load_scan("~/dwi.nii.gz", "~/mask.nii.gz", noise="~/noise.nii.gz", bval="~/dwi.bval")
        assert data.checksums == load_scan(**files.arguments(), noise=files / "noise.nii.gz").checksums
