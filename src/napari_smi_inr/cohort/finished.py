"""A cohort that has been fitted, as its folder tells: scans, what is odd about them, and where their maps are."""

from __future__ import annotations

import csv
import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..io.files import is_missing, readable_file, user_path
from ..io.nifti import grid_of, open_image, read_volumes
from ..parameters import PARAMETERS
from .folder import REPORT, TABLE
from .rows import SEPARATOR

RESIDUAL = "residual"
"""Key of the map of what a fit leaves unexplained."""

_LARGEST = 1 << 26  # bytes; 10,000 scans take a tenth of it
_REMEDY = "Give the folder that 'smi-inr cohort' wrote."


@dataclass(frozen=True)
class Entry:
    """One scan.

    Attributes
    ----------
    name
        As files of its results begin.
    status
        fitted, kept, failed or stopped.
    flags
        What is odd about it.
    error
        Why it failed.
    folder
        Where its results are.
    """

    name: str
    status: str
    flags: tuple[str, ...]
    error: str
    folder: Path

    @property
    def done(self) -> bool:
        """Whether there are maps to look at."""
        return self.status in ("fitted", "kept")

    @property
    def field(self) -> Path | None:
        """The field file, if the fit left one."""
        from ..results import FIELD_SUFFIX  # brings torch

        path = self.folder / f"{self.name}{FIELD_SUFFIX}"
        return path if path.is_file() else None

    def map_files(self) -> dict[str, Path]:
        """Files of the maps by symbol, and of the residual, as far as they are there; whatever the method."""
        labels = {**{symbol: p.label for symbol, p in PARAMETERS.items()}, RESIDUAL: RESIDUAL}
        start = f"{glob.escape(self.name)}_model-sm"
        found: dict[str, Path] = {}
        for key, label in labels.items():
            endings = (f"_param-{label}_dwimap.nii.gz", f"_desc-*_param-{label}_dwimap.nii.gz")
            there = [path for ending in endings for path in sorted(self.folder.glob(start + ending))]
            found |= {key: there[0]} if there else {}
        return found


@dataclass(frozen=True)
class FinishedCohort:
    """A cohort's folder.

    Attributes
    ----------
    folder
        The folder.
    entries
        Its scans, in the order of the table.
    """

    folder: Path
    entries: tuple[Entry, ...]

    @classmethod
    def open(cls, folder: str | Path) -> FinishedCohort:
        """Read what there is.

        Raises
        ------
        InputError
            If the folder holds no cohort, or its table is damaged.
        """
        root = user_path(folder)
        if is_missing(root / TABLE):
            raise InputError(root, f"holds no fitted cohort: there is no {TABLE}.", _REMEDY)
        table = readable_file(root / TABLE, "table of a cohort")
        try:
            if table.stat().st_size > _LARGEST:
                raise ValueError("it is too large")
            lines = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
            entries = tuple(_entry(root, line) for line in lines)
        except (ValueError, KeyError, TypeError, csv.Error) as error:
            raise InputError(table, f"is not readable as the table of a cohort ({error}).", _REMEDY) from None
        return cls(root, entries)

    @property
    def report(self) -> Path:
        """The quality report."""
        return self.folder / REPORT


def read_maps(entry: Entry) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float64]]:
    """Read the maps of a scan.

    Returns
    -------
    maps
        (X, Y, Z) by symbol, and the residual.
    affine
        (4, 4) from voxel indices to RAS millimetres.

    Raises
    ------
    InputError
        If there are none, one is damaged, or they are not on one grid.
    """
    files = entry.map_files()
    if not files:
        raise InputError(entry.folder, f"has no maps of {entry.name}.", "Fit the cohort again: the same command does.")
    maps: dict[str, NDArray[np.float32]] = {}
    grid = None
    for key, path in files.items():
        image = open_image(path, "map")
        grid = grid or grid_of(image)
        if image.ndim != 3 or grid_of(image).distance(grid) > 0:
            raise InputError(path, "is not on the grid of the other maps of its scan.", "Fit the scan again.")
        maps[key] = read_volumes(image)
    assert grid is not None  # there is a file
    return maps, grid.affine


def _entry(root: Path, line: Mapping[str, str]) -> Entry:
    place = PurePosixPath(line["folder"])
    if place.is_absolute() or ".." in place.parts or "/" in line["scan"]:
        raise ValueError(f"{line['folder']} is outside of it")
    flags = tuple(flag for flag in line["flags"].split(SEPARATOR) if flag)
    return Entry(line["scan"], line["status"], flags, line["error"], root / place)
