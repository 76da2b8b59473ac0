"""MRtrix's gradient tables (``.b``): a row ``x y z b`` for each volume, in scanner axes.

They know of no b-tensor shapes; these come from a file of their own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from .number_table import read_table
from .protocol_table import ProtocolTable, refuse_huge, to_ms_per_um2

COLUMNS = 4

_SCALED = 0.01  # of the logarithm of a squared length: below, it is the rounding of a text file


def read_mrtrix_table(path: Path, n_volumes: int) -> ProtocolTable:
    """Read a gradient table of MRtrix.

    Where the length of a direction departs from 1 by more than rounding, it is MRtrix's custom that b was written for
    the longest gradient, and the b-value of a volume is b times the square of its direction's length; so it is here.

    Raises
    ------
    InputError
        If the file is no table of V rows of four numbers.
    """
    rows = read_table(path)
    widths = sorted({len(row) for row in rows})
    if widths != [COLUMNS] or len(rows) != n_volumes:
        told = " or ".join(map(str, widths)) or "no"
        fault = f"has {len(rows)} rows of {told} numbers; the scan has {n_volumes} volumes."
        raise InputError(path, fault, "Give a row x y z b for each volume, as 'mrinfo -export_grad_mrtrix' does.")
    table = np.array(rows)
    directions, b = table[:, :3], table[:, 3]
    with np.errstate(all="ignore"):  # what is not finite is refused with the protocol
        squared = np.sum(directions**2, axis=1)
        known = np.isfinite(squared) & (squared > 0)
        scaled = bool(known.any() and np.abs(np.log(squared[known])).max() > _SCALED)
        b, unit = to_ms_per_um2(np.where(known, b * squared, b) if scaled else b)
        directions = directions / np.sqrt(np.where(known, squared, 1.0))[:, None]
    refuse_huge(b, path)
    lengths = "b-values scaled by the squared lengths of their directions, as MRtrix does." if scaled else ""
    notes = ("Directions taken from a table of MRtrix, in scanner axes.", unit, lengths)
    return ProtocolTable(b, None, directions, True, tuple(filter(None, notes)))
