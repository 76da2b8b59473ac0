"""b-tensor shapes, for which BIDS has no place yet: from a side-car, a text file beside the scan, or a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.files import readable_file

KEYS = ("BDelta", "b_delta")
"""What a side-car may call it: a number or a word for the whole scan, or a list of one a volume."""

WORDS = {"linear": 1.0, "planar": -0.5, "spherical": 0.0, "lte": 1.0, "pte": -0.5, "ste": 0.0}
"""Shapes in words."""

_COLUMN, _VOLUME = "b_delta", "volume"
_NAMES = {"participant_id": "sub", "session_id": "ses"}  # columns as BIDS calls them in tables
_ANY = ("", "n/a", "*")


@dataclass(frozen=True)
class ShapeTable:
    """Shapes of many scans, as a table tells them.

    Attributes
    ----------
    path
        The file.
    rows
        Each the labels it is about, the volume (None: all), and the shape.
    """

    path: Path
    rows: tuple[tuple[Mapping[str, str], int | None, float], ...]

    @classmethod
    def read(cls, path: str | Path) -> ShapeTable:
        """Read a table.

        Parameters
        ----------
        path
            Columns apart by tabs or commas, named in the first line: ``b_delta``, perhaps ``volume`` (from 0), and any
            of ``participant_id``, ``session_id`` or BIDS entities such as ``acq``, ``run``, which say what a row is
            about; empty, ``n/a`` and ``*`` mean all.

        Raises
        ------
        InputError
            If it is missing, has no such column, or an entry is none.
        """
        file = readable_file(path, "table of b_delta")
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise InputError(file, "is not a text file.", "Give columns apart by tabs.") from None
        lines = csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in text else ",")
        if _COLUMN not in (lines.fieldnames or ()):
            fault = f"has no column {_COLUMN!r}, but {', '.join(lines.fieldnames or ()) or 'nothing'}."
            raise InputError(file, fault, "Name the columns in the first line, apart by tabs.")
        return cls(file, tuple(_row(file, number, line) for number, line in enumerate(lines, start=2)))

    def about(self, entities: Mapping[str, str]) -> ShapeTable:
        """The part of it that is about one scan: small enough to travel with its task."""
        rows = [*self._by_subject.get("", ()), *self._by_subject.get(entities.get("sub", ""), ())]
        return ShapeTable(self.path, tuple(self.rows[n] for n in sorted(rows) if _suits(self.rows[n][0], entities)))

    @cached_property
    def _by_subject(self) -> dict[str, list[int]]:
        """Numbers of rows by the subject they are about; those about any under the empty label."""
        known: dict[str, list[int]] = {}
        for number, (about, _, _) in enumerate(self.rows):
            known.setdefault(about.get("sub", ""), []).append(number)
        return known

    def of(self, entities: Mapping[str, str], n_volumes: int) -> list[float] | None:
        """Shapes of a scan's volumes; None where no row is about it. Later rows go before earlier ones.

        Raises
        ------
        InputError
            If rows are about some of its volumes only, or about volumes it does not have.
        """
        known: dict[int, float] = {}
        for about, volume, shape in self.rows:
            if _suits(about, entities):
                known |= dict.fromkeys(range(n_volumes) if volume is None else (volume,), shape)
        if not known:
            return None
        if set(known) != set(range(n_volumes)):
            fault = f"tells b_delta of {len(known)} volumes, of which the last is {max(known)}; "
            remedy = f"Give volumes 0 to {n_volumes - 1}, or a row without one for all."
            raise InputError(self.path, fault + f"the scan has {n_volumes}.", remedy)
        return [known[volume] for volume in range(n_volumes)]


def shapes_in(told: Mapping[str, Any], n_volumes: int, path: Path) -> list[float] | None:
    """Shapes of a scan's volumes as its side-car tells them; None where it does not.

    Raises
    ------
    InputError
        If what it tells is no shape, or of another number of volumes.
    """
    key = next((key for key in KEYS if told.get(key) is not None), None)
    if key is None:
        return None
    value = told[key]
    values = value if isinstance(value, list) else [value] * n_volumes
    if len(values) != n_volumes:
        fault = f"has {len(values)} values of {key}; the scan has {n_volumes} volumes."
        raise InputError(path, fault, "Give one, or one a volume in the order of the scan.")
    return [_shape(path, key, each) for each in values]


def _suits(about: Mapping[str, str], entities: Mapping[str, str]) -> bool:
    return all(entities.get(key) == label for key, label in about.items())


def as_text(shapes: Sequence[float]) -> str:
    """Shapes as a ``.bdelta`` file holds them."""
    return " ".join(f"{shape:.10g}" for shape in shapes) + "\n"


def _row(path: Path, number: int, line: Mapping[str, Any]) -> tuple[Mapping[str, str], int | None, float]:
    where = f"line {number}"
    cells = {str(key): str(value or "").strip() for key, value in line.items() if key is not None}
    shape = _shape(path, where, cells.pop(_COLUMN))
    volume = cells.pop(_VOLUME, "")
    if volume not in _ANY and not volume.isdecimal():
        raise InputError(path, f"says {volume!r} in {where}, which is no number of a volume.", "Count from 0.")
    about = {_NAMES.get(key, key): label for key, label in cells.items() if label not in _ANY}
    about = {key: label.removeprefix(f"{key}-") for key, label in about.items()}
    return about, None if volume in _ANY else int(volume), shape


def _shape(path: Path, where: str, value: Any) -> float:
    known = WORDS.get(value.lower()) if isinstance(value, str) else None
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value) if known is None else known
    except (TypeError, ValueError):
        remedy = f"Give numbers from -0.5 to 1, or a word: {', '.join(WORDS)}."
        raise InputError(path, f"says {value!r} for {where}, which is no b_delta.", remedy) from None
