"""A cohort's folder as a BIDS derivative: what it says of itself, and what it was made with."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.files import output_folder, replacing
from ..io.json_text import read_json
from ..io.sidecar import PROGRAM, write_json
from .task import SOURCE

ASKED = "cohort.json"
"""What a cohort was asked for; its folder is for that alone."""

TABLE = "cohort.csv"
"""One line a scan: what became of it, and its numbers."""

REPORT = "report.html"
"""The quality report."""

_BIDS_VERSION = "1.10.0"
_IGNORED = """\
# Names of BEP016, the extension of BIDS for diffusion models, which no released schema knows yet
*_dwimap.nii.gz
*_dwimap.json
# What has no place in BIDS: fields, shapes of b-tensors, records of quality, pictures, the report
*.smi.safetensors
*_dwi.bdelta
*_quality.json
figures
cohort.json
cohort.csv
report.html
.work
"""
_README = """\
# Standard Model maps of a cohort

Made by {program} {version}. Open `report.html` first: it shows every scan, what is odd about it, and what failed.

- `sub-*/[ses-*/]dwi/*_model-sm_param-<name>_dwimap.nii.gz`: maps (di, de, dp, f, s0, p2), the fibre orientation
  distribution (fod: real spherical harmonics in MRtrix' basis, scanner axes), and the residual. The JSON beside each
  tells units, settings, seed, versions and SHA-256 of what it was made from.
- `*.smi.safetensors`: the field itself, for `smi-inr sample` and napari.
- `*_model-sm_quality.json`: the record of each fit, by which it is known to be done.
- `cohort.csv`: one line a scan; `cohort.json`: what was asked for.
"""


def claim(folder: Path, source: Path, asked: Mapping[str, Any], overwrite: bool) -> None:
    """Take a folder for a cohort, and write what a BIDS derivative has to say of itself.

    Parameters
    ----------
    folder
        Made if missing.
    source
        The data set with the scans.
    asked
        What decides the results of every fit.
    overwrite
        Let results with other settings be replaced.

    Raises
    ------
    InputError
        If results with other settings are there, it is the data set itself, or it cannot be written to.
    """
    if folder.resolve() == source.resolve():
        raise InputError(folder, "is the data set itself.", "Give a folder of its own for results.")
    output_folder(folder)
    before = folder / ASKED
    if before.is_file() and not overwrite:
        _refuse_other(folder, _asked(before), asked)
    write_json(before, {"Asked": dict(asked), "Source": source.name})
    _write(
        folder / "dataset_description.json",
        json.dumps(_description(source, folder), indent=2, ensure_ascii=False) + "\n",
    )
    _write(folder / ".bidsignore", _IGNORED)
    _write(folder / "README.md", _README.format(program=PROGRAM, version=version(PROGRAM)))


def _asked(path: Path) -> Mapping[str, Any]:
    try:
        told = read_json(path, "record of a cohort").get("Asked")
    except InputError:
        return {}
    return told if isinstance(told, Mapping) else {}


def _refuse_other(folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    before, after = _flat(then), _flat(now)
    other = [
        f"{key} {before.get(key)!r} there, {after.get(key)!r} now"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
    if other:
        fault = f"holds a cohort that was fitted otherwise ({'; '.join(other)})."
        raise InputError(folder, fault, "Choose another folder, or give --overwrite to fit all scans again.")


def _flat(asked: Mapping[str, Any]) -> dict[str, Any]:
    settings = asked.get("settings")
    inner = settings if isinstance(settings, Mapping) else {}
    return {**inner, **{key: value for key, value in asked.items() if key != "settings"}}


def _description(source: Path, folder: Path) -> dict[str, Any]:
    """What BIDS asks a derivative to say; who made the data and where they are from is taken over."""
    before: Mapping[str, Any] = {}
    described = source / "dataset_description.json"
    if described.is_file():
        try:
            before = read_json(described, "description of a data set")
        except InputError:
            before = {}  # the scans may be sound for all that
    told: dict[str, Any] = {
        "Name": f"Standard Model maps of {before.get('Name') or source.name}",
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": PROGRAM, "Version": version(PROGRAM)}],
    }
    told["DatasetLinks"] = {SOURCE: _on_the_way(source, folder)}
    told |= {key: before[key] for key in ("Authors", "License", "Funding") if key in before}
    if doi := before.get("DatasetDOI"):
        told["SourceDatasets"] = [{"DOI": doi}]
    return told


def _on_the_way(source: Path, folder: Path) -> str:
    """The data set as seen from the results, which stays true where both are moved together."""
    try:
        return Path(os.path.relpath(source.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive of Windows
        return source.resolve().as_uri()


def _write(path: Path, text: str) -> None:
    with replacing(path) as stream:
        stream.write(text.encode())
