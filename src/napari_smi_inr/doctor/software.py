"""Asks the installation about libraries, Qt and folders."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import platformdirs

from ..io.sidecar import PROGRAM
from .display import has_display, why_no_window
from .facts import Folder, Window

BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
"""Qt for Python, the one that napari takes first at the front."""

_MATTERING = (
    *(PROGRAM, "torch", "numpy", "scipy", "nibabel", "safetensors", "pydantic", "psygnal", "typer"),
    *("napari", "npe2", "vispy", "magicgui", "superqt", "pyqtgraph", "QtPy", *BINDINGS),
    *("matplotlib", "dipy", "imageio-ffmpeg"),
)

_REQUIREMENT = re.compile(r"""^(?P<name>[\w.-]+)(\[(?P<parts>[\w,\s-]+)\])?.*extra\s*==\s*["'](?P<extra>[\w-]+)["']""")


def installed(package: str) -> str:
    """Version of a package; empty if it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def versions() -> dict[str, str]:
    """Versions of what is installed of all that matters."""
    return {package: found for package in _MATTERING if (found := installed(package))}


def missing_of_extras(needed: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    """By extra the packages that are missing of it.

    Parameters
    ----------
    needed
        Requirements as in a package's metadata; this package's own if not given.
    """
    asked: dict[str, set[str]] = {}
    for requirement in requires(PROGRAM) or () if needed is None else needed:
        found = _REQUIREMENT.match(requirement)
        if found is not None:
            parts = {part.strip() for part in (found["parts"] or "").split(",")}
            own = found["name"] == PROGRAM
            asked.setdefault(found["extra"], set()).update(parts if own else {found["name"]})
    return {extra: tuple(sorted(p for p in _packages(extra, asked) if not installed(p))) for extra in asked}


def _packages(extra: str, asked: dict[str, set[str]]) -> set[str]:
    """Packages of an extra, those of the extras that it names among them."""
    return {p for name in asked[extra] for p in (_packages(name, asked) if name in asked else {name})}


def window() -> Window:
    """Whether napari can open one; tries Qt in a process of its own."""
    bindings = {name: found for name in BINDINGS if (found := installed(name))}
    return Window(installed("napari"), bindings, os.environ.get("QT_API", ""), has_display(), why_no_window())


def folders() -> tuple[Folder, ...]:
    """The user's own folders that this program writes to; each is tried."""
    kept = {"trained networks": platformdirs.user_cache_path, "unfinished fits": platformdirs.user_state_path}
    return tuple(tried_folder(purpose, place(PROGRAM, appauthor=False)) for purpose, place in kept.items())


def tried_folder(purpose: str, path: Path) -> Folder:
    """Write a file to a folder, or where it is not there, to the nearest above it that is, and take it away again."""
    there = next(place for place in (path, *path.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            return Folder(purpose, str(path))
    except OSError as error:
        return Folder(purpose, str(path), error.strerror or str(error))
