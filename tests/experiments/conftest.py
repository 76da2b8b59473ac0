"""One small run of experiment 1 from the command line, which many tests look at."""

import pytest
from typer.testing import CliRunner

from napari_smi_inr.cli import app
from napari_smi_inr.errors import InputError
from napari_smi_inr.experiments import pictures

TINY = ("--voxels", "60", "--epochs", "2", "--device", "cpu", "--set", "inr.detail=9", "--set", "inr.held_out=0")


@pytest.fixture(scope="session")
def run():
    """Call ``smi-inr experiment``; returns exit code, stdout and stderr."""

    def call(*words):
        return CliRunner().invoke(app, ["experiment", *map(str, words)], catch_exceptions=False)

    return call


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the figures, which take most of the time of a tiny run."""

    def refuse(*args, **settings):
        raise InputError("figure", "is left out here.", "See another test.")

    for name in ("draw_densities", "draw_maps", "draw_fods"):
        monkeypatch.setattr(pictures, name, refuse)


@pytest.fixture(scope="session")
def words():
    """Experiment 1 on a hundred voxels or so, two estimators, two noise levels."""
    return ("1", "--methods", "inr,nlls", "--snr", "inf,50", *TINY, "--set", "nlls.starts=1")


@pytest.fixture(scope="session")
def first(run, words, tmp_path_factory):
    """Folder and result of that run."""
    folder = tmp_path_factory.mktemp("experiment")
    return folder, run(*words, "--out", folder)
