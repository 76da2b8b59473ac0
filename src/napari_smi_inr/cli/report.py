"""Scans, protocols and fits in plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..io.sidecar import CONVENTIONS

if TYPE_CHECKING:
    from ..acquisition import Acquisition
    from ..checks import Finding
    from ..dataset import DiffusionDataset
    from ..estimation.estimate import Estimate
    from ..inr.field import FittedField

_WIDTH = 100


def scan_report(dataset: DiffusionDataset, name: str, lmax: int | None = None) -> str:
    """Describe a scan: its grid, shells, verdict and whatever was noticed on reading it."""
    shells, sizes = " x ".join(map(str, dataset.shape)), " x ".join(f"{s:.3g}" for s in dataset.voxel_size)
    head = f"{name}: {shells} voxels of {sizes} mm, {dataset.acquisition.n_volumes} volumes"
    return "\n\n".join([head, protocol_report(dataset.acquisition, lmax), *_paragraphs(dataset.notes)])


def findings_report(findings: Iterable[Finding]) -> str:
    """List what checks of a scan found, and what to do about it."""
    return "\n".join(wrapped(f"{finding.severity.capitalize()}: {_advice(finding)}", "  ") for finding in findings)


def _advice(finding: Finding) -> str:
    return f"{finding} (--bvec-axes={finding.bvec_axes})" if finding.bvec_axes else str(finding)


def protocol_report(acquisition: Acquisition, lmax: int | None = None) -> str:
    """Describe a protocol: one line a shell, then what it can identify."""
    from ..acquisition import TABLE_HEADER

    table = columns([TABLE_HEADER, *acquisition.table()])
    return f"{table}\n\n{wrapped('Verdict: ' + acquisition.verdict(lmax).text)}"


def field_report(field: FittedField, name: str) -> str:
    """Describe a field: its grid, protocol, settings, quality and provenance."""
    shape, n_voxels = " x ".join(map(str, field.shape)), int(field.mask.sum())
    head = f"{name}: field fitted to {n_voxels} voxels of {shape}, finest detail {field.detail:.3g} mm"
    sections = {"Settings": field.config.model_dump(), "Provenance": field.record, "Conventions": CONVENTIONS}
    told = [f"{title}\n{columns(rows_of(content))}" for title, content in sections.items()]
    return "\n\n".join([head, protocol_report(field.acquisition), "Quality\n" + quality_report(field), *told])


def quality_report(field: Estimate) -> str:
    """Describe how far the maps can be trusted: what the error left means, how large it is, and bounds reached."""
    from ..estimation.quality_text import bound_rows, error_rows, noise_rows, verdict_text

    epochs = [("epochs", f"{field.quality['epochs']:g}")] if "epochs" in field.quality else []
    rows = [*error_rows(field), *noise_rows(field), *epochs, *bound_rows(field)]
    return f"{wrapped(verdict_text(field))}\n{columns(rows)}"


def written(paths: Iterable[Path]) -> str:
    """List the files a command has made."""
    return "Written:\n" + "\n".join(f"  {path}" for path in paths)


def rows_of(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as lines of key and value; numbers in a row, sentences under one another."""
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            rows += rows_of(value, f"{prefix}{key} ")
        elif isinstance(value, list | tuple) and any(isinstance(item, str) for item in value):
            rows += [(f"{prefix}{key}", str(item)) for item in value]
        elif isinstance(value, list | tuple):
            rows.append((f"{prefix}{key}", ", ".join(map(str, value)) or "none"))
        else:
            rows.append((f"{prefix}{key}", str(value)))
    return rows


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of a table under one another."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    return "\n".join("  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _paragraphs(notes: Sequence[str]) -> list[str]:
    return ["\n".join(wrapped(f"- {note}", "  ") for note in notes)] if notes else []


def wrapped(text: str, indent: str = "") -> str:
    """Running text in lines of a readable length."""
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
