"""Appendix A: how fine the field's finest detail should be, at which noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..figures import draw_curves
from . import pictures
from .lab import Lab
from .outcome import Outcome
from .plan import Plan, Run, SimulatedScan, snr_label, snr_text
from .report import Picture, Presentation, Section, picture
from .scores import SCORED, Row, find
from .tables import Table, comparison

LENGTHS = (1.0, 1.5, 2.0, 3.0, 4.5, 6.5)
"""Finest detail, in voxels."""

_AUTO = "auto"


def runs(lab: Lab) -> list[Run]:
    """Every length, and the one that the fit chooses by itself, at every noise level."""
    settings = lab.settings
    planned = []
    for snr in settings.snr:
        scan = SimulatedScan(snr, lmax=settings.lmax)
        for length in LENGTHS:
            detail = round(length * lab.voxel_edge, 4)
            tags: dict[str, Any] = {"detail_voxels": length, "detail_mm": detail}
            own = settings.of_method("inr", detail=detail)
            planned.append(Run(f"{snr_label(snr)}_detail{length:g}", f"{length:g} voxels", scan, "inr", own, tags))
        own = settings.of_method("inr", detail=_AUTO)
        tags = {"detail_voxels": "", "detail_mm": _AUTO}
        planned.append(Run(f"{snr_label(snr)}_auto", "chosen", scan, "inr", own, tags))
    return planned


def present(outcome: Outcome) -> Presentation:
    """RMSE against length, in tables and curves."""
    half = outcome.lab.half_width
    text = (
        "The finest detail of the field is a length; the paper gives the standard deviation σ of its random "
        f"frequencies instead, in cycles for half the field of view, here {half:.3g} mm: detail = {half:.3g} mm / "
        "(2π σ). The fit without a given length tries a few and keeps the one that best predicts volumes left out."
    )
    widths = [
        (
            f"{length:g}",
            f"{length * outcome.lab.voxel_edge:.3g}",
            f"{half / (2 * math.pi * length * outcome.lab.voxel_edge):.2g}",
        )
        for length in LENGTHS
    ]
    tables = tuple(_table(outcome, scan, widths) for scan in outcome.simulated)
    shown = tuple(_curves(outcome, scan) for scan in outcome.simulated)
    maps = tuple(
        pictures.maps(outcome, scan, f"differences_{snr_label(scan.snr)}", difference=True)
        for scan in outcome.simulated
    )
    sections = [Section("Errors against the detail length", (text,), tables, shown), Section("Maps", (), (), maps)]
    return Presentation(_points(outcome), sections)


def _row(outcome: Outcome, scan: SimulatedScan, length: float | str, symbol: str) -> Row | None:
    label = f"{snr_label(scan.snr)}_{length if length == _AUTO else f'detail{length:g}'}"
    if label not in {result.run.label for result in outcome.results}:
        return None
    return find(outcome.metrics, run=label, parameter=symbol)


def _rmse(outcome: Outcome, scan: SimulatedScan, length: float | str, symbol: str) -> float:
    row = _row(outcome, scan, length, symbol)
    return np.nan if row is None else float(row["rmse"])


def _table(outcome: Outcome, scan: SimulatedScan, widths: list[tuple[str, str, str]]) -> Table:
    keys = [*widths, ("chosen", _chosen(outcome, scan), "")]
    columns = {s: [_rmse(outcome, scan, length, s) for length in (*LENGTHS, _AUTO)] for s in SCORED}
    caption = f"RMSE at SNR {snr_text(scan.snr)} by the finest detail."
    return comparison(caption, keys, ("voxels", "mm", "paper's σ"), columns, "none")


def _chosen(outcome: Outcome, scan: SimulatedScan) -> str:
    found = [r for r in outcome.of(scan) if r.run.label.endswith(_AUTO)]
    return f"{found[0].estimate.detail:.3g}" if found and hasattr(found[0].estimate, "detail") else ""


def _curves(outcome: Outcome, scan: SimulatedScan) -> Picture:
    curves = {s: {"INR": [_rmse(outcome, scan, length, s) for length in LENGTHS]} for s in SCORED}
    chosen = {s: _rmse(outcome, scan, _AUTO, s) for s in SCORED}
    caption = f"RMSE against the finest detail, SNR {snr_text(scan.snr)}; dashed: the length the fit chose by itself."
    return picture(
        f"curves_{snr_label(scan.snr)}",
        caption,
        lambda: draw_curves(
            LENGTHS, curves, x_label="finest detail [voxels]", reference={s: v for s, v in chosen.items() if v == v}
        ),
    )


def _points(outcome: Outcome) -> list[str]:
    told = []
    for scan in outcome.simulated:
        best = {s: min(LENGTHS, key=lambda length: _rmse(outcome, scan, length, s)) for s in SCORED}
        words = ", ".join(f"{s} {length:g}" for s, length in best.items())
        told.append(
            f"SNR {snr_text(scan.snr)}: lowest RMSE at a finest detail of so many voxels: {words}; "
            f"the fit by itself chose {_chosen(outcome, scan)} mm."
        )
    return told


PLANS = {"A": Plan(runs, present)}
