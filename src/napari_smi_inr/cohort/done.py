"""Whether a scan is done: judged by what its record tells of inputs, settings and outputs, not by files being there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..checks.axes import ROLE as BVEC_AXES
from ..errors import InputError
from ..io.files import sha256
from ..io.json_text import read_json
from ..io.scan import checksums_of
from ..repeat import changed_inputs, read_recorded
from .task import Task

SECTION = "Cohort"
"""Part of a record that tells of the cohort's side of a fit."""


@dataclass(frozen=True)
class FilesNow:
    """The files of a scan as they are now, without reading the scan.

    Attributes
    ----------
    read_from
        Their names by role, and the noise where it is a number or a word.
    checksums
        Their SHA-256 by name.
    """

    read_from: Mapping[str, str | float]
    checksums: Mapping[str, str]

    @classmethod
    def of(cls, files: Mapping[str, Path], noise: Any) -> FilesNow:
        """Look at the files by role."""
        asked = {} if noise is None else {"noise": noise}
        return cls({role: path.name for role, path in files.items()} | asked, checksums_of(files))


def why_not_done(task: Task, now: FilesNow) -> list[str]:
    """Say what keeps a scan's results from being those that are asked for; nothing if they are.

    Parameters
    ----------
    task
        The fit that is asked for.
    now
        The scan's files.
    """
    try:
        told = read_json(task.record, "record of a fit")
        before = read_recorded(task.record)
    except InputError as error:
        return [str(error)]
    kept = told.get(SECTION)
    if not isinstance(kept, Mapping) or kept.get("asked") != task.request.identity:
        return ["it was fitted with other settings."]
    if before.bvec_axes is not None:  # asked for as now, and found out, which files alone do not tell
        now = replace(now, read_from={**now.read_from, BVEC_AXES: before.bvec_axes})
    return [*changed_inputs(before, now), *_spoilt(task.folder, kept)]


def _spoilt(folder: Path, kept: Mapping[str, Any]) -> list[str]:
    """Say which results are gone or not those that were written."""
    written = kept.get("outputs")
    if not isinstance(written, Mapping) or not written:
        return ["its record names no results."]
    return [f"{name} is gone or has changed." for name, digest in written.items() if _sum(folder / name) != digest]


def _sum(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return ""
