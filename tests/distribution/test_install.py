"""The wheel, installed where nothing else of this project is."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from pages import ROOT

QUICK = ("--lmax", "2", "--epochs", "2", "--detail", "9", "--device", "cpu")
FIND_PLUGIN = """
import sys
from npe2 import PluginManager
manager = PluginManager.instance()
manager.discover()
manifest = manager.get_manifest("napari-smi-inr")
print(manifest.display_name, [reader.command for reader in manager.iter_compatible_readers(["dwi.nii.gz"])])
print([key for _, samples in manager.iter_sample_data() for key in (sample.key for sample in samples)])
print("torch" in sys.modules, "napari_smi_inr" in sys.modules)
import napari_smi_inr
print(napari_smi_inr.__file__)
"""


@dataclass(frozen=True)
class Place:
    """A virtual environment, and an empty folder to work in."""

    environment: Path
    folder: Path

    def run(self, program, *words):
        """Run a program of the environment; gives what it wrote."""
        scripts = self.environment / ("Scripts" if os.name == "nt" else "bin")
        variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        done = subprocess.run(
            [str(scripts / program), *map(str, words)],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def make_place(folder, with_pip):
    venv.create(folder / "environment", with_pip=with_pip)
    (folder / "work").mkdir()
    return Place(folder / "environment", folder / "work")


@pytest.fixture(scope="module")
def with_borrowed_libraries(built, tmp_path_factory):
    """Only our wheel is installed; the libraries are those that run this test, so that no network is needed."""
    place = make_place(tmp_path_factory.mktemp("borrowed"), with_pip=False)
    site = Path(place.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "borrowed.pth").write_text("\n".join(dict.fromkeys(map(sysconfig.get_path, ("purelib", "platlib")))))
    python = site.parents[1 if os.name == "nt" else 2] / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--ignore-installed", str(built.wheel)], check=True)
    return place


def scan_and_fit(place):
    """A newcomer's first steps with the program."""
    assert "Continuous maps" in place.run("smi-inr", "--help")
    place.run("smi-inr", "simulate", "--out", "phantom", "--shape", 8, 8, 2)
    scan = ["phantom/dwi.nii.gz", "--mask", "phantom/mask.nii.gz", "--out", "results"]
    assert "Written:" in place.run("smi-inr", "fit", *scan, *QUICK)
    assert (place.folder / "results" / "dwi.smi.safetensors").exists()


def test_the_program_runs_from_the_wheel(with_borrowed_libraries):
    scan_and_fit(with_borrowed_libraries)


def test_npe2_finds_the_plugin_and_what_it_opens_without_torch(with_borrowed_libraries):
    found, samples, loaded, home = with_borrowed_libraries.run("python", "-c", FIND_PLUGIN).splitlines()
    assert found.startswith("Standard Model INR")
    assert "napari-smi-inr.read_nifti" in found
    assert "phantom" in samples
    assert loaded == "False False"  # discovering it costs nothing of it
    assert Path(home).is_relative_to(with_borrowed_libraries.environment)


@pytest.mark.slow  # and needs a network: pip fetches torch and napari
def test_pip_installs_all_of_it_and_it_runs(built, tmp_path):
    place = make_place(tmp_path, with_pip=True)
    place.run("python", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", f"{built.wheel}[all]")
    scan_and_fit(place)
    assert place.run("npe2", "validate", "napari-smi-inr", "--imports").strip().endswith("valid!")
    assert place.run("python", "-c", FIND_PLUGIN).startswith("Standard Model INR")


@pytest.mark.slow
def test_the_tests_run_from_the_source_distribution(built, tmp_path):
    with tarfile.open(built.sdist) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    some = ["tests/test_package.py", "tests/test_readme.py", "tests/io", "tests/simulation", "tests/test_benchmarks.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *some]
    variables = {**os.environ, "PYTHONPATH": str(tree / "src")}
    done = subprocess.run(command, cwd=tree, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
