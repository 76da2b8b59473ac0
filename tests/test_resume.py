"""Fits of the command line that are killed or interrupted go on; results that cannot be written are not lost."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_smi_inr as smi
from napari_smi_inr.cli import app
from napari_smi_inr.errors import InputError
from napari_smi_inr.estimation import keep, residual
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.inr.checkpoint import peek
from napari_smi_inr.io.export import save_scan
from read_only import read_only

SETTINGS = ("--lmax", "2", "--epochs", "8", "--detail", "9", "--device", "cpu", "--seed", "3", "--set", "batch_size=16")
OFTEN = """
import time
from functools import partial
from napari_smi_inr.cli import main
from napari_smi_inr.estimation import keep
from napari_smi_inr.inr.trainer import Trainer
keep.Keep = partial(keep.Keep, interval=0.05)
from napari_smi_inr.baselines.course import Course
for where, name, seconds in ((Trainer, "_descend", 0.02), (Course, "step", 0.1)):
    setattr(where, name, lambda *given, work=getattr(where, name), wait=seconds: (time.sleep(wait), work(*given))[1])
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


@contextmanager
def caught(command, kept):
    """The program, a moment after it has written a checkpoint."""
    before = kept.stat().st_mtime_ns if kept.exists() else 0
    with subprocess.Popen([sys.executable, "-c", OFTEN, *command], stderr=subprocess.PIPE, text=True) as program:
        while not (kept.exists() and kept.stat().st_mtime_ns > before):
            assert program.poll() is None, program.stderr.read()
            time.sleep(0.005)
        time.sleep(0.1)  # wherever it is then
        yield program


@pytest.mark.skipif(os.name == "nt", reason="no such signals on Windows")
def test_a_fit_killed_and_then_interrupted_goes_on_and_leaves_the_very_same_files(words, run, whole, tmp_path):
    kept = tmp_path / "out" / "dwi.checkpoint.safetensors"
    with caught(words("out"), kept) as program:
        program.kill()
    parts = list(kept.parent.glob(".*.part"))  # where the end came upon a write
    assert set(kept.parent.iterdir()) == {kept, *parts}
    share = peek(kept).fraction
    assert 0 < share < 1
    with caught(words("out", "--resume"), kept) as program:
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert f"Going on from {kept}, at {share:.0%}" in said.replace("\n", " ")
    assert "--resume goes on from here" in said
    assert share < peek(kept).fraction < 1
    assert np.isfinite(smi.open_field(kept.parent / "dwi.smi.safetensors").maps()["f"]).any()
    assert run("out", "--resume").exit_code == 0
    for part in parts:
        part.unlink()
    assert contents(kept.parent) == whole


def test_a_fit_that_begins_anew_says_that_another_could_go_on(run, whole, scan, tmp_path):
    config = smi.make_settings(lmax=2, epochs=8, detail=9.0, device="cpu", seed=3, batch_size=16)
    kept = tmp_path / "out" / "dwi.checkpoint.safetensors"
    steps = smi.fit_steps(smi.load(scan / "dwi.nii.gz", mask=scan / "mask.nii.gz"), config, Keep(kept))
    next(steps)
    steps.close()
    refused = run("out", "--resume", "--seed", "4")
    assert refused.exit_code == 2
    assert "is of a fit with other settings: seed 3, now 4." in refused.stderr
    assert list(kept.parent.iterdir()) == [kept]
    assert "--resume would go on with it" in run("out").stderr
    assert contents(kept.parent) == whole  # and nothing else


def test_where_there_is_nothing_to_resume_the_fit_begins(run, whole, tmp_path):
    result = run("out", "--resume")
    assert result.exit_code == 0
    assert "no checkpoint" in result.stderr
    assert contents(tmp_path / "out") == whole


OTHERS = {
    "smi": ("--set", "n_training=20000", "--set", "noise_levels=20"),
    "nn": ("--epochs", "12", "--set", "vectors=2000", "--set", "batch_size=20", "--set", "cache=off"),
}


@pytest.mark.skipif(os.name == "nt", reason="no such signals on Windows")
@pytest.mark.parametrize("method", OTHERS)
def test_other_methods_that_are_killed_go_on_to_the_very_same_maps(scan, tmp_path, method):
    def words(out):
        given = ["fit", scan / "dwi.nii.gz", "--mask", scan / "mask.nii.gz", "--out", tmp_path / out, "--lmax", "2"]
        return [str(word) for word in (*given, "--method", method, "--device", "cpu", *OTHERS[method])]

    kept = tmp_path / "killed" / "dwi.checkpoint.safetensors"
    with caught(words("killed"), kept) as program:
        program.kill()
    for part in kept.parent.glob(".*.part"):
        part.unlink()
    share = peek(kept).fraction
    assert 0 < share < 1
    resumed = CliRunner().invoke(app, [*words("killed"), "--resume"], catch_exceptions=False)
    assert f"at {share:.0%} of the work" in resumed.stderr.replace("\n", " ")
    CliRunner().invoke(app, words("whole"), catch_exceptions=False)
    killed, whole = (contents(tmp_path / out) for out in ("killed", "whole"))
    assert killed.keys() == whole.keys()
    assert len(whole) > 10
    for name in whole:  # but for the seconds that it took
        assert killed[name] == whole[name] or (method, name[-5:]) == ("nn", ".json")


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

    def test_a_residual_map_that_finds_no_room_takes_nothing_back(self, run, whole, full, tmp_path, monkeypatch):
        full.append(tmp_path / "out")
        make = residual.residual_map
        monkeypatch.setattr(residual, "residual_map", lambda *given: (full.clear(), make(*given))[1])
        result = run("out")
        assert result.exit_code == 2
        assert "error on held-out volumes" in result.stdout
        assert re.search(r"Error: .*residual_dwimap.nii.gz: cannot be written: No space left on device", result.stderr)
        left = {name: content for name, content in whole.items() if "residual" not in name}
        assert contents(tmp_path / "out") == left
        told = " ".join(result.stdout.split())
        assert all(str(tmp_path / "out" / name) in told for name in left if not name.endswith(".json"))


def no_memory(*_):
    raise MemoryError("std::bad_alloc")


def test_a_residual_map_without_memory_takes_nothing_back(run, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(residual, "residual_map", no_memory)
    result = run("out")
    assert result.exit_code == 2
    assert "error on held-out volumes" in result.stdout
    assert "Error: Residual map: was not made: memory has run out." in result.stderr
    assert contents(tmp_path / "out") == {name: content for name, content in whole.items() if "residual" not in name}


class TestAReadOnlyFolder:
    def test_results_go_elsewhere_and_nothing_is_lost(self, run, whole, tmp_path, monkeypatch):
        for name in ("out", "here"):
            (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / "here")
        with read_only(tmp_path / "out"):
            result = run("out")
            assert result.exit_code == 2
            assert re.search(r"Error: .*out.*cannot be written: .* The results went to", result.stderr)
            (rescue,) = (tmp_path / "here").iterdir()
            assert str(rescue) in result.stderr
            assert contents(rescue) == whole
            assert list((tmp_path / "out").iterdir()) == []

    def test_a_folder_that_cannot_be_made_is_told_before_the_scan_is_read(self, run, tmp_path):
        with read_only(tmp_path):
            result = run("out")
        assert result.exit_code == 2
        assert re.search(r"Error: .*out: cannot be made: .*Choose a folder you may write to", result.stderr)
        assert result.stdout == ""

    def test_a_field_that_cannot_be_saved_here_can_be_saved_there(self, tiny_field, tmp_path):
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
        with read_only(tmp_path / "here"):
            with pytest.raises(InputError, match=r"tiny\.smi\.safetensors: cannot be written"):
                tiny_field.save(tmp_path / "here" / "tiny.smi.safetensors")
            tiny_field.save(tmp_path / "there" / "tiny.smi.safetensors")
        saved = smi.open_field(tmp_path / "there" / "tiny.smi.safetensors")
        np.testing.assert_array_equal(saved.maps()["f"], tiny_field.maps()["f"])
