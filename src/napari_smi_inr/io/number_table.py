"""Tables of numbers in small text files, read as cautiously as files from strangers deserve."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..acquisition import MOST_VOLUMES
from ..errors import InputError

LARGEST_TABLE = 1 << 22
"""Bytes; nothing this big is a gradient table."""

_PLAIN_TEXT = "Give a plain text file with numbers only."
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_MOST_NUMBERS = 9 * MOST_VOLUMES  # a whole b-tensor for each
_LONGEST_NUMBER = 64  # characters; Python's own float() would also take 1_000 and other alphabets


def read_table(path: Path) -> list[list[float]]:
    """Read the rows of numbers in a text file, apart by spaces or by commas; blank lines and # comments are skipped.

    Raises
    ------
    InputError
        If the file is too large, no text, or holds anything but numbers.
    """
    rows: list[list[float]] = []
    room = _MOST_NUMBERS
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        words = _words(line.partition("#")[0].strip())
        room -= len(words)
        if room < 0:
            raise InputError(path, f"has more than {_MOST_NUMBERS} numbers.", "Give the gradient table of one scan.")
        odd = next((word for word in words if len(word) > _LONGEST_NUMBER or not _NUMBER.fullmatch(word)), None)
        if odd is not None:
            shown = ascii(odd if len(odd) <= _LONGEST_NUMBER else odd[:12] + "...")
            raise InputError(path, f"line {number} has something other than numbers ({shown}).", _PLAIN_TEXT)
        rows.append([float(word) for word in words])
    return [row for row in rows if row]


def read_numbers(path: Path, n_volumes: int, what: str) -> NDArray[np.float64]:
    """Read one number a volume, in a row, a column or wrapped over lines.

    Raises
    ------
    InputError
        As :func:`read_table`, or if there are more or fewer.
    """
    numbers = np.array([number for row in read_table(path) for number in row])
    if len(numbers) != n_volumes:
        raise InputError(
            path,
            f"has {len(numbers)} numbers ({what}); the scan has {n_volumes} volumes.",
            "Give one number a volume, in the order of the scan.",
        )
    return numbers


def read_vectors(path: Path, n_volumes: int, width: int, remedy: str) -> NDArray[np.float64]:
    """Read (V, width) numbers from a row for each volume, or from a column for each.

    Where both are possible, ``width`` rows of V are taken.

    Raises
    ------
    InputError
        As :func:`read_table`, or if the table has another shape; with the remedy given.
    """
    rows = read_table(path)
    lengths = sorted({len(row) for row in rows})
    if lengths == [n_volumes] and len(rows) == width:
        return np.array(rows).T
    if lengths == [width] and len(rows) == n_volumes:
        return np.array(rows)
    told = " or ".join(map(str, lengths)) or "no"
    raise InputError(path, f"has {len(rows)} rows of {told} numbers; the scan has {n_volumes} volumes.", remedy)


def _words(line: str) -> list[str]:
    """What stands between spaces, or, where there are commas, between them and nowhere else."""
    if "," not in line:
        return line.split()
    return [word.strip() for word in line.removesuffix(",").split(",")]


def _read_text(path: Path) -> str:
    """Read a small text file: UTF-8, or UTF-16 that says so, as Windows' PowerShell writes it."""
    if path.stat().st_size > LARGEST_TABLE:
        raise InputError(path, "is too large for a gradient table.", _PLAIN_TEXT)
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(path, "is not a text file.", _PLAIN_TEXT) from None
