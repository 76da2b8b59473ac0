"""The protocol of md-dMRI: ``xps``, a struct in a MATLAB file (``<scan>_xps.mat``), in SI units.

Its b-tensors ``bt`` are xx, yy, zz, √2 xy, √2 xz, √2 yz [s/m²]; ``b``, ``b_delta`` and ``u`` follow from them and are
used where they are missing. Directions come from .bvec files unturned, so that they are in FSL's image axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .b_tensor_table import from_six, table_of_tensors
from .mat_file import read_mat
from .protocol_table import ProtocolTable, refuse_huge

_SI = 1e-9  # s/m² to ms/µm²
_SAME_B = 0.01  # of the largest b-value, between b and the trace of bt
_SAME_TIME = 1e-4  # s


def read_xps(path: Path, n_volumes: int) -> ProtocolTable:
    """Read an experimental parameter structure.

    Raises
    ------
    InputError
        If the file is damaged, not of V volumes, has neither ``bt`` nor ``b`` with ``u``, or contradicts itself.
    """
    fields = read_mat(path, "xps")
    n = _numbers(fields, "n", path)
    if n is not None and n.size == 1 and n.item() != n_volumes:
        fault = f"is of {n.item():g} volumes; the scan has {n_volumes}."
        raise InputError(path, fault, "Give the xps of this scan.")
    b, bt = _column(fields, "b", n_volumes, 1, path), _column(fields, "bt", n_volumes, 6, path)
    notes = tuple(filter(None, ("Protocol taken from an xps of md-dMRI.", _times(fields, path))))
    if bt is None:
        return _without_tensors(fields, b, n_volumes, path, notes)
    table = table_of_tensors(_SI * from_six(bt), path, notes)
    if b is not None and not np.allclose(_SI * b[:, 0], table.b, atol=_SAME_B * max(1.0, table.b.max(initial=0.0))):
        fault = "contradicts itself: its b-values (b) are not the traces of its b-tensors (bt)."
        raise InputError(path, fault, "Make it again from one of them.")
    return table


def _without_tensors(
    fields: Mapping[str, Any], b: NDArray[np.float64] | None, n_volumes: int, path: Path, notes: tuple[str, ...]
) -> ProtocolTable:
    u = _column(fields, "u", n_volumes, 3, path)
    if b is None or u is None:
        fault = "has neither b-tensors (bt) nor b-values with directions (b, u)."
        raise InputError(path, fault, "Give an xps with one of the two.")
    eta, shape = _column(fields, "b_eta", n_volumes, 1, path), _column(fields, "b_delta", n_volumes, 1, path)
    if eta is not None and np.nanmax(np.abs(eta), initial=0.0) > _SAME_B:
        fault = "tells of b-tensors without an axis of symmetry (b_eta), but not which they are."
        raise InputError(path, fault, "Give an xps with the b-tensors themselves (bt).")
    b = _SI * b[:, 0]
    refuse_huge(b, path)
    return ProtocolTable(b, None if shape is None else shape[:, 0], u, False, notes)


def _column(fields: Mapping[str, Any], name: str, n_volumes: int, width: int, path: Path) -> NDArray[np.float64] | None:
    """(V, width) numbers of a field, None without it."""
    values = _numbers(fields, name, path)
    if values is None:
        return None
    if values.size == n_volumes * width and (values.ndim == 1 or width in values.shape[1:] or n_volumes == 1):
        return values.reshape(n_volumes, width)
    shape = " x ".join(map(str, values.shape))
    fault = f"has a field {name} of {shape} numbers; for {n_volumes} volumes it is {n_volumes} x {width}."
    raise InputError(path, fault, "Give the xps of this scan.")


def _numbers(fields: Mapping[str, Any], name: str, path: Path) -> NDArray[np.float64] | None:
    value = fields.get(name)
    if value is None or np.size(value) == 0:
        return None
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        fault = f"has a field {name} that holds no numbers."
        raise InputError(path, fault, "Give the xps as md-dMRI saves it.") from None


def _times(fields: Mapping[str, Any], path: Path) -> str:
    """Say that echo times differ, which the model leaves out of account."""
    te = _numbers(fields, "te", path)
    if te is None or np.ptp(te) <= _SAME_TIME:
        return ""
    return f"Echo times differ ({1000 * te.min():.3g} to {1000 * te.max():.3g} ms); the fit takes them for one."
