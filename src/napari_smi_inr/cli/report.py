"""Scans, protocols and fits in plain text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..parameters import PARAMETERS

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
    return "\n".join(_wrap(f"{finding.severity.capitalize()}: {_advice(finding)}", "  ") for finding in findings)


def _advice(finding: Finding) -> str:
    return f"{finding} (--bvec-axes={finding.bvec_axes})" if finding.bvec_axes else str(finding)


def protocol_report(acquisition: Acquisition, lmax: int | None = None) -> str:
    """Describe a protocol: one line a shell, then what it can identify."""
    from ..acquisition import TABLE_HEADER

    table = _columns([TABLE_HEADER, *acquisition.table()])
    return f"{table}\n\n{_wrap('Verdict: ' + acquisition.verdict(lmax).text)}"


def field_report(field: FittedField, name: str) -> str:
    """Describe a field: its grid, protocol, settings, quality and provenance."""
    shape, n_voxels = " x ".join(map(str, field.shape)), int(field.mask.sum())
    head = f"{name}: field fitted to {n_voxels} voxels of {shape}, finest detail {field.detail:.3g} mm"
    sections = {"Settings": field.config.model_dump(), "Provenance": field.record}
    told = [f"{title}\n{_columns(list(_rows(content)))}" for title, content in sections.items()]
    return "\n\n".join([head, protocol_report(field.acquisition), "Quality\n" + quality_report(field), *told])


def quality_report(field: Estimate) -> str:
    """Describe how far the maps can be trusted: the error left, on volumes never fitted if any, and bounds reached."""
    quality = field.quality
    rows = []
    if "held_out_volumes" in quality:
        rows.append(("error on held-out volumes", _held_out(field)))
    if math.isfinite(quality.get("rmse", math.nan)):
        rows.append(("error on the volumes fitted", _error(field, quality["rmse"])))
    if "epochs" in quality:
        rows.append(("epochs", f"{quality['epochs']:g}"))
    rows += [
        (f"{symbol} at a bound", f"{100 * share:.1f} % of the voxels ({_bounds(symbol)})")
        for symbol, share in quality["share_at_bound"].items()
    ]
    return _columns(rows)


def written(paths: Iterable[Path]) -> str:
    """List the files a command has made."""
    return "Written:\n" + "\n".join(f"  {path}" for path in paths)


def _held_out(field: Estimate) -> str:
    volumes, error = field.quality["held_out_volumes"], field.quality["held_out_rmse"]
    if not volumes:
        return "none held out"
    return _error(field, error, f"; {len(volumes)} volumes")


def _error(field: Estimate, error: float, more: str = "") -> str:
    return f"{error:.4g} ({100 * error / field.scale:.2g} % of the b = 0 signal{more})"


def _bounds(symbol: str) -> str:
    parameter = PARAMETERS[symbol]
    return " to ".join(f"{bound:g}" for bound in parameter.bounds or ()) + f" {parameter.unit}".rstrip()


def _rows(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as lines of key and value."""
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            rows += _rows(value, f"{prefix}{key} ")
        elif isinstance(value, list | tuple):
            rows += [(f"{prefix}{key}", str(item)) for item in value]
        else:
            rows.append((f"{prefix}{key}", str(value)))
    return rows


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    return "\n".join("  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _paragraphs(notes: Sequence[str]) -> list[str]:
    return ["\n".join(_wrap(f"- {note}", "  ") for note in notes)] if notes else []


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
