"""Tables: as CSV for programs, and for the report with the best of each row marked."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..io.files import replacing

Better = Literal["low", "high", "none"]


@dataclass(frozen=True)
class Cell:
    """One entry of a table.

    Attributes
    ----------
    text
        What it says.
    best
        Whether it is the best of its row.
    number
        Whether it is a number.
    """

    text: str
    best: bool = False
    number: bool = True


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes
    ----------
    caption
        What it shows.
    header
        Column titles.
    rows
        Its cells.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def comparison(
    caption: str,
    keys: Sequence[tuple[str, ...]],
    titles: Sequence[str],
    columns: Mapping[str, Sequence[float]],
    better: Better = "low",
    digits: int = 4,
    published: Mapping[str, Sequence[float]] | None = None,
) -> Table:
    """A table that compares: one row a case, one column a candidate, the best of each row marked.

    Parameters
    ----------
    caption
        What it shows.
    keys
        What each row is about, a text for each of ``titles``.
    titles
        Column titles of the keys.
    columns
        Values by candidate; NaN where there is none.
    better
        Which is best: the lowest or highest; ``"none"`` marks none.
    digits
        Decimals.
    published
        Further columns that take no part, such as the paper's numbers.
    """
    others = published or {}
    rows = []
    for i, key in enumerate(keys):
        values = [column[i] for column in columns.values()]
        marked = _best(values, better)
        cells = [Cell(text, number=False) for text in key]
        cells += [Cell(fixed(value, digits), n == marked) for n, value in enumerate(values)]
        cells += [Cell(fixed(column[i], digits)) for column in others.values()]
        rows.append(tuple(cells))
    return Table(caption, (*titles, *columns, *others), tuple(rows))


def listing(caption: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table that only tells: numbers and texts as they are."""
    cells = tuple(
        tuple(
            Cell(value if isinstance(value, str) else f"{value:g}", number=not isinstance(value, str)) for value in row
        )
        for row in rows
    )
    return Table(caption, tuple(header), cells)


def fixed(value: float, digits: int = 4) -> str:
    """A number with so many decimals; a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Path:
    """Write rows as CSV, numbers in full; the file appears whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _plain(value) for key, value in row.items()} for row in rows)
    with replacing(path) as stream:
        stream.write(text.getvalue().encode())
    return path


def _cell(value: Any) -> Cell:
    return (
        Cell(value, number=value.replace(",", "").replace(".", "").isdigit())
        if isinstance(value, str)
        else (Cell(f"{value:g}"))
    )


def _plain(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value


def _best(values: Sequence[float], better: Better) -> int:
    """Index of the best value; -1 where there is nothing to choose from."""
    known = [i for i, value in enumerate(values) if math.isfinite(value)]
    if better == "none" or len(known) < 2:
        return -1
    choose: Callable[..., int] = min if better == "low" else max
    return choose(known, key=lambda i: values[i])
