"""``smi-inr info`` of everything that is written: settings, seed, device, versions, checksums, conventions."""

import json
import re

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_smi_inr.cli import app
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.plugin.taking.freeze import Freezing, freeze_steps, grid_of, write_frozen
from napari_smi_inr.simulation.sample import write_sample

FIT = (
    r"^  seed +3$",
    r"^  device +cpu$",
    r"^  versions torch +\d",
    r"^  versions napari-smi-inr +\d",
    r"^  inputs dwi.nii.gz +[0-9a-f]{64}$",
    r"^  read_from mask +mask.nii.gz$",
    r"^  FOD +orthonormal real spherical harmonics, MRtrix basis, scanner axes",
    r"^  Diffusivities +µm²/ms",
)


@pytest.fixture(scope="module")
def folder(tiny_dataset, tmp_path_factory):
    """A scan and its quick fit, a finer map and a frozen one."""
    from napari_smi_inr.inr.field_file import open_field

    place = tmp_path_factory.mktemp("fit")
    save_scan(tiny_dataset, place)
    words = ("--lmax", 2, "--epochs", 1, "--detail", 9, "--device", "cpu", "--seed", 3, "--set", "width=32")
    run("fit", place / "dwi.nii.gz", "--mask", place / "mask.nii.gz", "--out", place, *words)
    run("sample", place / "dwi.smi.safetensors", "-p", "f", "-f", 2, "-o", place / "fine.nii.gz")
    field = open_field(place / "dwi.smi.safetensors")
    freezing = Freezing(("p2",), factor=1, whole=True)
    steps = freeze_steps(field, freezing, grid_of(field, freezing, None, to_file=True))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            write_frozen(end.value, place / "frozen.nii.gz")
            return place


def run(*words):
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.output


OUTPUTS = (
    "dwi_model-sm_param-di_dwimap.nii.gz",
    "dwi_model-sm_param-fod_dwimap.nii.gz",
    "dwi_model-sm_param-residual_dwimap.nii.gz",
    "dwi_model-sm_param-f_dwimap.json",
    "dwi.smi.safetensors",
    "fine.nii.gz",
    "frozen.nii.gz",
)


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_of_a_fit_tells_its_story(folder, name):
    told = run("info", folder / name)
    for words in FIT:
        assert re.search(words, told, re.MULTILINE), words
    assert "times the noise" in told


def test_every_image_of_a_fit_has_its_story_beside_it(folder):
    images = [path for path in folder.glob("*.nii.gz") if "param" in path.name or path.name.startswith("f")]
    assert len(images) == 10
    for image in images:
        record = json.loads(
            image.with_name(image.name.replace(".nii.gz", ".json")).read_text(), parse_constant=pytest.fail
        )
        assert record["Fit"]["seed"] == 3
        assert record["Quality"]["share_at_bound"].keys() == {"Di", "De", "Dp", "f"}
        assert record["Quality"]["error_over_noise"]["ratio"] > 0
        assert record["Conventions"]["FOD"]
        assert record["GeneratedBy"]["Name"] == "napari-smi-inr"


def test_what_is_special_of_each_is_told(folder):
    assert re.search(r"SphericalHarmonicBasis +MRtrix3", run("info", folder / OUTPUTS[1]))
    assert "noise (estimated from the differences of the b = 0 volumes)" in run("info", folder / OUTPUTS[2])
    assert re.search(r"SamplingFactor +2", run("info", folder / "fine.nii.gz"))
    assert re.search(r"SamplesPerVoxel +1", run("info", folder / "frozen.nii.gz"))


def test_a_simulated_scan_tells_its_protocol_and_its_story(tmp_path):
    write_sample(tmp_path, shape=(8, 8, 2), voxel_size=8.0, snr=30, seed=4, deviation=0.05)
    told = run("info", tmp_path / "dwi.nii.gz")
    assert "Verdict: " in told
    for name in (
        "dwi",
        "mask",
        "noise",
        "grad_dev",
        "truth/model-sm_param-f_dwimap",
        "truth/model-sm_param-fod_dwimap",
    ):
        told = run("info", tmp_path / f"{name}.nii.gz")
        for words in (r"^  seed +4$", r"^  snr +30", r"^  versions numpy +\d", r"^  p2 +sqrt"):
            assert re.search(words, told, re.MULTILINE), (name, words)


def test_a_plain_image_says_that_it_has_no_story(tmp_path):
    path = tmp_path / "plain.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((4, 5, 6), np.float32), np.diag([2, 2, 2, 1])), path)
    told = run("info", path)
    assert "4 x 5 x 6 voxels of 2 x 2 x 2 mm, axes RAS" in told
    assert "Nothing tells how it came about" in told
    (tmp_path / "plain.json").write_text('{"EchoTime": 0.08}')  # another tool's
    told = " ".join(run("info", path).split())
    assert "which is not of this program" in told
    assert "EchoTime" not in told


def test_another_tools_sidecar_beside_a_scan_changes_nothing(tiny_dataset, tmp_path):
    save_scan(tiny_dataset, tmp_path)
    before = run("info", tmp_path / "dwi.nii.gz")
    (tmp_path / "dwi.json").write_text('{"EchoTime": 0.08, "GeneratedBy": [{"Name": "dcm2niix"}]}')
    assert run("info", tmp_path / "dwi.nii.gz") == before


def test_files_of_an_experiment_tell_its_configuration(tmp_path):
    from napari_smi_inr.experiments.configuration import claim
    from napari_smi_inr.experiments.settings import ExperimentSettings

    asked = ExperimentSettings.checked(experiment="1", seed=6, device="cpu", voxels=60)
    claim(tmp_path, asked, {"a.nii": "12ab"}, "smi-inr experiment 1", overwrite=False)
    (tmp_path / "metrics.csv").write_text("method\n")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "maps.png").write_bytes(b"x")
    for name in ("config.json", "metrics.csv", "figures/maps.png"):
        told = run("info", tmp_path / name)
        for words in (r"^  seed +6$", r"^  torch +\d", r"^  a.nii +12ab$"):
            assert re.search(words, told, re.MULTILINE), (name, words)


def test_a_damaged_record_is_told(folder, tmp_path):
    path = tmp_path / "map.nii.gz"
    path.write_bytes((folder / OUTPUTS[0]).read_bytes())
    (tmp_path / "map.json").write_text('{"Fit": ')
    result = CliRunner().invoke(app, ["info", str(path)])
    assert result.exit_code == 2
    assert "map.json: is not readable as JSON" in result.stderr
