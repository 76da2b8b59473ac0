"""The code in README and documentation runs as written: each page in order, in a folder with a small scan."""

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import napari_smi_inr as smi
from napari_smi_inr.cli import app
from napari_smi_inr.io.export import save_scan
from pages import PAGES, blocks, commands, name_of

NOT_RUN = {
    "python -m pip install": "installs; tests/distribution does so in an environment of its own",
    "smi-inr cohort": "needs a data set; cohort/test_run.py runs the very command on one",
    "smi-inr fetch-sample": "needs the network; the tests of samples fetch from a server of their own",
    "smi-inr demo": "opens a window; plugin/test_demo.py does so, and test_demo.py the same without one",
}
"""Beginnings of commands that are not run here, and why."""

QUICKER = {
    "smi-inr experiment": "--voxels 300 --methods nlls,smi --snr 50",
}
"""Beginnings of commands that take minutes as written, and what makes them quick."""

ELSEWHERE = {
    "docs/cohorts.md": "cohort/test_run.py, on a data set",
    "docs/interchange.md": "interchange/test_page.py, with MRtrix3",
}
"""Pages that other tests run as written, for what they need, and which."""

RUN = ("bash", "console", "python")
OTHER = ("text", "{include}", "{toctree}", "{eval-rst}")

WITH_CODE = [
    page for page in PAGES if name_of(page) not in ELSEWHERE and any(block.language in RUN for block in blocks(page))
]


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """What the pages take for granted: a scan with a mask, and the deviation of its gradients."""
    folder = tmp_path_factory.mktemp("scan")
    save_scan(smi.simulate(shape=(8, 8, 3), voxel_size=9.0, snr=50, lmax=2, seed=0, deviation=0.05), folder)
    (folder / "mask.nii.gz").rename(folder / "wm_mask.nii.gz")
    return folder


@pytest.fixture
def in_a_folder_with_a_scan(scan, tmp_path, monkeypatch):
    for file in scan.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)


def beginning(command, known):
    return next((words for words in known if command.startswith(words)), None)


def run_command(command):
    if beginning(command, NOT_RUN):
        return
    quicker = QUICKER.get(beginning(command, QUICKER) or "", "")
    program, *words = shlex.split(f"{command.partition(' #')[0]} {quicker}")
    assert program == "smi-inr", "only smi-inr can be run here; tell in NOT_RUN why another is not, or make it text"
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("in_a_folder_with_a_scan")
@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_the_code_of_a_page_runs_as_written(page):
    names = {}
    for block in blocks(page):
        if block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.code, block.page, "exec"), names)
        elif block.language in RUN:
            for command in commands(block):
                print(f"{block}: {command}")  # seen where it fails
                run_command(command)


def test_what_is_left_out_is_needed():
    shown = [command for page in PAGES for block in blocks(page) for command in commands(block)]
    for words in (*NOT_RUN, *QUICKER):
        assert any(command.startswith(words) for command in shown), words


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_piece_says_what_it_is(page):
    assert [str(block) for block in blocks(page) if block.language not in (*RUN, *OTHER)] == []


def test_pages_that_show_code_were_found():
    assert {"README.md", "docs/own-data.md", "docs/tour.md"} <= set(map(name_of, WITH_CODE))
    assert all(Path(page).exists() for page in WITH_CODE)
