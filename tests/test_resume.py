"""Fits of the command line that are killed or interrupted go on; results that cannot be written are not lost."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_smi_inr as smi
from napari_smi_inr.cli import app
from napari_smi_inr.estimation import keep
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.inr.checkpoint import peek
from napari_smi_inr.io.export import save_scan

SETTINGS = ("--lmax", "2", "--epochs", "8", "--detail", "9", "--device", "cpu", "--seed", "3", "--set", "batch_size=16")
OFTEN = """
import time
from functools import partial
from napari_smi_inr.cli import main
from napari_smi_inr.estimation import keep
from napari_smi_inr.inr.trainer import Trainer
keep.Keep = partial(keep.Keep, interval=0.05)
descend = Trainer._descend
Trainer._descend = lambda *given: (time.sleep(0.02), descend(*given))[1]
main()
"""
"""The program, slow enough to be caught in the midst, and keeping its fit often."""


@pytest.fixture(scope="module")
def scan(tiny_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    save_scan(tiny_dataset, folder)
    return folder


@pytest.fixture
def words(scan, tmp_path):
    def of(out, *more):
        given = ["fit", scan / "dwi.nii.gz", "--mask", scan / "mask.nii.gz", "--out", tmp_path / out, *SETTINGS, *more]
        return [str(word) for word in given]

    return of


@pytest.fixture
def run(words):
    """Call the program in this process."""
    return lambda out, *more: CliRunner().invoke(app, words(out, *more), catch_exceptions=False)


@pytest.fixture(scope="module")
def whole(scan, tmp_path_factory):
    """Contents by name of what a fit leaves that nothing befell."""
    out = tmp_path_factory.mktemp("whole")
    given = ["fit", scan / "dwi.nii.gz", "--mask", scan / "mask.nii.gz", "--out", out, *SETTINGS]
    assert CliRunner().invoke(app, [str(word) for word in given], catch_exceptions=False).exit_code == 0
    return {path.name: path.read_bytes() for path in out.iterdir()}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_a_killed_fit_goes_on_and_leaves_the_very_same_files(words, run, whole, tmp_path):
    kept = tmp_path / "out" / "dwi.checkpoint.safetensors"
    for more in ((), ("--resume",)):  # killed twice
        before = kept.stat().st_mtime_ns if more else 0
        program = subprocess.Popen([sys.executable, "-c", OFTEN, *words("out", *more)], stderr=subprocess.PIPE)
        while not (kept.exists() and kept.stat().st_mtime_ns > before):
            assert program.poll() is None, program.stderr.read().decode()
            time.sleep(0.005)
        time.sleep(0.1)  # wherever it is then
        program.kill()
        program.communicate()
        assert 0 < peek(kept).fraction < 1
        assert [p for p in kept.parent.iterdir() if not p.name.endswith(".part")] == [kept]
    assert run("out", "--resume").exit_code == 0
    for part in kept.parent.glob(".*.part"):  # if the last kill fell upon a write
        part.unlink()
    assert contents(kept.parent) == whole


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT on Windows")
def test_an_interrupted_fit_says_how_to_go_on_and_does(words, run, whole, tmp_path):
    program = subprocess.Popen([sys.executable, "-c", OFTEN, *words("out")], stderr=subprocess.PIPE, text=True)
    kept = tmp_path / "out" / "dwi.checkpoint.safetensors"
    while not kept.exists():
        assert program.poll() is None
        time.sleep(0.005)
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "--resume goes on from here" in said
    assert np.isfinite(smi.open_field(tmp_path / "out" / "dwi.smi.safetensors").maps()["f"]).any()
    again = run("out")
    assert "--resume would go on with it" in again.stderr.replace("\n", " ")
    assert not kept.exists()
    assert contents(tmp_path / "out") == whole


def test_where_there_is_nothing_to_resume_the_fit_begins(run, whole, tmp_path):
    result = run("out", "--resume")
    assert result.exit_code == 0
    assert "no checkpoint" in result.stderr
    assert contents(tmp_path / "out") == whole


def test_a_method_that_keeps_nothing_cannot_resume(scan, tmp_path):
    given = ["fit", scan / "dwi.nii.gz", "--out", tmp_path / "out", "--method", "nlls", "--resume"]
    result = CliRunner().invoke(app, [str(word) for word in given])
    assert result.exit_code == 2
    assert re.fullmatch(r"Error: --resume: nlls keeps no checkpoints.*\n", result.stderr)


@pytest.fixture
def full(tmp_path, monkeypatch):
    """Some folders have no room any more: names of those that have."""
    roomy, sync = [], os.fsync

    def fsync(descriptor):
        where = os.readlink(f"/proc/self/fd/{descriptor}")
        if not any(where.startswith(str(folder)) for folder in roomy):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return roomy


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the names of open files")
class TestNoRoom:
    def test_results_go_where_there_is_room_and_the_program_says_so(self, run, whole, full, tmp_path, monkeypatch):
        for name in ("here", "home"):
            (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / "here")
        monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
        full.append(tmp_path / "home")
        result = run("out")
        assert result.exit_code == 2
        assert re.search(
            r"Error: .*out.*cannot be written: No space left on device. The results went to", result.stderr
        )
        (rescue,) = (tmp_path / "home").iterdir()
        assert str(rescue) in result.stderr
        assert contents(rescue) == whole
        assert list((tmp_path / "here").iterdir()) == []
        assert list((tmp_path / "out").iterdir()) == []

    def test_with_room_nowhere_the_fault_is_told(self, run, full, tmp_path, monkeypatch):
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        for name, place in (("Path.home", lambda: tmp_path / "here"), ("tempfile.gettempdir", lambda: str(tmp_path))):
            monkeypatch.setattr(f"napari_smi_inr.cli.keeping.{name}", place)
        result = run("out")
        assert result.exit_code == 2
        assert "No space left" in result.stderr
        assert "went to" not in result.stderr
        assert sorted(p.name for p in tmp_path.iterdir()) == ["here", "out"]

    def test_a_checkpoint_that_finds_no_room_does_not_end_the_fit(self, run, whole, full, tmp_path, monkeypatch):
        place = tmp_path / "full"
        monkeypatch.setattr(keep, "Keep", lambda path, resume: Keep(place / path.name, resume, interval=0.0))
        full.append(tmp_path / "out")
        result = run("out")
        assert result.exit_code == 0
        assert "Note: The fit is not kept for the case that it is cut short" in result.stderr
        assert {n: c for n, c in contents(tmp_path / "out").items() if n.endswith("nii.gz")} == {
            n: c for n, c in whole.items() if n.endswith("nii.gz")
        }
