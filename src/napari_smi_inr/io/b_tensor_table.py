"""b-tensors as tables: six numbers a volume in any of the usual orders, or whole 3 x 3 matrices.

They are in FSL's image axes, as the directions of a .bvec file are. Nobody has agreed on an order of the six numbers
(MRtrix3/mrtrix3#2603, dipy/dipy#1991); but read in a wrong one, they are no b-tensors: directions that spread in space
then give matrices with negative eigenvalues or without a symmetry axis. The one of :data:`ORDERS` that makes b-tensors
of all of them, with the best axes of symmetry, is the right one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..acquisition import B0_THRESHOLD, axially_symmetric
from ..errors import InputError
from .number_table import read_table
from .protocol_table import ProtocolTable, refuse_huge, tensors_to_ms_per_um2

LARGEST_ASYMMETRY = 0.02
"""Largest b ε [ms/µm²] that is left out of account, where b ε is half the difference of the eigenvalues across the
symmetry axis. The model's b-tensors are axially symmetric. It costs 2 % of S0 at the worst (parallel fibres along one
of these eigenvectors; a test says so), as much as the noise at an SNR of 50."""

ORDERS = {
    "xx, yy, zz, √2 xy, √2 xz, √2 yz": ((0, 1, 2, 3, 4, 5), np.sqrt(0.5)),
    "xx, yy, zz, xy, xz, yz": ((0, 1, 2, 3, 4, 5), 1.0),
    "xx, xy, xz, yy, yz, zz": ((0, 3, 5, 1, 2, 4), 1.0),
    "xx, 2 xy, 2 xz, yy, 2 yz, zz": ((0, 3, 5, 1, 2, 4), 0.5),
    "xx, yy, zz, √2 yz, √2 xz, √2 xy": ((0, 1, 2, 5, 4, 3), np.sqrt(0.5)),
    "xx, yy, zz, yz, xz, xy": ((0, 1, 2, 5, 4, 3), 1.0),
}
"""Where xx, yy, zz, xy, xz and yz stand, and what the last three are multiplied by. The first is md-dMRI's, the third
FSL's and DESIGNER's, the fourth TORTOISE's (bmtxt)."""

_MD_DMRI = next(iter(ORDERS))
_SHAPELESS = 1e-4  # ms/µm²; the shape of less is rounding
_NEGATIVE = 0.02  # of the trace: an eigenvalue this far below zero is rounding
_REMEDY = f"Give six numbers a volume, best as md-dMRI does ({_MD_DMRI}), or the nine of a matrix, row by row."


def read_b_tensors(path: Path, n_volumes: int) -> ProtocolTable:
    """Read a table of b-tensors.

    Parameters
    ----------
    path
        A text file: V rows (or columns) of six or nine numbers, or 3 V rows of three; in s/mm², ms/µm² or s/m², told
        apart by size.
    n_volumes
        V.

    Raises
    ------
    InputError
        If the file is no such table, or holds what is no b-tensor or has no axis of symmetry.
    """
    table = _table(path, n_volumes)
    if table.shape[1] == 9:
        tensors, unit = tensors_to_ms_per_um2(table.reshape(-1, 3, 3))
        return table_of_tensors(tensors, path, (unit,))
    readings = {order: tensors_to_ms_per_um2(from_six(table, order)) for order in ORDERS}
    off = {order: _off_axis(tensors) for order, (tensors, _) in readings.items()}
    best = min(ORDERS, key=lambda order: round(off[order], 6))  # the first of equals
    tensors, unit = readings[best if np.isfinite(off[best]) else _MD_DMRI]  # or none, which is refused
    how = "" if best == _MD_DMRI else ", the usual order in which they have the best axes of symmetry"
    return table_of_tensors(tensors, path, (unit, f"b-tensors taken as {best}{how}."))


def from_six(table: NDArray[np.float64], order: str = _MD_DMRI) -> NDArray[np.float64]:
    """(V, 3, 3) symmetric matrices from (V, 6) numbers in one of the :data:`ORDERS`."""
    places, factor = ORDERS[order]
    xx, yy, zz, xy, xz, yz = table[:, places].T
    xy, xz, yz = factor * xy, factor * xz, factor * yz
    return np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=1).reshape(-1, 3, 3)


def table_of_tensors(tensors: NDArray[np.float64], path: Path, notes: tuple[str, ...]) -> ProtocolTable:
    """b-values, shapes and axes of (V, 3, 3) b-tensors [ms/µm²].

    Raises
    ------
    InputError
        If one is none, or has no axis of symmetry.
    """
    if found := faults(tensors):
        volume, fault = found[0]
        others = f", and {len(found) - 1} more are at fault" if len(found) > 1 else ""
        raise InputError(path, f"volume {volume} (counting from 0) {fault}{others}.", _REMEDY)
    b, b_delta, axes, asymmetry = _parts(tensors)
    refuse_huge(b, path)
    worst = float(asymmetry.max(initial=0.0))
    told = f"b-tensors up to {worst:.3f} ms/µm² off an axis of symmetry were taken as the nearest with one."
    weighted = b > _SHAPELESS
    return ProtocolTable(
        b=b,
        b_delta=np.where(weighted, b_delta, 1.0),
        directions=np.where(weighted[:, None], axes, 0.0),
        scanner_axes=False,
        notes=(*notes, *([told] if worst > LARGEST_ASYMMETRY / 10 else [])),
    )


def faults(tensors: NDArray[np.float64]) -> list[tuple[int, str]]:
    """Volumes whose (V, 3, 3) matrices [ms/µm²] are no b-tensors with an axis of symmetry, and why."""
    finite = np.asarray((np.isfinite(tensors) & (np.abs(tensors) < 1e9)).all(axis=(1, 2)))
    sound = np.where(finite[:, None, None], tensors, 0.0)
    skew = np.abs(sound - sound.swapaxes(1, 2)).max(axis=(1, 2))
    b, lowest = np.trace(sound, axis1=1, axis2=2), np.linalg.eigvalsh(sound)[:, 0]
    slack = _NEGATIVE * np.maximum(b, B0_THRESHOLD)
    good = finite & (lowest >= -slack) & (skew <= slack)
    _, _, _, asymmetry = _parts(np.where(good[:, None, None], sound, 0.0))
    told = []
    for v in np.flatnonzero(~good | (asymmetry > LARGEST_ASYMMETRY)):
        if not finite[v]:
            what = "is not finite"
        elif skew[v] > slack[v]:
            what = "is not symmetric"
        elif lowest[v] < -slack[v]:
            what = f"is no b-tensor: it has a negative eigenvalue ({1000 * lowest[v]:.4g} s/mm²)"
        else:
            what = f"has no axis of symmetry: its eigenvalues are {_eigenvalues(sound[v])} s/mm²"
        told.append((int(v), what))
    return told


def _off_axis(tensors: NDArray[np.float64]) -> float:
    """How far (V, 3, 3) b-tensors are off an axis of symmetry at most [ms/µm²]; infinite if some are none."""
    return np.inf if faults(tensors) else float(_parts(tensors)[3].max(initial=0.0))


def _parts(
    tensors: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(V,) b-values and shapes, (V, 3) axes and (V,) b ε [ms/µm²] of the nearest axially symmetric tensors."""
    b = np.trace(tensors, axis1=1, axis2=2)
    symmetric = (tensors + tensors.swapaxes(1, 2)) / 2
    some = np.where((b > _SHAPELESS)[:, None, None], symmetric, np.eye(3))  # of a trace that can be divided by
    parts = axially_symmetric(some[None], np.tile([0.0, 0.0, 1.0], (len(b), 1)))
    _, shape, axis, asymmetry = (part[0] for part in parts)
    return np.maximum(b, 0.0), shape, axis, np.maximum(b, 0.0) * np.linalg.norm(asymmetry, axis=1)


def _eigenvalues(tensor: NDArray[np.float64]) -> str:
    return ", ".join(f"{1000 * value:.4g}" for value in np.linalg.eigvalsh(tensor))


def _table(path: Path, n_volumes: int) -> NDArray[np.float64]:
    """(V, 6) or (V, 9) numbers."""
    rows = read_table(path)
    widths = sorted({len(row) for row in rows})
    shape = (len(rows), widths[0] if len(widths) == 1 else 0)
    if shape in ((n_volumes, 6), (n_volumes, 9)):
        return np.array(rows)
    if shape in ((6, n_volumes), (9, n_volumes)):
        return np.array(rows).T
    if shape == (3 * n_volumes, 3):
        return np.array(rows).reshape(n_volumes, 9)
    told = " or ".join(map(str, widths)) or "no"
    raise InputError(path, f"has {len(rows)} rows of {told} numbers; the scan has {n_volumes} volumes.", _REMEDY)
