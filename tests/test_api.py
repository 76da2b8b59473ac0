"""The front door: light to open, and the same room behind every entrance."""

import subprocess
import sys

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr import api
from napari_smi_inr.errors import InputError

SMALL = {"lmax": 2, "epochs": 4, "detail": 12.0, "width": 32, "features": 16, "device": "cpu"}

PUBLIC = (
    "load", "fit", "fit_steps", "simulate", "open_field",
    "DiffusionDataset", "Acquisition", "FitConfig", "FittedField", "InputError",
)  # fmt: skip


def in_a_fresh_interpreter(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


GUI = {"napari", "qtpy", "PyQt6", "magicgui", "vispy", "pyqtgraph"}


def loaded_by(code):
    """Top-level modules loaded after some code has run."""
    return set(in_a_fresh_interpreter(f"import sys\n{code}\nprint(*sys.modules)").split())


def test_importing_the_package_costs_nothing():
    assert not loaded_by("import napari_smi_inr; dir(napari_smi_inr)") & {"torch", "numpy", "scipy", "nibabel", *GUI}


def test_importing_the_plugin_loads_neither_torch_nor_a_window():
    assert not loaded_by("import napari_smi_inr.plugin") & {"torch", "napari", "qtpy", "PyQt6", "vispy"}


def test_fitting_needs_no_window():
    loaded = loaded_by("import napari_smi_inr as smi; smi.fit, smi.load, smi.simulate, smi.FittedField")
    assert "torch" in loaded
    assert not loaded & GUI


def test_opening_a_field_loads_no_compiler(tiny_field, tmp_path):
    tiny_field.save(tmp_path / "field")
    loaded = loaded_by(f"import napari_smi_inr as smi; smi.open_field({str(tmp_path / 'field')!r}).maps()")
    assert "torch" in loaded
    compiler = {"sympy", "torch._dynamo", "torch._inductor"}  # a second and more, in which a window stands still
    assert not loaded & compiler


@pytest.mark.parametrize("name", PUBLIC)
def test_promised_names_are_there_and_documented(name):
    assert name in dir(smi)
    assert name in smi.__all__
    assert getattr(smi, name).__doc__


def test_the_version_is_known():
    assert smi.__version__.count(".") >= 1


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="fitt"):
        smi.fitt  # noqa: B018 (the access is the test)


def test_fit_is_the_last_step_of_fit_steps(tiny_dataset):
    field = smi.fit(tiny_dataset, **SMALL, seed=3)
    *_, last = smi.fit_steps(tiny_dataset, smi.FitConfig.from_preset("fast", **SMALL, seed=3))
    assert isinstance(field, smi.FittedField)
    np.testing.assert_array_equal(field.fod_map(), last.field().fod_map())
    assert field.config == last.field().config


def test_fit_reports_its_progress(tiny_dataset):
    steps = []
    smi.fit(tiny_dataset, **SMALL, on_step=steps.append)
    assert steps[-1].fraction == 1.0
    assert all(isinstance(step, api.Step) for step in steps)


def test_presets_are_chosen_by_name(tiny_dataset):
    field = smi.fit(tiny_dataset, preset="paper", **SMALL | {"epochs": 1})
    assert field.config.preset == "paper"
    assert field.config.activation == smi.FitConfig.from_preset("paper").activation
    assert field.config.width == 32


@pytest.mark.parametrize(
    ("wrong", "where"),
    [({"preset": "quick"}, "preset"), ({"lmax": 3}, "lmax"), ({"order": 4}, "order"), ({"device": "gpu"}, "device")],
)
def test_wrong_settings_are_named(tiny_dataset, wrong, where):
    with pytest.raises(InputError) as caught:
        smi.fit(tiny_dataset, **wrong)
    assert caught.value.where == where


def test_from_simulation_to_file_and_back(tmp_path):
    data = smi.simulate(shape=(6, 6, 2), voxel_size=4.0, snr=40, lmax=4, seed=1)
    field = smi.fit(data, **SMALL | {"lmax": 4})
    field.save(tmp_path / "sub-01.smi.safetensors")
    again = smi.open_field(tmp_path / "sub-01.smi.safetensors")
    assert set(again.maps()) == {"Di", "De", "Dp", "f", "S0", "p2"}
    assert again.evaluate(np.zeros((2, 3)))["fod"].shape == (2, 15)
    np.testing.assert_array_equal(again.maps()["f"], field.maps()["f"])
    np.testing.assert_array_equal(np.isfinite(again.maps()["f"]), data.mask)


def test_input_errors_read_as_where_what_and_remedy():
    error = InputError("dwi.bval", "has 3 values; the image has 4 volumes.", "Give one b-value for each.")
    assert isinstance(error, ValueError)
    assert str(error) == "dwi.bval: has 3 values; the image has 4 volumes. Give one b-value for each."
