import json

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.io.maps import map_name, save_fod, save_maps
from napari_smi_inr.io.nifti import write_image

RECORD = {"config": {"lmax": 4}, "seed": 7, "versions": {"numpy": "2"}, "inputs": {"dwi.nii.gz": "abc"}}


def some_maps():
    rng = np.random.default_rng(0)
    maps = {symbol: rng.uniform(size=(4, 3, 2)).astype(np.float32) for symbol in ("Di", "f", "p2")}
    maps["f"][0] = np.nan
    return maps


def test_maps_keep_values_place_and_record(tmp_path, affine):
    maps = some_maps()
    paths = save_maps(maps, affine, tmp_path / "new" / "folder", RECORD, prefix="sub-01")
    assert [path.name for path in paths] == [
        f"sub-01_model-sm_param-{label}_dwimap.nii.gz" for label in ("di", "f", "p2")
    ]
    for path, (_, values) in zip(paths, maps.items(), strict=True):
        image = nib.load(path)
        np.testing.assert_array_equal(np.asarray(image.dataobj), values)
        assert image.get_data_dtype() == np.float32
        assert image.header.get_xyzt_units()[0] == "mm"
        for place, code in (image.get_sform(coded=True), image.get_qform(coded=True)):
            assert code == 1
            np.testing.assert_allclose(place, affine, atol=1e-5)
        side_car = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text(encoding="utf-8"))
        assert {key: side_car[key] for key in RECORD} == RECORD
        assert side_car["Description"]
    assert json.loads((paths[0].parent / "sub-01_model-sm_param-di_dwimap.json").read_text())["Units"] == "µm²/ms"


def test_names_without_a_prefix():
    assert map_name("f") == "model-sm_param-f_dwimap.nii.gz"


@pytest.mark.parametrize(("lmax", "n"), [(0, 1), (2, 6), (4, 15), (8, 45)])
def test_fod_tells_its_basis_and_order(tmp_path, lmax, n):
    fod = np.random.default_rng(0).normal(size=(3, 3, 2, n)).astype(np.float32)
    fod[0] = np.nan
    path = save_fod(fod, np.diag([2, 2, 2, 1.0]), tmp_path / map_name("fod"), RECORD)
    np.testing.assert_array_equal(np.asarray(nib.load(path).dataobj), np.nan_to_num(fod))
    encoding = json.loads((tmp_path / "model-sm_param-fod_dwimap.json").read_text())["OrientationEncoding"]
    assert encoding["SphericalHarmonicDegree"] == lmax
    assert encoding["Reference"] == "xyz"


def test_an_impossible_number_of_coefficients_is_refused(tmp_path):
    with pytest.raises(InputError, match="7 coefficients"):
        save_fod(np.zeros((2, 2, 2, 7)), np.eye(4), tmp_path / "fod.nii.gz", {})
    assert not list(tmp_path.iterdir())


def test_unknown_parameters_are_refused(tmp_path):
    with pytest.raises(InputError, match="NDI"):
        save_maps({"NDI": np.zeros((2, 2, 2))}, np.eye(4), tmp_path, {})


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file"):
        save_maps(some_maps(), np.eye(4), tmp_path / "file" / "maps", {})


def test_a_name_taken_by_a_folder_is_refused_and_nothing_is_left_behind(tmp_path):
    (tmp_path / "map.nii.gz").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_image(tmp_path / "map.nii.gz", np.zeros((2, 2, 2)), np.eye(4))
    assert [path.name for path in tmp_path.iterdir()] == ["map.nii.gz"]


def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "map.nii"
    write_image(path, np.ones((2, 2, 2)), np.eye(4))
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nib.Nifti1Image, "to_stream", full_disk)
    with pytest.raises(InputError, match="No space left"):
        write_image(path, np.zeros((2, 2, 2)), np.eye(4))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
