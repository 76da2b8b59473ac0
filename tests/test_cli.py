"""The command line: every command on real files, its exit codes, and the same numbers as Python gives."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

import napari_smi_inr as smi
from bad_inputs import CASES, arguments
from napari_smi_inr.checks.axes import turned
from napari_smi_inr.cli import app
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.methods import METHODS, settings_class

SETTINGS = ("--lmax", "2", "--epochs", "3", "--detail", "9", "--device", "cpu", "--seed", "3")
PROGRAM = (sys.executable, "-c", "from napari_smi_inr.cli import main; main()")


@pytest.fixture
def run():
    """Call the program in this process; returns exit code, stdout, stderr and what it raised."""

    def call(*words):
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)

    return call


@pytest.fixture(scope="module")
def tiny_scan(tiny_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    save_scan(tiny_dataset, folder)
    return folder


@pytest.fixture(scope="module")
def fitted(tiny_scan, tmp_path_factory):
    out = tmp_path_factory.mktemp("fit")
    words = ["fit", tiny_scan / "dwi.nii.gz", "--mask", tiny_scan / "mask.nii.gz", "--out", out, *SETTINGS]
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0
    return out, result


@pytest.fixture(scope="module")
def field_file(tiny_field, tmp_path_factory):
    path = tmp_path_factory.mktemp("field") / "tiny.smi.safetensors"
    tiny_field.save(path)
    return path


def test_help_comes_at_once_without_torch_or_napari():
    code = (
        "import sys; from typer.testing import CliRunner; from napari_smi_inr.cli import app\n"
        "result = CliRunner().invoke(app, ['--help']); assert result.exit_code == 0\n"
        "print(result.output); print({'torch', 'napari', 'scipy', 'nibabel', 'matplotlib', 'qtpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("set()")
    for command in ("info", "fit", "sample", "simulate", "demo", "doctor"):
        assert re.search(rf"^\W*{command} ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", ["info", "fit", "sample", "simulate", "demo", "doctor"])
def test_every_command_explains_itself(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 8


def test_version_is_the_packages(run):
    assert run("--version").output == f"smi-inr {smi.__version__}\n"


def test_info_shows_shells_and_verdict(run, tiny_scan):
    result = run("info", tiny_scan / "dwi.nii.gz", "--mask", tiny_scan / "mask.nii.gz")
    assert result.exit_code == 0
    assert re.search(r"^  2 +spherical +15$", result.output, re.MULTILINE)
    assert re.search(r"^  0 +b = 0 +4$", result.output, re.MULTILINE)
    assert "Verdict: " in result.output
    assert "s/mm²" in result.output  # what was assumed of the units
    assert max(map(len, result.output.splitlines())) <= 120


def test_info_of_a_field_tells_how_it_was_made(run, field_file):
    result = run("info", field_file)
    assert result.exit_code == 0
    for words in (r"^  lmax +2$", r"^  epochs +120$", r"held-out volumes  [\d.]+ ", r"^  versions torch +\d"):
        assert re.search(words, result.output, re.MULTILINE), words


def test_fit_gives_the_numbers_python_gives(fitted, tiny_scan):
    out, _ = fitted
    data = smi.load(tiny_scan / "dwi.nii.gz", mask=tiny_scan / "mask.nii.gz")
    field = smi.fit(data, lmax=2, epochs=3, detail=9.0, device="cpu", seed=3)
    maps = field.maps()
    for symbol, values in maps.items():
        written = nib.load(out / f"dwi_model-sm_param-{symbol.lower()}_dwimap.nii.gz")
        np.testing.assert_array_equal(written.get_fdata(dtype=np.float32), values)
        np.testing.assert_allclose(written.affine, data.affine, atol=1e-6)
    fod = nib.load(out / "dwi_model-sm_param-fod_dwimap.nii.gz").get_fdata(dtype=np.float32)
    np.testing.assert_array_equal(fod, field.fod_map())


def test_fit_leaves_a_record_beside_every_map(fitted, tiny_scan):
    out, _ = fitted
    images = sorted(out.glob("*.nii.gz"))
    assert len(images) == 8
    for image in images:
        record = json.loads(Path(str(image).replace(".nii.gz", ".json")).read_text(), parse_constant=pytest.fail)
        assert record["Fit"]["seed"] == 3
        assert record["Fit"]["detail_used_mm"] == 9.0
        assert set(record["Provenance"]["inputs"]) == {f"dwi.{e}" for e in ("nii.gz", "bval", "bvec", "bdelta")} | {
            "mask.nii.gz"
        }
        assert record["Units"]


def test_fit_tells_quality_and_progress(fitted):
    _, result = fitted
    assert "error on held-out volumes" in result.stdout
    assert "Di at a bound" in result.stdout
    assert "%|" not in result.stdout  # the bar belongs to stderr


def test_another_method_leaves_its_maps_under_its_name(run, tiny_scan, tmp_path):
    options = ("--method", "nlls", "--set", "max_iterations=20", "--set", "tolerance=1e-6")
    result = run("fit", tiny_scan / "dwi.nii.gz", "--mask", tiny_scan / "mask.nii.gz", "--out", tmp_path, *options)
    assert result.exit_code == 0
    assert "error on the volumes fitted" in result.stdout
    assert not list(tmp_path.glob("*.safetensors"))
    image = tmp_path / "dwi_model-sm_desc-nlls_param-f_dwimap.nii.gz"
    data = smi.load(tiny_scan / "dwi.nii.gz", mask=tiny_scan / "mask.nii.gz")
    maps = smi.fit(data, "nlls", max_iterations=20, tolerance=1e-6).maps()
    np.testing.assert_array_equal(nib.load(image).get_fdata(dtype=np.float32), maps["f"])
    record = json.loads((tmp_path / image.name.replace(".nii.gz", ".json")).read_text())
    assert record["Fit"]["method"] == "nlls"
    assert record["Fit"]["tolerance"] == 1e-6


def test_methods_lists_every_setting(run):
    result = run("methods")
    assert result.exit_code == 0
    for name in METHODS:
        assert f"{name}: {METHODS[name].title}" in result.stdout
        for setting in set(settings_class(name).model_fields) - {"method"}:
            assert re.search(rf"^{setting} ", result.stdout, re.MULTILINE), setting


def test_field_of_the_command_line_opens_in_python(fitted):
    out, _ = fitted
    field = smi.open_field(out / "dwi.smi.safetensors")
    assert field.config.lmax == 2
    assert field.record["inputs"]["dwi.nii.gz"]


def test_nothing_held_out_still_makes_strict_json(run, scan, tmp_path):
    out = tmp_path / "out"
    result = run("fit", scan.dwi, "--out", out, *SETTINGS, "--held-out", 0, "--epochs", 1)
    assert result.exit_code == 0
    assert "none held out" in result.stdout
    for path in out.glob("*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize("noise", ["3.5", "noise.nii.gz"])
def test_rician_fit_takes_a_number_or_a_map(run, scan, tmp_path, noise):
    value = noise if noise == "3.5" else scan / noise
    result = run("fit", scan.dwi, "--out", tmp_path / "out", *SETTINGS, "--loss", "rician", "--noise", value)
    assert result.exit_code == 0


@pytest.mark.parametrize("command", ["info", "fit"])
def test_the_noise_is_estimated_when_asked_by_a_word(run, scan, tmp_path, command):
    scan.edit_table("dwi.bval", lambda rows: np.where(rows == 50, 0, rows))
    more = ["--out", tmp_path / "out", *SETTINGS] if command == "fit" else []
    result = run(command, scan.dwi, "--mask", scan / "mask.nii.gz", "--noise", "b0", *more)
    assert result.exit_code == 0
    assert "Noise estimated from the differences of the b = 0 volumes: " in result.stdout


def assert_close_faces(affine, edge, fine_affine, fine_edge):
    """Two positions counted in voxels from the outer face of the first one, in two grids, are the same place."""
    place = nib.affines.apply_affine(affine, edge - 0.5)
    np.testing.assert_allclose(nib.affines.apply_affine(fine_affine, fine_edge - 0.5), place, atol=1e-5)


def test_sample_puts_finer_voxels_into_the_same_volume(run, tiny_field, field_file, tmp_path):
    out = tmp_path / "new" / "f.nii.gz"
    result = run("sample", field_file, "--parameter", "f", "--factor", 3, "--out", out)
    assert result.exit_code == 0
    image = nib.load(out)
    fine = image.get_fdata(dtype=np.float32)
    assert fine.shape == tuple(3 * n for n in tiny_field.shape)
    for corner, fine_corner in (
        (np.full(3, -0.5), np.full(3, -0.5)),
        (np.array(tiny_field.shape) - 0.5, np.array(fine.shape) - 0.5),
    ):
        coarse = nib.affines.apply_affine(tiny_field.affine, corner)
        np.testing.assert_allclose(nib.affines.apply_affine(image.affine, fine_corner), coarse, atol=1e-5)
    # every third voxel sits on a voxel of the scan
    native = tiny_field.maps()["f"]
    inside = np.isfinite(native)
    np.testing.assert_allclose(fine[1::3, 1::3, 1::3][inside], native[inside], atol=1e-5)
    assert not np.isfinite(fine[1::3, 1::3, 1::3][~inside]).any()


def test_sample_keeps_axes_in_order(run, tiny_field, field_file, tmp_path):
    run("sample", field_file, "--parameter", "S0", "--factor", 2, "--out", tmp_path / "s0.nii")
    image = nib.load(tmp_path / "s0.nii")
    index = np.argwhere(np.isfinite(image.get_fdata()))[::97]
    points = nib.affines.apply_affine(image.affine, index)
    np.testing.assert_allclose(image.get_fdata()[tuple(index.T)], tiny_field.evaluate(points)["S0"], rtol=1e-5)
    record = json.loads((tmp_path / "s0.json").read_text())
    assert record["SamplingFactor"] == 2
    assert record["Units"] == "signal"


def test_simulate_writes_the_same_bytes_twice_and_its_scan_loads(run, tmp_path):
    words = ("--shape", 8, 8, 2, "--voxel-size", 6, "--noise", "rician", "--snr", 20, "--seed", 5)
    for name in ("one", "two"):
        assert run("simulate", "--out", tmp_path / name, *words).exit_code == 0
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert Path("truth/model-sm_param-p2_dwimap.nii.gz") in files
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    data = smi.load(tmp_path / "one" / "dwi.nii.gz", mask=tmp_path / "one" / "mask.nii.gz")
    assert data.acquisition.n_volumes == 154
    assert data.signal.min() >= 0


@pytest.mark.parametrize("method", [name for name in METHODS if "seed" in settings_class(name).model_fields])
def test_a_seed_too_large_for_any_generator_is_refused_before_the_scan_is_read(run, tmp_path, method):
    result = run("fit", "no.nii.gz", "--out", tmp_path / "out", "--method", method, "--seed", 1 << 64)
    assert result.exit_code == 2
    most = (1 << 53) - 1
    assert re.fullmatch(rf"Error: seed: {1 << 64} does not do: .* less than or equal to {most}\..*\n", result.stderr)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [("simulate",), ("experiment", "1")], ids=lambda words: words[0])
def test_every_command_bounds_its_seed(run, tmp_path, command):
    result = run(*command, "--out", tmp_path / "out", "--seed", 1 << 64)
    assert result.exit_code == 2
    assert str((1 << 53) - 1) in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_ends_with_one_clear_message(run, scan, case):
    case.spoil(scan)
    given = arguments(scan, case.arguments)
    options = [
        word for name, value in given.items() if name != "dwi" and value is not None for word in (f"--{name}", value)
    ]
    result = run("fit", given["dwi"], "--out", scan / "out", *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(r"Error: .*\n", result.stderr)
    assert re.search(case.fault, result.stderr)
    assert case.where in result.stderr
    assert not list((scan / "out").glob("*"))


def damaged(field_file, tmp_path):
    path = tmp_path / "cut.smi.safetensors"
    path.write_bytes(field_file.read_bytes()[:1000])
    return path


BAD_WORDS = {
    "lmax odd": ("fit", "{dwi}", "--out", "{out}", "--lmax", "3"),
    "preset unknown": ("fit", "{dwi}", "--out", "{out}", "--preset", "slow"),
    "loss unknown": ("fit", "{dwi}", "--out", "{out}", "--loss", "l1"),
    "rician without noise": ("fit", "{dwi}", "--out", "{out}", "--loss", "rician"),
    "method unknown": ("fit", "{dwi}", "--out", "{out}", "--method", "lsq"),
    "option of another method": ("fit", "{dwi}", "--out", "{out}", "--method", "nlls", "--epochs", "3"),
    "setting without value": ("fit", "{dwi}", "--out", "{out}", "--set", "width"),
    "setting that has an option": ("fit", "{dwi}", "--out", "{out}", "--set", "held_out=0.1"),
    "setting out of range": ("fit", "{dwi}", "--out", "{out}", "--set", "width=0"),
    "methods of a name unknown": ("methods", "lsq"),
    "detail is a word": ("fit", "{dwi}", "--out", "{out}", "--detail", "fine"),
    "device unknown": ("fit", "{dwi}", "--out", "{out}", "--device", "abacus"),
    "out is a file": ("fit", "{dwi}", "--out", "{dwi}"),
    "noise map missing": ("fit", "{dwi}", "--out", "{out}", "--noise", "nowhere.nii.gz"),
    "noise word mistyped": ("info", "{dwi}", "--noise", "mpca"),
    "field missing": ("sample", "nowhere.smi.safetensors", "--out", "{out}/f.nii.gz"),
    "field cut": ("sample", "{cut}", "--out", "{out}/f.nii.gz"),
    "field is a scan": ("sample", "{dwi}", "--out", "{out}/f.nii.gz"),
    "parameter unknown": ("sample", "{field}", "--parameter", "FA", "--out", "{out}/f.nii.gz"),
    "factor zero": ("sample", "{field}", "--factor", "0", "--out", "{out}/f.nii.gz"),
    "factor not a number": ("sample", "{field}", "--factor", "nan", "--out", "{out}/f.nii.gz"),
    "factor beyond the format": ("sample", "{field}", "--factor", "9999", "--out", "{out}/f.nii.gz"),
    "not a NIfTI name": ("sample", "{field}", "--out", "{out}/f.png"),
    "info of a cut field": ("info", "{cut}"),
    "phantom of odd order": ("simulate", "--out", "{out}", "--lmax", "3"),
    "phantom without signal": ("simulate", "--out", "{out}", "--snr", "0"),
    "phantom without voxels": ("simulate", "--out", "{out}", "--shape", "0", "8", "8"),
    "voxels of no size": ("simulate", "--out", "{out}", "--voxel-size", "0"),
}


@pytest.mark.parametrize("name", BAD_WORDS)
def test_bad_settings_end_with_one_clear_message(run, scan, field_file, tmp_path, name):
    places = {"dwi": scan.dwi, "out": tmp_path / "out", "field": field_file, "cut": damaged(field_file, tmp_path)}
    result = run(*(word.format(**places) for word in BAD_WORDS[name]))
    assert result.exit_code == 2
    assert re.fullmatch(r"Error: .+: .+[.)] .+[.?]\n", result.stderr)
    assert not list((tmp_path / "out").glob("*.nii.gz"))


def test_the_program_itself_ends_with_code_2_and_no_traceback(tmp_path):
    done = subprocess.run([*PROGRAM, "info", tmp_path / "no.nii.gz"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"Error: {tmp_path / 'no.nii.gz'}: there is no such file (diffusion scan). Check the path.\n"


@pytest.mark.parametrize("words", ["info {}", "info {}.json", "info {}.nii.gz", "fit {}.nii.gz -o .", "cohort {} out"])
@pytest.mark.parametrize("name", ["x" * 300, "~no-such-user/x"])
def test_a_path_that_cannot_be_looked_at_is_told_in_one_message(run, tmp_path, monkeypatch, words, name):
    monkeypatch.chdir(tmp_path)
    result = run(*words.format(name).split())
    assert result.exit_code == 2
    assert re.search(f"^Error: .*{name}", result.output)
    assert list(tmp_path.iterdir()) == []


def test_a_noise_map_whose_name_is_too_long_is_refused(run, tiny_scan, tmp_path):
    result = run("fit", tiny_scan / "dwi.nii.gz", "-o", tmp_path, "--noise", "x" * 300)
    assert result.exit_code == 2
    assert "File name too long" in result.output


def test_a_disk_that_fails_in_the_midst_is_told_with_its_file(run, monkeypatch):
    def vanish(*_):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), "scan.nii.gz")

    monkeypatch.setattr("napari_smi_inr.cli.records.sidecar_of", vanish)
    result = run("info", "scan.nii.gz")
    assert result.exit_code == 2
    assert result.output.startswith(f"Error: scan.nii.gz: {os.strerror(errno.ESTALE)}. Check the path")


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT on Windows")
def test_interrupting_a_fit_keeps_the_best_so_far(tiny_scan, tmp_path):
    words = ("fit", tiny_scan / "dwi.nii.gz", "--out", tmp_path, "--epochs", "100000", "--detail", "9", "--lmax", "2")
    with subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        seen = ""
        while "fitting" not in seen:  # the bar tells when the fit is under way
            seen += process.stderr.read(1)
            assert process.poll() is None, seen
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - asked < 20
    assert "best so far" in rest
    assert "Traceback" not in rest
    assert "dwi.smi.safetensors" in out
    assert np.isfinite(smi.open_field(tmp_path / "dwi.smi.safetensors").maps()["f"]).any()


def test_info_tells_what_a_gradient_deviation_does_to_the_b_values(run, tiny_scan, tmp_path):
    scan = nib.load(tiny_scan / "dwi.nii.gz")
    fractions = np.zeros((*scan.shape[:3], 9), np.float32)
    fractions[..., 0] = 0.1
    nib.save(nib.Nifti1Image(fractions, scan.affine), tmp_path / "grad_dev.nii")
    result = run(
        "info", tiny_scan / "dwi.nii.gz", "--mask", tiny_scan / "mask.nii.gz", "--grad-dev", tmp_path / "grad_dev.nii"
    )
    assert result.exit_code == 0
    assert "b-values change by +0.0 to +21.0 %" in " ".join(result.output.split())


@pytest.fixture(scope="module")
def flipped_scan(tmp_path_factory):
    """A scan of the phantom whose directions have x flipped in their file."""
    folder = tmp_path_factory.mktemp("flipped")
    save_scan(turned(smi.simulate((28, 28, 8), snr=50, lmax=4), "-x,y,z"), folder)
    return folder


def test_info_tells_of_flipped_directions_and_the_option_that_mends_them(run, flipped_scan):
    words = ["info", flipped_scan / "dwi.nii.gz", "--mask", flipped_scan / "mask.nii.gz"]
    told = " ".join(run(*words).stdout.split())
    assert "Warning: Directions seem flipped" in told
    assert "--bvec-axes=-x,y,z" in told
    for axes in ("-x,y,z", "auto"):
        mended = " ".join(run(*words, "--bvec-axes", axes).stdout.split())
        assert "seem flipped" not in mended
        assert "Directions taken with x flipped" in mended


def test_fit_keeps_in_its_record_what_was_found_and_what_was_turned(run, flipped_scan, tmp_path):
    quick = ("--lmax", "2", "--epochs", "1", "--detail", "9")
    words = ["fit", flipped_scan / "dwi.nii.gz", "--mask", flipped_scan / "mask.nii.gz", *quick]
    for out, more in (("as_is", ()), ("mended", ("--bvec-axes=-x,y,z",))):
        assert run(*words, "--out", tmp_path / out, *more).exit_code == 0
    as_is, mended = (
        json.loads((tmp_path / out / "dwi_model-sm_param-f_dwimap.json").read_text())["Provenance"]
        for out in ("as_is", "mended")
    )
    assert as_is["findings"][0].startswith("Directions seem flipped")
    assert mended["findings"] == []
    assert any("x flipped (-x,y,z)" in note for note in mended["notes"])


def test_axes_that_are_none_are_refused(run, flipped_scan):
    result = run("info", flipped_scan / "dwi.nii.gz", "--bvec-axes", "left,right")
    assert result.exit_code == 2
    assert "such as -x,y,z" in result.stderr


@pytest.fixture
def two_series(run, tiny_dataset, tmp_path):
    """The tiny scan as two series: linear ones, and spherical ones."""
    save_scan(tiny_dataset, tmp_path)
    image = nib.load(tmp_path / "dwi.nii.gz")
    spherical = tiny_dataset.acquisition.b_delta == 0
    for name, chosen in (("lte", ~spherical), ("ste", spherical)):
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[..., chosen], image.affine), tmp_path / f"{name}.nii.gz")
        for suffix in ("bval", "bvec"):
            np.savetxt(tmp_path / f"{name}.{suffix}", np.atleast_2d(np.loadtxt(tmp_path / f"dwi.{suffix}"))[:, chosen])
    np.savetxt(tmp_path / "lte.bdelta", tiny_dataset.acquisition.b_delta[~spherical])
    return tmp_path


def test_several_series_are_fitted_as_one(run, two_series):
    """And told in the record, in their order; the same numbers as those of the whole scan."""
    folder = two_series
    words = ("--mask", folder / "mask.nii.gz", *SETTINGS)
    shapes = ("--bdelta", folder / "lte.bdelta", "--bdelta", "STE")
    parts = run("fit", folder / "lte.nii.gz", folder / "ste.nii.gz", *shapes, *words, "--out", folder / "parts")
    assert parts.exit_code == 0
    assert "2 series in one fit, in this order: lte.nii.gz (139 volumes), ste.nii.gz (15" in " ".join(
        parts.stdout.split()
    )
    whole = run("fit", folder / "dwi.nii.gz", *words, "--out", folder / "whole")
    assert whole.exit_code == 0
    maps = [
        nib.load(folder / of / f"{name}_model-sm_param-f_dwimap.nii.gz").get_fdata()
        for of, name in (("parts", "lte"), ("whole", "dwi"))
    ]
    np.testing.assert_array_equal(maps[0], maps[1])
    record = json.loads((folder / "parts" / "lte_model-sm_param-f_dwimap.json").read_text())
    told = record["Provenance"]["read_from"]
    assert [told[role] for role in ("dwi", "bdelta", "dwi_2", "bdelta_2")] == [
        "lte.nii.gz",
        "lte.bdelta",
        "ste.nii.gz",
        0,
    ]


def test_one_table_for_two_series_ends_with_one_clear_message(run, two_series):
    words = (two_series / "lte.nii.gz", two_series / "ste.nii.gz", "--bdelta", "1")
    result = run("info", *words)
    assert result.exit_code == 2
    assert "bdelta: is given 1 times, for 2 series." in result.stderr


def test_the_limit_of_b0_is_kept_in_the_record_and_repeated(run, scan):
    words = ("--mask", scan / "mask.nii.gz", *SETTINGS)
    first = run("fit", scan.dwi, *words, "--b0-threshold", "20", "--out", scan / "first")
    assert first.exit_code == 0
    path = scan / "first" / "dwi_model-sm_param-f_dwimap.json"
    record = json.loads(path.read_text())
    assert record["Provenance"]["read_from"]["b0_threshold"] == 20
    assert record["Protocol"]["LargestBZero"] == "20 s/mm²"
    again = run("fit", scan.dwi, "--mask", scan / "mask.nii.gz", "--config", path, "--out", scan / "again")
    assert again.exit_code == 0
    assert "Warning" not in again.stderr
    repeated = json.loads((scan / "again" / path.name).read_text())
    assert repeated["Protocol"]["LargestBZero"] == "20 s/mm²"
    opened = smi.open_field(scan / "again" / "dwi.smi.safetensors")
    assert opened.acquisition.b0_threshold == 0.02
    assert run("info", scan.dwi, "--b0-threshold", "900").exit_code == 2


def test_a_whole_protocol_in_one_file_is_taken(run, scan):
    data = smi.load(scan.dwi)
    np.savetxt(scan / "elsewhere.b", np.column_stack([data.acquisition.directions, 1000 * data.acquisition.b]))
    words = ("--gradients", scan / "elsewhere.b", "--bdelta", scan / "dwi.bdelta")
    result = run("info", scan.dwi, *words)
    assert result.exit_code == 0
    assert "Directions taken from a table of MRtrix" in result.stdout


def test_sample_writes_fods_that_fit_the_scan(run, tiny_field, field_file, tmp_path):
    """Every third voxel of a grid three times finer sits on a voxel of the scan."""
    out = tmp_path / "fod.nii.gz"
    assert run("sample", field_file, "-p", "fod", "--factor", 3, "--out", out).exit_code == 0
    fine = nib.load(out).get_fdata(dtype=np.float32)
    np.testing.assert_allclose(fine[1::3, 1::3, 1::3], tiny_field.fod_map(), atol=1e-5)
    record = json.loads((tmp_path / "fod.json").read_text())
    assert record["OrientationEncoding"]["SphericalHarmonicDegree"] == 2
