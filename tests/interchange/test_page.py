"""The page on interchange is so: its commands and its Python run as written, one after the other."""

import shlex
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.io import savemat
from typer.testing import CliRunner

from arc import Arc, shells
from interchange_page import BLOCKS, COMMANDS, run_python
from napari_smi_inr.cli import app
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.fsl_axes import scanner_to_fsl
from scan_files import AFFINES

MRTRIX = {"mrinfo", "sh2peaks", "tckgen", "tcksample", "dwi2response", "dwi2fod"}
N_LINEAR = 69
HAS_FURY = find_spec("fury") is not None  # there is none yet for Python 3.13


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with every file that the page takes for granted."""
    from dipy.core.gradients import gradient_table

    protocol = shells((0, 1, 4), (1, 1, 20), (2, 1, 45), (1, 0, 5), (0.06, 0, 1))
    data = Arc(AFFINES["oblique left-handed"], (11, 11, 11), radius=16.0, width=5.0).scan(protocol)
    save_scan(data, tmp_path)
    (tmp_path / "mask.nii.gz").rename(tmp_path / "wm_mask.nii.gz")
    for name, part in (("lte", slice(0, N_LINEAR)), ("ste", slice(N_LINEAR, None))):
        nib.save(nib.Nifti1Image(data.signal[..., part], data.affine), tmp_path / f"{name}.nii.gz")
        for suffix in ("bval", "bvec"):
            np.savetxt(tmp_path / f"{name}.{suffix}", np.atleast_2d(np.loadtxt(tmp_path / f"dwi.{suffix}"))[:, part])
    shape = protocol.b_delta[:, None, None]
    u = scanner_to_fsl(protocol.directions, data.affine)
    tensors = protocol.b[:, None, None] * ((1 - shape) / 3 * np.eye(3) + shape * u[:, :, None] * u[:, None, :])
    six = tensors[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]] * [1, 1, 1, *[2**0.5] * 3]
    savemat(tmp_path / "other_xps.mat", {"xps": {"n": float(len(six)), "bt": 1e9 * six}})
    monkeypatch.chdir(tmp_path)
    dummy = np.where(np.any(u, axis=1, keepdims=True), u, [1.0, 0, 0])
    bvecs = np.where(protocol.b[:, None] > 0, dummy, 0.0)
    return {"gtab": gradient_table(1000 * protocol.b, bvecs=bvecs, btens=1000 * tensors, b0_threshold=0)}


def run(line, mrtrix):
    words = shlex.split(line, comments=True)
    if words[0] == "smi-inr":
        result = CliRunner().invoke(app, words[1:], catch_exceptions=False)
        assert result.exit_code == 0, (line, result.stderr)
        return
    assert words[0] in MRTRIX
    mrtrix(*words, *(["-quiet"] if words[0] != "mrinfo" else []), cwd=".")


def test_everything_on_the_page_runs_as_written(folder, mrtrix):
    names = dict(folder)
    for language, code in BLOCKS:
        if language == "python":
            if HAS_FURY or "dipy.viz" not in code:
                run_python(code, names)
            continue
        for line in code.splitlines():
            run(line, mrtrix)
    # and gives what the page says it gives
    assert names["sf"].shape[:3] == (11, 11, 11)
    assert names["data"].acquisition.n_volumes == 75
    assert nib.load("fod_8x.nii.gz").shape == (88, 88, 88, 15)
    assert len(nib.streamlines.load("tracks.tck").streamlines) == 500
    assert Path("tracks.trx").stat().st_size > 0
    assert Path("f_along.txt").stat().st_size > 0
    _check_axes(names)


def _check_axes(names):
    """The turned sphere gives in image axes what the other gives in the scanner's: the tops are one direction."""
    inside = names["fod"][..., 0] > 0
    tops = [names["sphere"].vertices[np.argmax(names[name][inside], axis=1)] for name in ("sf", "sf_in_image_axes")]
    apart = np.abs(np.sum(tops[0] * (tops[1] @ names["axes"].T), axis=1))
    assert np.median(np.rad2deg(np.arccos(np.clip(apart, 0, 1)))) < 8  # of a sphere of 724 directions


def test_every_program_on_the_page_is_one_that_the_test_knows():
    assert {line.split()[0] for line in COMMANDS} <= MRTRIX | {"smi-inr"}
