"""The quality report of a cohort: one HTML file that needs nothing beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..experiments.page import data_uri, write_page
from ..figures.bars import duration
from ..io.sidecar import PROGRAM
from ..parameters import PARAMETERS
from .histogram import HEIGHT, WIDTH, Histogram, cohort_shapes, draw_histogram
from .outliers import METRICS, RULE, numbers_of
from .picture import RESIDUAL
from .rows import Row

MOST_PICTURES, MOST_CARDS = 300, 1000
"""Scans whose maps, and whose histograms, go into the page: those that are odd first. Browsers get slow with more."""

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_ALL = (*PARAMETERS, RESIDUAL)


@dataclass(frozen=True)
class Card:
    """One scan as the page shows it.

    Attributes
    ----------
    row
        What is known of it.
    picture
        Its maps as a data URI; empty where there is none, or no room.
    histograms
        Of its parameters.
    facts
        What else is to be known, as (words, value).
    """

    row: Row
    picture: str
    histograms: Sequence[Histogram]
    facts: Sequence[tuple[str, str]]


def write_cohort_report(path: Path, rows: Sequence[Row], title: str, asked: Mapping[str, Any]) -> Path:
    """Write the report.

    Parameters
    ----------
    path
        The HTML file.
    rows
        All scans.
    title
        Name of the data set.
    asked
        Settings of the fits.

    Raises
    ------
    InputError
        If jinja2 is missing or the file cannot be written.
    """
    done = [row for row in rows if row.record]
    shapes = {key: cohort_shapes([found for row in done if (found := _described(row, key))]) for key in _ALL}
    odd_first = sorted(done, key=lambda row: not row.flags)[:MOST_CARDS]
    cards = [_card(row, shapes, number < MOST_PICTURES) for number, row in enumerate(odd_first)]
    return write_page(
        path,
        _TEMPLATE,
        title=title,
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {PROGRAM} {version(PROGRAM)}",
        counts=_counts(rows),
        failed=[row for row in rows if row.status == "failed"],
        stopped=[row for row in rows if row.status == "stopped"],
        flagged=[row for row in done if row.flags],
        cards=cards,
        pictured=min(MOST_PICTURES, len(cards)),
        linked={row.task.name for row in odd_first},
        metrics=METRICS,
        table=[(row, _numbers(row)) for row in done],
        medians=_medians(done),
        rule=RULE,
        asked=[(key, str(value)) for key, value in _flat(asked)],
        size=(WIDTH, HEIGHT),
    )


def _counts(rows: Sequence[Row]) -> list[tuple[str, int]]:
    done = [row for row in rows if row.record]
    counts = {
        "scans": len(rows),
        "done": len(done),
        "to look at": sum(bool(row.flags) for row in done),
        "failed": sum(row.status == "failed" for row in rows),
        "not yet fitted": sum(row.status == "stopped" for row in rows),
    }
    return [(words, n) for words, n in counts.items() if n or words in ("scans", "done", "failed")]


def _described(row: Row, key: str) -> Mapping[str, Any] | None:
    summary = row.about.get("summary", {})
    found = summary.get(RESIDUAL) if key == RESIDUAL else summary.get("maps", {}).get(key)
    return found if isinstance(found, Mapping) else None


def _card(row: Row, shapes: Mapping[str, Any], pictured: bool) -> Card:
    picture = ""
    if pictured and row.task.picture.is_file():
        picture = data_uri(row.task.picture.read_bytes())
    known = {key: found for key in _ALL if (found := _described(row, key))}
    drawn = [draw_histogram(_title(row, key), found, shapes[key]) for key, found in known.items()]
    return Card(row, picture, drawn, _facts(row))


def _title(row: Row, key: str) -> str:
    if key == RESIDUAL:
        return "residual [noise σ]" if (_described(row, key) or {}).get("unit") == "noise" else "residual [S0]"
    return f"{key} [typical b = 0]" if PARAMETERS[key].unit == "signal" else PARAMETERS[key].title


def _facts(row: Row) -> list[tuple[str, str]]:
    """What stands beside the pictures."""
    quality, told = row.record.get("Quality", {}), row.about
    facts = [("judged", str(quality.get("verdict", "not judged")))]
    if (held := quality.get("held_out_rmse")) is not None:
        n = len(quality.get("held_out_volumes", ()))
        facts.append(("held-out error", f"{held:.4g} in units of the signal, {n} volumes" if n else "none held out"))
    if isinstance(noise := quality.get("noise"), Mapping):
        facts.append(("noise", f"{noise['median']:.4g} ({noise['source']}), SNR {noise['snr']:.3g} at b = 0"))
    shares = quality.get("share_at_bound", {})
    facts.append(("at a bound", ", ".join(f"{s} {100 * share:.2g} %" for s, share in shares.items())))
    seconds = told.get("seconds", {})
    facts.append(("time", ", ".join(f"{what} {duration(value)}" for what, value in seconds.items() if value)))
    facts.append(("voxels", f"{told.get('summary', {}).get('voxels', 0):,}"))
    provenance = row.record.get("Provenance", {})
    facts.append(("files", ", ".join(map(str, provenance.get("read_from", {}).values()))))
    notes = [*told.get("notes", ()), *provenance.get("findings", ())]
    return facts + [("note", str(note)) for note in notes]


def _numbers(row: Row) -> list[str]:
    found = numbers_of(row.record)
    return [f"{value:.3g}" if math.isfinite(value) else "–" for value in found.values()]


def _medians(rows: Sequence[Row]) -> list[str]:
    columns = np.array([list(numbers_of(row.record).values()) for row in rows]).T
    known = [column[np.isfinite(column)] for column in columns]
    return [f"{np.median(column):.3g}" if len(column) else "–" for column in known]


def _flat(asked: Mapping[str, Any]) -> list[tuple[str, Any]]:
    settings = asked.get("settings", {})
    return [*settings.items(), *((key, value) for key, value in asked.items() if key != "settings")]
