"""What a release holds, and what it says of itself."""

import tarfile
import zipfile
from email import message_from_bytes
from pathlib import PurePosixPath

import pytest

from pages import RAW, ROOT

PACKAGE = "napari_smi_inr"


@pytest.fixture(scope="module")
def in_wheel(built):
    with zipfile.ZipFile(built.wheel) as wheel:
        return {PurePosixPath(name) for name in wheel.namelist()}


@pytest.fixture(scope="module")
def in_sdist(built):
    with tarfile.open(built.sdist) as sdist:
        return {PurePosixPath(*PurePosixPath(name).parts[1:]) for name in sdist.getnames()}


@pytest.fixture(scope="module")
def metadata(built):
    with zipfile.ZipFile(built.wheel) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(wheel.read(name))


def tree(folder, *suffixes):
    """What lies in a folder of the checkout, as written in an archive; caches left out."""
    found = (path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file())
    made = {"__pycache__", "_build", "gallery", "generated", "sg_execution_times.rst"}  # by building the documentation
    kept = (path for path in found if not made & set(path.parts))
    return {PurePosixPath(path.as_posix()) for path in kept if not suffixes or path.suffix in suffixes}


def test_the_wheel_holds_the_package_and_nothing_else(in_wheel):
    assert {path.parts[0] for path in in_wheel if not path.parts[0].endswith(".dist-info")} == {PACKAGE}
    source = {path.relative_to("src") for path in tree(f"src/{PACKAGE}")}
    assert {path for path in in_wheel if path.parts[0] == PACKAGE} == source


def test_the_wheel_holds_no_tests_and_no_pictures_but_the_icon(in_wheel):
    assert not [path for path in in_wheel if any(part.startswith("test") for part in path.parts)]
    assert [path.name for path in in_wheel if path.suffix in (".png", ".gif", ".jpg")] == ["icon.png"]


def test_the_source_distribution_holds_what_tests_and_docs_need(in_sdist):
    wanted = tree("src", ".py", ".yaml", ".png", ".jinja", ".typed")
    wanted |= tree("tests") | tree("docs") | tree("sample_data") | tree("benchmarks")
    wanted |= {
        PurePosixPath(name)
        for name in (".ci/run", "CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "constraints.txt", "tox.ini")
    }
    assert wanted - in_sdist == set()


def test_the_metadata_are_what_the_hub_asks_for(metadata):
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Summary"].startswith("See white-matter microstructure")
    classifiers = metadata.get_all("Classifier")
    assert "Framework :: napari" in classifiers
    assert not [c for c in classifiers if c.startswith("License ::")]  # PEP 639: the expression says it
    links = {entry.split(", ")[0] for entry in metadata.get_all("Project-URL")}
    assert {"Documentation", "Source Code", "Bug Tracker", "User Support", "Changelog"} <= links
    assert RAW in metadata.get_payload()  # pictures that show wherever the page is read


def test_what_is_required_without_extras_holds_no_qt_binding_and_no_napari(metadata):
    base = [r.lower() for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    assert base
    assert not [r for r in base if r.startswith(("napari", "pyqt5", "pyqt6", "pyside"))]
    assert set(metadata.get_all("Provides-Extra")) >= {"all", "pyside", "figures", "experiments", "movie"}
