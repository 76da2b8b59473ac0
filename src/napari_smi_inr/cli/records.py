"""What a file that was written tells of how it came about, in plain text."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..io.files import sidecar_of
from ..io.json_text import read_json
from ..io.sidecar import is_ours
from .report import columns, rows_of, wrapped

_TITLES = {"Fit": "Settings"}
_FIRST = ("Quality", "Fit", "Simulation", "Experiment", "Sampling", "Provenance")
_EXPERIMENT = {"settings", "inputs", "versions", "machine"}
_LEVELS = 3  # folders above a file of an experiment at which its configuration is looked for


def record_of_file(path: Path) -> str:
    """Tell what is recorded of a file: in itself, beside it, or of the experiment it belongs to; empty if nothing is.

    Raises
    ------
    InputError
        If the record is damaged.
    """
    if path.name.endswith((".nii", ".nii.gz")):
        told = _beside(path)
        return _told(f"{path}: {_grid(path)}\nRecord: {sidecar_of(path)}", told) if told else ""
    if path.suffix == ".json" and os.path.isfile(path):
        told = read_json(path, "JSON side-car")
        stranger = "" if is_ours(told) or set(told) >= _EXPERIMENT else " (not of this program)"
        return _told(f"{path}: a record{stranger}", told)
    return _of_experiment(path)


def is_scan(path: Path, given: bool) -> bool:
    """Whether a file is to be read as a diffusion scan: an image of volumes that is no result of ours.

    Whatever this program has written is one only with a protocol, which is given or lies beside it.
    """
    if not os.path.isfile(path):  # unlike Path.is_file, also of what cannot be looked at
        return True  # and found missing
    if not path.name.endswith((".nii", ".nii.gz")):
        return False
    from ..io.beside import has_protocol
    from ..io.nifti import open_image

    if open_image(path, "image").ndim != 4:
        return False
    told = _beside(path)
    return "Fit" not in told and (not told or given or has_protocol(path))


def no_record(path: Path) -> str:
    """Say that nothing is recorded of an image."""
    beside = sidecar_of(path)
    what = "is not of this program" if beside.is_file() else "is not there"
    return f"{path}: {_grid(path)}\n" + wrapped(
        f"Nothing tells how it came about: this program writes that to {beside.name} beside an image, which {what}."
    )


def _beside(image: Path) -> dict[str, Any]:
    """The side-car of an image, if it is of this program."""
    beside = sidecar_of(image)
    told = read_json(beside, "JSON side-car") if os.path.isfile(beside) else {}
    return told if is_ours(told) else {}


def _of_experiment(path: Path) -> str:
    for folder in list(path.resolve().parents)[:_LEVELS]:
        place = folder / "config.json"
        if os.path.isfile(path) and place.is_file() and set(told := read_json(place, "JSON side-car")) >= _EXPERIMENT:
            return _told(f"{path}: part of an experiment\nRecord: {place}", told)
    return ""


def _told(head: str, told: Mapping[str, Any]) -> str:
    """One table of what stands alone, then one a section."""
    sections = [key for key, value in told.items() if isinstance(value, Mapping)]
    sections.sort(key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST))
    alone = {key: value for key, value in told.items() if key not in sections}
    tables = [f"{_TITLES.get(key, key)}\n{columns(rows_of(told[key]))}" for key in sections]
    return "\n\n".join([head, *([columns(rows_of(alone))] if alone else []), *tables])


def _grid(path: Path) -> str:
    from ..io.nifti import grid_of, open_image

    image = open_image(path, "image")
    more = f", {image.shape[3]} volumes" if image.ndim > 3 else ""
    return f"{grid_of(image)}{more}"
