"""Experiment 1, Gaussian noise at three levels, and appendix B, at more of them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ..figures import draw_curves, method_title
from . import pictures
from .lab import Lab
from .outcome import Outcome
from .plan import Plan, Run, SimulatedScan, snr_label, snr_text
from .published import MEDIAN_ERRORS
from .report import Picture, Presentation, Section, picture
from .scores import SCORED, find, select
from .tables import Table, comparison

_NO_NOISE = 500.0
"""Where a logarithmic axis of SNR shows the fit without noise."""


def runs(lab: Lab) -> list[Run]:
    """Every estimator at every noise level."""
    settings = lab.settings
    return [
        Run(
            f"{snr_label(snr)}_{method}",
            method_title(method),
            SimulatedScan(snr, lmax=settings.lmax),
            method,
            settings.of_method(method),
        )
        for snr in settings.snr
        for method in settings.methods
    ]


def present(outcome: Outcome, densities: bool) -> Presentation:
    """Tables of every metric, then densities and maps of each noise level, or curves over them."""
    scans = outcome.simulated
    tables = (
        pictures.score_table(outcome, scans, "rho", "high"),
        pictures.score_table(outcome, scans, "rmse"),
        pictures.score_table(outcome, scans, "median_abs"),
    )
    sections = [Section("Accuracy", (), tables)]
    if table := paper_medians(outcome):
        text = "The paper's medians are those of its INR on a human brain's maps; the truth here is another one."
        sections.append(Section("Beside the paper's table 4", (text,), (table,)))
    if densities:
        sections += [_section(outcome, scan) for scan in scans]
    else:
        sections.append(Section("Errors against noise", (), (), (_curves(outcome),)))
    return Presentation(points(outcome), sections)


def points(outcome: Outcome) -> list[str]:
    """The lowest RMSE of each parameter at each noise level, and whose it is."""
    told = []
    for scan in outcome.simulated:
        best = []
        for symbol in SCORED:
            rows = select(
                outcome.metrics, snr=scan.snr, parameter=symbol, run=tuple(r.run.label for r in outcome.of(scan))
            )
            lowest = min(rows, key=lambda row: row["rmse"])
            best.append(f"{symbol} {lowest['rmse']:.3g} ({method_title(lowest['method'])})")
        told.append(f"SNR {snr_text(scan.snr)}, lowest RMSE: {', '.join(best)}.")
    return told


def paper_medians(outcome: Outcome) -> Table | None:
    """Median absolute errors of the INR at lmax 2 beside those that the paper printed."""
    keys, ours, paper = [], [], []
    for scan in outcome.simulated:
        results = [r for r in outcome.of(scan) if r.run.method == "inr" and r.estimate.lmax == scan.lmax == 2]
        for result in results[:1] if scan.snr in MEDIAN_ERRORS else ():
            for symbol, value in MEDIAN_ERRORS[scan.snr].items():
                keys.append((snr_text(scan.snr), symbol))
                ours.append(float(find(outcome.metrics, run=result.run.label, parameter=symbol)["median_abs"]))
                paper.append(value)
    if not keys:
        return None
    caption = "Median absolute error of the INR at lmax 2, and the same number in the paper."
    return comparison(caption, keys, ("SNR", "parameter"), {"INR here": ours}, "none", published={"paper": paper})


def _section(outcome: Outcome, scan: SimulatedScan) -> Section:
    name = snr_label(scan.snr)
    truth = outcome.true_dataset(scan).truth.fod_map()
    shown = (
        pictures.densities(outcome, scan, f"densities_{name}"),
        pictures.maps(outcome, scan, f"maps_{name}"),
        pictures.maps(outcome, scan, f"differences_{name}", difference=True),
        pictures.fods(outcome.of(scan), f"fods_{name}", f"FODs over the map of f, {scan.title}.", truth),
    )
    return Section(f"SNR {snr_text(scan.snr)}", (), (), shown)


def _curves(outcome: Outcome) -> Picture:
    levels = sorted({scan.snr for scan in outcome.simulated})
    curves: dict[str, dict[str, list[float]]] = {symbol: {} for symbol in SCORED}
    for method in outcome.settings.methods:
        for symbol in SCORED:
            rows = {row["snr"]: row["rmse"] for row in select(outcome.metrics, method=method, parameter=symbol)}
            curves[symbol][method] = [rows.get(snr, np.nan) for snr in levels]
    where = [_NO_NOISE if math.isinf(snr) else snr for snr in levels]
    caption = f"RMSE against SNR; the fit without noise is drawn at {_NO_NOISE:g}."
    return picture(
        "curves", caption, lambda: draw_curves(where, curves, x_label="SNR at b = 0", x_log=True, y_log=True)
    )


PLANS = {
    "1": Plan(runs, partial(present, densities=True)),
    "B": Plan(runs, partial(present, densities=False)),
}
