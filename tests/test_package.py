"""The package as installed: what importing it costs, what it names, and what it promises to tools."""

import subprocess
import sys
from importlib.metadata import entry_points, metadata
from pathlib import Path

import pytest

import napari_smi_inr as smi

HEAVY = ("torch", "napari", "qtpy", "PyQt6", "PySide6", "vispy", "scipy", "nibabel", "matplotlib", "pydantic")


def loaded_by(statement, heavy=HEAVY):
    code = f"import sys; {statement}; print(*(name for name in {heavy} if name in sys.modules))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("module", ["napari_smi_inr", "napari_smi_inr.plugin", "napari_smi_inr.plugin._qt"])
def test_importing_loads_nothing_heavy(module):
    assert loaded_by(f"import {module}") == []


def test_importing_the_program_loads_neither_torch_nor_napari_nor_qt():
    assert set(loaded_by("import napari_smi_inr.cli")) <= {"pydantic"}


def test_the_front_door_loads_neither_napari_nor_qt():
    assert not {"napari", "qtpy", "PyQt6", "PySide6", "vispy"} & set(loaded_by("import napari_smi_inr.api"))


def test_asking_the_reader_of_scans_loads_no_torch():
    asked = "from napari_smi_inr.plugin.reader import nifti_reader; nifti_reader('dwi.nii.gz')"
    assert "torch" not in loaded_by(asked)


def test_opening_the_dock_waits_for_nothing_that_only_a_scan_needs():
    heavy = ("torch", "scipy.ndimage", "scipy.sparse", "scipy.special", "matplotlib", "dipy")
    assert loaded_by("import napari_smi_inr.plugin._qt.fit_widget", heavy) == []


def test_every_public_name_is_there():
    assert {name for name in smi.__all__ if getattr(smi, name, None) is None} == set()
    assert set(smi.__all__) <= set(dir(smi))


def test_unknown_names_are_told_as_such():
    with pytest.raises(AttributeError, match="fitt"):
        smi.fitt  # noqa: B018


def test_typed_and_with_a_manifest():
    package = Path(smi.__file__).parent
    assert (package / "py.typed").exists()
    assert (package / "napari.yaml").exists()


def test_entry_points_name_things_that_load():
    (program,) = entry_points(group="console_scripts", name="smi-inr")
    assert callable(program.load())
    (manifest,) = entry_points(group="napari.manifest", name="napari-smi-inr")
    assert manifest.value == "napari_smi_inr:napari.yaml"


def test_base_requirements_hold_no_qt_binding_and_no_napari():
    base = [r for r in metadata("napari-smi-inr").get_all("Requires-Dist") if "extra ==" not in r]
    assert not [r for r in base if r.lower().startswith(("napari", "pyqt6", "pyside"))]
