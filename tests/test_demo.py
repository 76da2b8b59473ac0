"""The demo: without a display it says so and does the same job."""

import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_smi_inr as smi
from napari_smi_inr.cli import app
from napari_smi_inr.cli.headless import run_headless
from napari_smi_inr.doctor.display import why_no_window

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")


@linux
def test_without_a_display_there_is_no_window(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert why_no_window() == "there is no display."


@linux
def test_a_display_that_is_gone_is_found_out_without_a_crash(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":9876")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert why_no_window().startswith("Qt cannot start (")


@linux
def test_demo_says_why_it_goes_without_a_window(monkeypatch, tmp_path):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("napari_smi_inr.cli.headless.run_headless", lambda folder: print(f"done in {folder}"))
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 0
    assert result.output == f"No window: there is no display. Doing the same without one.\ndone in {tmp_path}\n"


def test_headless_demo_leaves_maps_field_and_figure(tmp_path, capsys):
    folder = tmp_path / "demo"
    run_headless(folder, shape=(14, 14, 4), voxel_size=6.0, epochs=2)
    told = capsys.readouterr().out
    assert f"All in {folder}." in told
    listed = [line.strip() for line in told.splitlines() if line.startswith(f"  {folder}")]
    assert {str(path) for path in folder.iterdir() if path.suffix != ".json"} == set(listed)
    assert (folder / "zoom.png").stat().st_size > 20_000
    field = smi.open_field(folder / "phantom.smi.safetensors")
    assert np.isfinite(field.maps()["p2"][field.mask]).all()
