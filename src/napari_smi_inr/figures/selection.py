"""Which parameters a figure shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import InputError
from ..parameters import PARAMETERS


def shown_symbols(where: str, rows: Iterable[Mapping[str, Any]], symbols: Sequence[str] | None = None) -> list[str]:
    """Parameters to show: those asked for, or all of the table of parameters that some row has.

    Raises
    ------
    InputError
        If no row has one that is asked for, or there is none at all; `where` is the argument to blame.
    """
    there = {symbol for row in rows for symbol in row}
    missing = [symbol for symbol in symbols or () if symbol not in there]
    if missing:
        fault = f"{', '.join(missing)} is in no row; there are {', '.join(sorted(there)) or 'none'}."
        raise InputError("symbols", fault, "Leave it out.")
    shown = list(symbols) if symbols is not None else [symbol for symbol in PARAMETERS if symbol in there]
    if not shown:
        raise InputError(where, "holds no parameter.", f"Give at least one of: {', '.join(PARAMETERS)}.")
    return shown
