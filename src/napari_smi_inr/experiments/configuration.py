"""``config.json``: what a folder's results were made with, and whether a run may go on there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..io.files import is_missing, replacing
from ..io.json_text import read_json
from .machine import machine, versions
from .settings import ExperimentSettings

FILE = "config.json"
_IDENTITY = ("settings", "inputs", "versions")
_FOLDERS = ("fits", "networks", "truth", "figures")
_FILES = ("report.html", "metrics.csv", "times.csv", "bias.csv", "heldout.csv", "medians.csv", "superresolution.csv")


class Configuration(NamedTuple):
    """The record of a run.

    Attributes
    ----------
    text
        As written.
    made
        When and on what, in words.
    """

    text: str
    made: str


def claim(
    folder: Path, settings: ExperimentSettings, inputs: Mapping[str, str], command: str, overwrite: bool
) -> Configuration:
    """Take a folder for a run: write its configuration, unless results of another one are there.

    Parameters
    ----------
    folder
        Exists.
    settings, inputs, command
        What is asked, the SHA-256 of the input files by name, and the command line.
    overwrite
        Remove the results of another configuration.

    Raises
    ------
    InputError
        If the folder holds results of another configuration, or cannot be written to.
    """
    used, on = versions(), machine(settings.device)
    record = {
        "settings": json.loads(settings.model_dump_json()),
        "inputs": dict(inputs),
        "versions": used,
        "machine": on,
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    before = _read(folder / FILE)
    if before is not None and (changed := _changed(before, record)):
        if not overwrite:
            fault = f"holds results of another configuration ({'; '.join(changed)})."
            raise InputError(folder, fault, "Choose another folder, or give --overwrite to replace them.")
        _clear(folder)
    text = json.dumps(record, indent=2, ensure_ascii=False)
    with replacing(folder / FILE) as stream:
        stream.write((text + "\n").encode())
    where = on["processor"] if on["device"] == "cpu" else on["device"]
    made = f"Made {record['started'][:10]} by napari-smi-inr {used['napari-smi-inr']} on {where} ({on['cores']} cores)"
    return Configuration(text, made)


def _read(path: Path) -> dict[str, Any] | None:
    if is_missing(path):
        return None
    try:
        return read_json(path, "configuration of an experiment")
    except InputError:
        return {}


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs, in words."""
    words = []
    for part in _IDENTITY:
        there, new = before.get(part), now[part]
        old = there if isinstance(there, dict) else {}
        words += [
            f"{key}: {json.dumps(old.get(key))} there, {json.dumps(new.get(key))} now"
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        ]
    return words


def _clear(folder: Path) -> None:
    """Remove what a run has written, and nothing else."""
    for name in _FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
