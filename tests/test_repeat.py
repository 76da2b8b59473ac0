"""An earlier fit once more from its record: the same maps to the bit, and a word wherever that cannot be."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

import napari_smi_inr as smi
from napari_smi_inr.cli import app
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.repeat import Recorded, changed_making, read_recorded

QUICK = {
    "inr": ("--lmax", "2", "--epochs", "3", "--seed", "7", "--loss", "rician", "--noise", "2.5"),
    "nlls": ("--lmax", "2", "--set", "max_iterations=8", "--set", "starts=1"),
    "smi": ("--lmax", "2", "--set", "n_training=2000", "--seed", "5", "--noise", "b0"),
    "nn": ("--set", "vectors=400", "--epochs", "1", "--set", "brain=0", "--seed", "3", "--set", "snr=Infinity"),
}


@pytest.fixture(scope="module")
def scan(tiny_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    save_scan(tiny_dataset, folder)
    return folder


@pytest.fixture(scope="module")
def fit(scan):
    """Fit on the command line into a folder; gives the run."""

    def call(out, *words):
        given = ["fit", scan / "dwi.nii.gz", "--mask", scan / "mask.nii.gz", "--out", out, "--device", "cpu", *words]
        return CliRunner().invoke(app, [str(word) for word in given], catch_exceptions=False)

    return call


@pytest.fixture(scope="module")
def first(fit, tmp_path_factory):
    """Folders of fits by method, each made once."""
    made = {}

    def folder(method):
        if method not in made:
            out = made[method] = tmp_path_factory.mktemp(method)
            more = ("--set", f"cache={out / 'kept'}") if method == "nn" else ()
            assert fit(out, "--method", method, *QUICK[method], *more).exit_code == 0
        return made[method]

    return folder


@pytest.fixture
def record(first, tmp_path):
    """Write the record of the INR's fit, changed."""

    def write(change):
        told = json.loads(sidecar(first("inr")).read_text())
        change(told)
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(told))
        return path

    return write


def sidecar(folder):
    return next(folder.glob("*param-f_dwimap.json"))


def images(folder):
    return sorted(folder.glob("*.nii.gz"))


@pytest.mark.parametrize("method", QUICK)
def test_a_repeated_fit_is_the_same_to_the_bit(first, fit, tmp_path, method):
    before = first(method)
    result = fit(tmp_path, "--config", sidecar(before))
    assert result.exit_code == 0
    assert "Warning" not in result.stderr
    assert [path.name for path in images(tmp_path)] == [path.name for path in images(before)]
    for image in images(before):
        assert image.read_bytes() == (tmp_path / image.name).read_bytes(), image.name
    told = [json.loads(sidecar(folder).read_text()) for folder in (before, tmp_path)]
    assert told[0]["Fit"] == told[1]["Fit"]
    assert told[0]["Provenance"] == told[1]["Provenance"]


@pytest.mark.parametrize("name", ["dwi.smi.safetensors", "dwi_model-sm_param-f_dwimap.nii.gz"])
def test_a_field_file_or_a_map_will_do_as_well(first, fit, tmp_path, name):
    assert fit(tmp_path, "--config", first("inr") / name).exit_code == 0
    for image in images(first("inr")):
        assert image.read_bytes() == (tmp_path / image.name).read_bytes(), image.name


def test_directions_that_were_turned_are_turned_again(fit, tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    assert fit(before, "--method", "nlls", "--set", "max_iterations=3", "--bvec-axes=y,x,z").exit_code == 0
    result = fit(after, "--config", sidecar(before))
    assert result.exit_code == 0
    assert "Warning" not in result.stderr
    for image in images(before):
        assert image.read_bytes() == (after / image.name).read_bytes(), image.name
    assert "bvec_axes: y,x,z then" in fit(tmp_path / "other", "--config", sidecar(before), "--bvec-axes=x,-y,z").stderr


def test_a_bare_list_of_settings_will_do_and_says_that_it_tells_no_checksums(fit, tmp_path):
    (tmp_path / "mine.json").write_text('{"method": "nlls", "lmax": 2, "max_iterations": 3}')
    result = fit(tmp_path / "out", "--config", tmp_path / "mine.json")
    assert result.exit_code == 0
    assert "tells no checksums" in result.stderr
    assert json.loads(sidecar(tmp_path / "out").read_text())["Fit"]["max_iterations"] == 3


def test_options_beside_it_go_first(first, fit, tmp_path):
    result = fit(tmp_path, "--config", sidecar(first("inr")), "--seed", 8, "--set", "width=32", "--noise", 3.5)
    assert result.exit_code == 0
    told = json.loads(sidecar(tmp_path).read_text())
    assert (told["Fit"]["seed"], told["Fit"]["width"], told["Fit"]["loss"]) == (8, 32, "rician")
    assert told["Provenance"]["read_from"]["noise"] == 3.5
    assert "noise: 2.5 then, 3.5 now" in result.stderr


@pytest.mark.parametrize("words", [("--method", "nlls"), ("--preset", "paper")])
def test_options_that_would_undo_it_are_refused(first, fit, tmp_path, words):
    result = fit(tmp_path, "--config", sidecar(first("inr")), *words)
    assert result.exit_code == 2
    assert f"Error: {words[0]}: " in result.stderr


def test_another_scan_is_told_loudly_and_fitted_all_the_same(first, scan, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(scan, other)
    image = nib.load(other / "dwi.nii.gz")
    nib.save(nib.Nifti1Image(image.get_fdata(dtype=np.float32) * 1.01, image.affine), other / "dwi.nii.gz")
    words = ["fit", other / "dwi.nii.gz", "--out", tmp_path / "out", "--config", sidecar(first("inr"))]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0
    assert "dwi.nii.gz is not the file of then (SHA-256 " in result.stderr
    assert "mask: mask.nii.gz was given then, and nothing is now." in result.stderr
    assert "dwi.bval is not" not in result.stderr


def test_another_machine_is_told(first, fit, record, tmp_path):
    def change(told):
        told["Provenance"]["versions"]["torch"] = "1.0"
        told["Provenance"]["device"] = "cuda:0"

    result = fit(tmp_path / "out", "--config", record(change))
    assert result.exit_code == 0
    assert "agree to rounding at best (torch 1.0 then, " in result.stderr
    assert "device cuda:0 then, cpu now" in result.stderr


def test_another_network_is_told(first):
    found = read_recorded(sidecar(first("nn")))
    field = smi.open_field(first("inr") / "dwi.smi.safetensors")
    other = Recorded(found.path, found.settings, field.record, {"network": {"seeds": {"digest": "abc"}}})
    assert changed_making(other, field) == ["the network of then is gone, and another one was used"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda told: told["Fit"].update(flux=3), "its setting 'flux' is no setting of this method"),
        (lambda told: told["Fit"].update(lmax=3), "its setting 'lmax' 3 does not do"),
        (lambda told: told["Fit"].update(epochs="many"), "its setting 'epochs' 'many' does not do"),
        (lambda told: told["Fit"].update(epochs=None), "its setting 'epochs' has no value"),
        (lambda told: told["Fit"].update(method="magic"), "its setting 'method' there is no method 'magic'"),
        (lambda told: told["Fit"].update(method=["inr"]), "names no method"),
        (lambda told: told["Fit"].pop("method"), "names no method"),
        (lambda told: told.pop("Fit"), "names no method"),
        (lambda told: told.update(Fit=[1, 2]), "names no method"),
    ],
)
def test_a_record_changed_by_hand_is_refused_by_name(fit, record, tmp_path, change, fault):
    path = record(change)
    result = fit(tmp_path / "out", "--config", path)
    assert result.exit_code == 2
    assert f"Error: {path}: " in result.stderr
    assert fault in result.stderr


def test_settings_of_another_version_say_so(fit, record, tmp_path):
    def change(told):
        told["Fit"]["flux"] = 3
        told["Provenance"]["versions"]["napari-smi-inr"] = "99.1"

    result = fit(tmp_path / "out", "--config", record(change))
    assert f"It was written by version 99.1; this is {smi.__version__}." in result.stderr


def test_settings_that_are_replaced_need_not_be_sound(fit, record, tmp_path):
    path = record(lambda told: told["Fit"].update(epochs="many"))
    assert fit(tmp_path / "out", "--config", path, "--epochs", 1).exit_code == 0


@pytest.mark.parametrize(
    "provenance",
    [
        None,
        [],
        "torch",
        {"versions": [1], "inputs": "x", "read_from": 7},
        {"read_from": {"noise": [1]}},
        {"read_from": {"noise": 10**400}},
    ],
)
def test_a_provenance_of_nonsense_does_no_harm(fit, record, tmp_path, provenance):
    path = record(lambda told: told.update(Provenance=provenance))
    result = fit(tmp_path / "out", "--config", path, "--noise", "2.5")
    assert result.exit_code == 0
    assert "tells no checksums" in result.stderr


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"{", "is not readable as JSON"),
        (b"[1, 2]", "it is no JSON object"),
        (b"\xff\xfe\x00", "is not readable as JSON"),
        (b"", "is empty"),
        (b'{"Fit": {"method": "inr", "learning_rate": NaN}}', "NaN is no number"),
        (b"[" * 100_000, "is not readable as JSON"),
        (b'{"Fit": ' + b"[" * 500 + b"]" * 500 + b"}", "nested too deeply"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "is not readable as JSON"),
    ],
    ids=["cut", "list", "binary", "empty", "NaN", "nested", "deep", "huge number"],
)
def test_a_broken_file_is_refused_by_name(tmp_path, text, fault):
    path = tmp_path / "broken.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match=fault) as caught:
        read_recorded(path)
    assert caught.value.where == str(path)


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_recorded(tmp_path / "no.json")
    (tmp_path / "big.json").write_bytes(b" " * ((1 << 24) + 1))
    with pytest.raises(InputError, match="too large"):
        read_recorded(tmp_path / "big.json")
