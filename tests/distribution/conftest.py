"""Wheel and source distribution, built once from a copy of the tree as it stands."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pages import ROOT

_MADE_HERE = (
    *(".*_cache", ".git", ".tox", ".venv", "__pycache__", "*.egg-info"),
    *("_build", "dist", "gallery", "generated"),
)


@dataclass(frozen=True)
class Built:
    """The two files that a release consists of."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build as ``python -m build`` does, but with the setuptools that is here: without a network."""
    folder = tmp_path_factory.mktemp("release")
    tree = shutil.copytree(ROOT, folder / "tree", ignore=shutil.ignore_patterns(*_MADE_HERE))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "out"), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = (folder / "out").glob("*.whl"), (folder / "out").glob("*.tar.gz")
    return Built(wheel, sdist)
