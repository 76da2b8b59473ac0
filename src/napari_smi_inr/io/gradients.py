"""The protocol of a scan from the files beside it: b-values, directions and b-tensor shapes, in whatever format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..acquisition import B0_THRESHOLD, SPHERICAL_TOLERANCE, Acquisition
from ..errors import InputError
from . import b_tensor_table, mrtrix_table, xps
from .beside import (
    BDELTA_SUFFIXES,
    BVAL_SUFFIXES,
    BVEC_SUFFIXES,
    TABLE_SUFFIXES,
    TENSOR_SUFFIXES,
    WHOLE_SUFFIXES,
    find_sidecar,
    looked_for,
)
from .files import naming, readable_file
from .fsl_axes import fsl_to_scanner, unit_vectors
from .number_table import read_numbers, read_table, read_vectors
from .protocol_table import ProtocolTable, refuse_huge, to_ms_per_um2
from .shapes import Shape, read_shapes

_LENGTH_REPAIR = 0.05  # how far from unit length a direction may be and still be mended
_LENGTH_ROUNDING = 1e-3  # of a few printed decimals, not worth a word
_SAME_AXIS = np.cos(np.deg2rad(1.0))
_BVEC_REMEDY = "Give 3 rows of one number a volume (FSL) or one row of 3 numbers a volume."


@dataclass(frozen=True)
class Gradients:
    """A protocol as read, with the files it came from by role and what was assumed or mended."""

    acquisition: Acquisition
    files: Mapping[str, Path]
    notes: tuple[str, ...]

    @property
    def main_file(self) -> Path:
        """The file that has the b-values."""
        return self.files.get("gradients") or self.files["bval"]


def read_gradients(
    dwi: Path,
    n_volumes: int,
    affine: NDArray[np.float64],
    bval: str | Path | None = None,
    bvec: str | Path | None = None,
    bdelta: Shape | None = None,
    gradients: str | Path | None = None,
    b0_threshold: float = B0_THRESHOLD,
) -> Gradients:
    """Read the protocol of a scan.

    Parameters
    ----------
    dwi
        The scan; files not given are looked for beside it by name (:mod:`.beside`). b-values and directions with
        shapes go first, then files of whole b-tensors, then b-values and directions alone, then MRtrix's table.
    n_volumes
        Its number of volumes V.
    affine
        (4, 4) its voxel-to-RAS affine, which turns FSL directions to scanner axes.
    bval, bvec
        Text files in rows or columns. b-values in s/mm² or ms/µm² (told apart by size); directions
        in FSL convention.
    bdelta
        A file of one number a volume, or one for all; linear for all volumes if there is none.
    gradients
        One file with everything instead: b-tensors (:mod:`.b_tensor_table`), md-dMRI's xps (:mod:`.xps`), or a table of
        MRtrix (:mod:`.mrtrix_table`), whose shapes alone come from `bdelta`.
    b0_threshold
        Largest b-value [ms/µm²] that counts as b = 0.

    Raises
    ------
    InputError
        If a file is missing or not a table of V volumes, or a value is out of range. Whether a fit can make sense of
        the protocol is not asked: it may be part of a larger one.
    """
    table, files = _read(dwi, n_volumes, bval, bvec, bdelta, gradients)
    shapes, shape_note = table.b_delta, ""
    if shapes is None:
        shapes, shape_file, shape_note = read_shapes(dwi, bdelta, n_volumes)
        files |= {"bdelta": shape_file} if shape_file else {}
    elif bdelta is not None:
        fault = "tells the shapes of its b-tensors; they cannot be given as bdelta, too."
        raise InputError(files["gradients"], fault, "Leave out bdelta, or give bval and bvec with it.")
    elif (unused := find_sidecar(dwi, BDELTA_SUFFIXES)) is not None:
        shape_note = f"{unused.name} was not used: {files['gradients'].name} tells the shapes of its b-tensors."
    directions, length_note = _mend_lengths(table.directions, table.b, shapes, b0_threshold)
    main = files.get("gradients")
    blamed = {"b": main or files.get("bval"), "b_delta": files.get("bdelta") or main}
    blamed |= {"directions": main or files.get("bvec"), "acquisition": blamed["b"]}
    with naming(blamed):
        acquisition = Acquisition(table.b, shapes, directions, b0_threshold)
    if not table.scanner_axes:
        acquisition = replace(acquisition, directions=fsl_to_scanner(directions, affine))
    beside = _second_opinion(dwi, n_volumes, acquisition, files)
    return Gradients(acquisition, files, tuple(filter(None, (*table.notes, shape_note, length_note, beside))))


def _read(
    dwi: Path,
    n_volumes: int,
    bval: str | Path | None,
    bvec: str | Path | None,
    bdelta: Shape | None,
    gradients: str | Path | None,
) -> tuple[ProtocolTable, dict[str, Path]]:
    """Read everything but shapes that have a file of their own."""
    if gradients and (bval or bvec):
        fault = "has b-values and directions; they cannot be given in files of their own, too."
        raise InputError(gradients, fault, "Give either gradients, or bval and bvec.")
    found = readable_file(gradients, "protocol") if gradients else None
    if found is None and not (bval or bvec):
        found = _whole_beside(dwi, bdelta)
    if found is not None:
        return _read_whole(found, n_volumes), {"gradients": found}
    bval_file = _given_or_beside(bval, dwi, BVAL_SUFFIXES, "b-values", "bval")
    bvec_file = _given_or_beside(bvec, dwi, BVEC_SUFFIXES, "directions", "bvec")
    b, unit_note = to_ms_per_um2(read_numbers(bval_file, n_volumes, "b-values"))
    refuse_huge(b, bval_file)
    directions = read_vectors(bvec_file, n_volumes, 3, _BVEC_REMEDY)
    return ProtocolTable(b, None, directions, False, (unit_note,)), {"bval": bval_file, "bvec": bvec_file}


def _whole_beside(dwi: Path, bdelta: Shape | None) -> Path | None:
    """Find a file with the whole protocol that goes before b-values and directions beside the scan, if these are."""
    tensors = find_sidecar(dwi, TENSOR_SUFFIXES)
    pair = all(find_sidecar(dwi, suffixes) for suffixes in (BVAL_SUFFIXES, BVEC_SUFFIXES))
    shaped = bdelta is not None or find_sidecar(dwi, BDELTA_SUFFIXES) is not None
    if tensors is not None and not (pair and shaped):
        return tensors
    return None if pair else find_sidecar(dwi, TABLE_SUFFIXES)


def _read_whole(path: Path, n_volumes: int) -> ProtocolTable:
    """Read a file with the whole protocol, of whichever kind it is."""
    if path.suffix.lower() == ".mat":
        return xps.read_xps(path, n_volumes)
    if any(len(row) == mrtrix_table.COLUMNS for row in read_table(path)):
        return mrtrix_table.read_mrtrix_table(path, n_volumes)
    return b_tensor_table.read_b_tensors(path, n_volumes)


def _second_opinion(dwi: Path, n_volumes: int, acquisition: Acquisition, files: Mapping[str, Path]) -> str:
    """Say where a table of MRtrix beside the scan has other directions: its axes leave no doubt, those of FSL do."""
    beside = find_sidecar(dwi, TABLE_SUFFIXES)
    if beside is None or "bvec" not in files:
        return ""
    try:
        other = unit_vectors(mrtrix_table.read_mrtrix_table(beside, n_volumes).directions)
    except InputError:  # of another scan, or no such table at all
        return ""
    along = np.abs(np.sum(other * acquisition.directions, axis=1))
    known = (np.linalg.norm(other, axis=1) > 0) & np.any(acquisition.directions != 0, axis=1) & ~acquisition.is_b0
    if not known.any() or along[known].min() >= _SAME_AXIS:
        return ""
    worst = np.rad2deg(np.arccos(np.clip(along[known].min(), 0.0, 1.0)))
    return (
        f"{beside.name} lies beside the scan, and its directions are up to {worst:.0f}° off those of "
        f"{files['bvec'].name}: give it as gradients if they are the right ones."
    )


def _mend_lengths(
    bvecs: NDArray[np.float64], b: NDArray[np.float64], b_delta: NDArray[np.float64], b0_threshold: float
) -> tuple[NDArray[np.float64], str]:
    """Normalise what is nearly unit; drop directions that mean nothing (NaN at b = 0, say).

    Directions that matter and are far from unit length stay as they are, for the protocol to refuse.
    """
    with np.errstate(over="ignore"):
        length = np.linalg.norm(bvecs, axis=1)
    off = np.abs(length - 1)
    matters = (b > b0_threshold) & (np.abs(b_delta) > SPHERICAL_TOLERANCE)
    meaningless = ~matters & ~(np.isfinite(length) & (length > 0))
    far = matters & ~(off <= _LENGTH_REPAIR)
    mended = np.where(far[:, None], bvecs, unit_vectors(np.where(meaningless[:, None], 0, bvecs)))
    worst = float(off[matters & ~far].max(initial=0))
    note = f"Directions up to {100 * worst:.1f} % off unit length were normalised." if worst > _LENGTH_ROUNDING else ""
    return mended, note


def _given_or_beside(given: str | Path | None, dwi: Path, suffixes: Sequence[str], what: str, argument: str) -> Path:
    """Take the file given, else the one beside the scan."""
    found = given or find_sidecar(dwi, suffixes)
    if found is None:
        names = ", ".join(looked_for(dwi, suffixes))
        whole = ", ".join(looked_for(dwi, WHOLE_SUFFIXES))
        fault = f"has no {what} beside it ({names}), nor a whole protocol ({whole})."
        raise InputError(dwi, fault, f"Put a file there, or give it as {argument} or gradients.")
    return readable_file(found, what)
