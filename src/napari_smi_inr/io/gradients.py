"""b-values, directions and b-tensor shapes as text files."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..acquisition import B0_THRESHOLD, MOST_VOLUMES, SPHERICAL_TOLERANCE, Acquisition
from ..errors import InputError
from .files import naming, readable_file

BVAL_SUFFIXES = (".bval", ".bvals")
BVEC_SUFFIXES = (".bvec", ".bvecs")
BDELTA_SUFFIXES = (".bdelta", ".bshape", ".beta")

_PLAIN_TEXT = "Give a plain text file with numbers only."
_S_PER_MM2 = 100.0  # a largest b-value above this cannot be in ms/µm²
_LENGTH_REPAIR = 0.05  # how far from unit length a direction may be and still be mended
_LENGTH_ROUNDING = 1e-3  # of a few printed decimals, not worth a word
_LARGEST_B = 1000.0  # ms/µm²; ten times what any scanner reaches
_LARGEST_TABLE = 1 << 22  # bytes; nothing this big is a gradient table
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_MOST_NUMBERS = 3 * MOST_VOLUMES
_LONGEST_NUMBER = 64  # characters; Python's own float() would also take 1_000 and other alphabets


@dataclass(frozen=True)
class Gradients:
    """A protocol as read, with the files it came from and what was assumed or mended."""

    acquisition: Acquisition
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def read_gradients(
    dwi: Path,
    n_volumes: int,
    affine: NDArray[np.float64],
    bval: str | Path | None = None,
    bvec: str | Path | None = None,
    bdelta: str | Path | None = None,
) -> Gradients:
    """Read the protocol of a scan.

    Parameters
    ----------
    dwi
        The scan; files not given are looked for beside it by name.
    n_volumes
        Its number of volumes V.
    affine
        (4, 4) its voxel-to-RAS affine, which turns FSL directions to scanner axes.
    bval, bvec, bdelta
        Text files in rows or columns. b-values in s/mm² or ms/µm² (told apart by size); directions
        in FSL convention; b_delta linear for all volumes if there is no file.

    Raises
    ------
    InputError
        If a file is missing or not a table of V numbers (3 V for directions), a value is out of
        range, or the protocol cannot be fitted.
    """
    bval_file = _given_or_beside(bval, dwi, BVAL_SUFFIXES, "b-values", "bval")
    bvec_file = _given_or_beside(bvec, dwi, BVEC_SUFFIXES, "directions", "bvec")
    bdelta_file = readable_file(bdelta, "b_delta") if bdelta else find_sidecar(dwi, BDELTA_SUFFIXES)
    b, unit_note = to_ms_per_um2(_read_row(bval_file, n_volumes, "b-values"))
    _refuse_huge(b, bval_file)
    b_delta = _read_row(bdelta_file, n_volumes, "b_delta") if bdelta_file else np.ones(n_volumes)
    bvecs, length_note = _mend_lengths(_read_bvecs(bvec_file, n_volumes), b, b_delta)
    with naming({"b": bval_file, "b_delta": bdelta_file, "directions": bvec_file, "acquisition": bval_file}):
        image_axes = Acquisition(b, b_delta, bvecs)
        image_axes.require_fittable()
    acquisition = replace(image_axes, directions=fsl_to_scanner(bvecs, affine))
    linear_note = "" if bdelta_file else "No b_delta file given or found: linear encoding assumed for every volume."
    files = (bval_file, bvec_file, *([bdelta_file] if bdelta_file else []))
    return Gradients(acquisition, files, tuple(filter(None, (unit_note, linear_note, length_note))))


def find_sidecar(dwi: Path, suffixes: Sequence[str]) -> Path | None:
    """Find the file beside a scan with the scan's name and one of the suffixes, or the bare suffix as name."""
    names = [_stem(dwi) + suffix for suffix in suffixes] + [suffix[1:] for suffix in suffixes]
    return next((dwi.with_name(name) for name in names if dwi.with_name(name).is_file()), None)


def to_ms_per_um2(b: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    """Bring b-values to ms/µm², telling their unit by the largest, and say which it was."""
    largest = float(np.nanmax(b, initial=0.0))
    if largest > _S_PER_MM2:
        return b / 1000, f"b-values taken as s/mm² (the largest is {largest:g})."
    return b, f"b-values taken as ms/µm² (the largest is {largest:g})."


def fsl_to_scanner(bvecs: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn directions from FSL's image axes to scanner (RAS) axes.

    FSL counts the first image axis from the subject's right to left whatever way it is stored, so it is
    flipped where the affine has a positive determinant; the affine's direction cosines do the rest.

    Parameters
    ----------
    bvecs
        (V, 3) unit or zero vectors as in a .bvec file.
    affine
        (4, 4) of the image they belong to.

    Returns
    -------
    (V, 3) unit or zero vectors.
    """
    return _unit(bvecs @ fsl_axes(affine).T)


def scanner_to_fsl(directions: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo :func:`fsl_to_scanner`."""
    return _unit(np.linalg.solve(fsl_axes(affine), directions.T).T)


def fsl_axes(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) scanner (RAS) directions of FSL's three axes, in columns."""
    axes: NDArray[np.float64] = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.linalg.det(axes) > 0:
        axes[:, 0] *= -1
    return axes


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale to unit length, except zero vectors."""
    with np.errstate(invalid="ignore", over="ignore"):  # infinite ones are refused later
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(length > 0, length, 1), dtype=np.float64)


def _mend_lengths(
    bvecs: NDArray[np.float64], b: NDArray[np.float64], b_delta: NDArray[np.float64]
) -> tuple[NDArray[np.float64], str]:
    """Normalise what is nearly unit; drop directions that mean nothing (NaN at b = 0, say).

    Directions that matter and are far from unit length stay as they are, for the protocol to refuse.
    """
    with np.errstate(over="ignore"):
        length = np.linalg.norm(bvecs, axis=1)
    off = np.abs(length - 1)
    matters = (b > B0_THRESHOLD) & (np.abs(b_delta) > SPHERICAL_TOLERANCE)
    meaningless = ~matters & ~(np.isfinite(length) & (length > 0))
    far = matters & ~(off <= _LENGTH_REPAIR)
    mended = np.where(far[:, None], bvecs, _unit(np.where(meaningless[:, None], 0, bvecs)))
    worst = float(off[matters & ~far].max(initial=0))
    note = f"Directions up to {100 * worst:.1f} % off unit length were normalised." if worst > _LENGTH_ROUNDING else ""
    return mended, note


def _given_or_beside(given: str | Path | None, dwi: Path, suffixes: Sequence[str], what: str, argument: str) -> Path:
    """Take the file given, else the one beside the scan."""
    found = given or find_sidecar(dwi, suffixes)
    if found is None:
        names = " or ".join(_stem(dwi) + suffix for suffix in suffixes)
        raise InputError(dwi, f"has no {what} beside it ({names}).", f"Put the file there or give it as {argument}.")
    return readable_file(found, what)


def _stem(dwi: Path) -> str:
    return dwi.name.removesuffix(".gz").removesuffix(".nii")


def _read_row(path: Path, n_volumes: int, what: str) -> NDArray[np.float64]:
    """Read one number a volume, in a row, a column or wrapped over lines."""
    numbers = np.array([number for row in _read_table(path) for number in row])
    if len(numbers) != n_volumes:
        raise InputError(
            path,
            f"has {len(numbers)} numbers ({what}); the scan has {n_volumes} volumes.",
            "Give one number a volume, in the order of the scan.",
        )
    return numbers


def _read_bvecs(path: Path, n_volumes: int) -> NDArray[np.float64]:
    """Read directions from 3 rows (FSL) or 3 columns to (V, 3)."""
    rows = _read_table(path)
    lengths = sorted({len(row) for row in rows})
    if lengths == [n_volumes] and len(rows) == 3:
        return np.array(rows).T
    if lengths == [3] and len(rows) == n_volumes:
        return np.array(rows)
    raise InputError(
        path,
        f"has {len(rows)} rows of {' or '.join(map(str, lengths)) or 'no'} numbers; the scan has {n_volumes} volumes.",
        "Give 3 rows of one number a volume (FSL) or one row of 3 numbers a volume.",
    )


def _refuse_huge(b: NDArray[np.float64], path: Path) -> None:
    largest = float(np.nanmax(b, initial=0.0))
    if largest > _LARGEST_B:
        fault = f"has a b-value of {1000 * largest:g} s/mm², which no scanner reaches."
        raise InputError(path, fault, "Give b-values in s/mm² or ms/µm²; those in s/m² divided by 1000000.")


def _read_table(path: Path) -> list[list[float]]:
    """Read the rows of numbers in a text file, apart by spaces or by commas; blank lines and # comments are skipped."""
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


def _words(line: str) -> list[str]:
    """What stands between spaces, or, where there are commas, between them and nowhere else."""
    if "," not in line:
        return line.split()
    return [word.strip() for word in line.removesuffix(",").split(",")]


def _read_text(path: Path) -> str:
    """Read a small text file: UTF-8, or UTF-16 that says so, as Windows' PowerShell writes it."""
    if path.stat().st_size > _LARGEST_TABLE:
        raise InputError(path, "is too large for a gradient table.", _PLAIN_TEXT)
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(path, "is not a text file.", _PLAIN_TEXT) from None
