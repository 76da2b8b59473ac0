"""Experiment 4, FODs of order 2 to 8, and appendix D, orders that differ from the tissue's."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..figures import draw_curves, draw_fods, method_title
from ..methods import make_settings
from . import pictures
from .lab import Lab
from .noise import paper_medians
from .outcome import Outcome, Result
from .plan import Plan, Run, SimulatedScan, snr_label, snr_text
from .published import MEDIAN_ERRORS
from .report import Picture, Presentation, Section, picture
from .scores import SCORED, Row, find
from .tables import Table, comparison

ORDERS = (2, 4, 6, 8)

_PAIRS = (
    *((order, order) for order in ORDERS),
    *((8, order) for order in (2, 4, 6)),
    *((2, order) for order in (4, 6, 8)),
)
"""True and fitted orders of appendix D: equal, too low and too high."""


def matched(lab: Lab) -> list[Run]:
    """Every order, fitted as it is."""
    return [run for snr in lab.settings.snr for order in ORDERS for run in _runs(lab, snr, order, order)]


def mismatched(lab: Lab) -> list[Run]:
    """Orders fitted as they are, lower and higher."""
    return [run for snr in lab.settings.snr for true, fitted in _PAIRS for run in _runs(lab, snr, true, fitted)]


def _runs(lab: Lab, snr: float, true: int, fitted: int) -> list[Run]:
    settings = lab.settings
    return [
        Run(
            f"{snr_label(snr)}_lmax{true}_{method}_lmax{fitted}",
            f"{method_title(method)}, lmax {fitted}",
            SimulatedScan(snr, lmax=true),
            method,
            settings.of_method(method, lmax=fitted),
            {"lmax": fitted},
        )
        for method in settings.methods
        if _can(method, fitted)
    ]


def _can(method: str, order: int) -> bool:
    try:
        make_settings(method, lmax=order)
    except InputError:
        return False
    return True


def present_matched(outcome: Outcome) -> Presentation:
    """Tables 4 and 5, and FODs of every order beside the true ones."""
    rows = _medians(outcome)
    outcome.write("medians.csv", rows, ("method", "snr", "lmax", "parameter", "median_abs", "paper"))
    text = (
        "Each truth has FODs of the order that is fitted. The paper's numbers are those of its INR at lmax 2 on a "
        "human brain's maps; the truth here is another one."
    )
    tables = [_order_table(outcome, snr, metric) for snr in outcome.settings.snr for metric in ("median_abs", "rmse")]
    own = paper_medians(outcome)
    first = Section("Errors at every order", (text,), (*filter(None, [own]), *tables))
    shown = tuple(_panels(outcome, snr) for snr in outcome.settings.snr)
    return Presentation(_points(outcome), [first, Section("FODs", (), (), shown), _densities(outcome)])


def present_mismatched(outcome: Outcome) -> Presentation:
    """What fitting too low and too high an order does."""
    rows = _medians(outcome)
    outcome.write("medians.csv", rows, ("method", "snr", "true_lmax", "lmax", "parameter", "median_abs", "paper"))
    sections = [Section("Errors by true and fitted order", (), tuple(_mismatch_tables(outcome)))]
    sections.append(Section("Errors against the fitted order", (), (), tuple(_curves(outcome))))
    sections.append(_densities(outcome))
    return Presentation(_points(outcome), sections)


def _medians(outcome: Outcome) -> list[Row]:
    """Median absolute errors, with the paper's where it printed them."""
    rows = []
    for row in outcome.metrics:
        same = row["method"] == "inr" and row["lmax"] == row["true_lmax"] == 2
        known = MEDIAN_ERRORS.get(row["snr"], {}).get(row["parameter"]) if same else None
        kept = {key: row[key] for key in ("method", "snr", "true_lmax", "lmax", "parameter", "median_abs")}
        rows.append(kept | {"paper": "" if known is None else known})
    return rows


def _order_table(outcome: Outcome, snr: float, metric: str) -> Table:
    """A row for each estimator and parameter, a column for each order."""
    methods = list(dict.fromkeys(r.run.method for r in outcome.results))
    keys = [(method_title(method), symbol) for method in methods for symbol in SCORED]
    columns: dict[str, list[float]] = {}
    for order in ORDERS:
        found = {r.run.method: r.run.label for r in outcome.of(SimulatedScan(snr, lmax=order))}
        if found:
            columns[f"lmax {order}"] = [
                find(outcome.metrics, run=found[m], parameter=s)[metric] if m in found else np.nan
                for m in methods
                for s in SCORED
            ]
    caption = f"{pictures.METRIC_WORDS[metric]} at SNR {snr_text(snr)}, by order."
    return comparison(caption, keys, ("estimator", "parameter"), columns, "none")


def _panels(outcome: Outcome, snr: float) -> Picture:
    """The true FODs of the highest order, and those fitted at every order."""
    results = [r for order in ORDERS for r in outcome.of(SimulatedScan(snr, lmax=order)) if r.run.method == "inr"]
    results = results or outcome.of(outcome.simulated[0])
    panels = {}
    for result in results:
        scan = result.run.scan
        assert isinstance(scan, SimulatedScan)
        panels[f"truth, lmax {scan.lmax}"] = outcome.true_dataset(scan).truth.fod_map()
    panels |= {result.run.title: result.estimate.fod_map() for result in results}
    first = results[0].estimate
    caption = f"True FODs above, fitted ones below, by order, SNR {snr_text(snr)}; behind them f."
    view = pictures.glyph_view(first)
    return picture(
        f"fods_{snr_label(snr)}",
        caption,
        lambda: draw_fods(panels, first.affine, first.maps()["f"], columns=len(results), **view),
    )


def _mismatch_tables(outcome: Outcome) -> list[Table]:
    tables = []
    for scan in outcome.simulated:
        titles = {r.run.title: r.run.label for r in outcome.of(scan)}
        for metric in ("median_abs", "rmse"):
            columns = {
                title: [find(outcome.metrics, run=label, parameter=symbol)[metric] for symbol in SCORED]
                for title, label in titles.items()
            }
            caption = f"{pictures.METRIC_WORDS[metric]}, true {scan.title}, by fitted order."
            tables.append(comparison(caption, [(symbol,) for symbol in SCORED], ("parameter",), columns))
    return tables


def _curves(outcome: Outcome) -> list[Picture]:
    shown = []
    for snr in outcome.settings.snr:
        curves: dict[str, dict[str, list[float]]] = {symbol: {} for symbol in SCORED}
        for true in (2, 8):
            by_order = {(r.run.method, r.estimate.lmax): r.run.label for r in outcome.of(SimulatedScan(snr, lmax=true))}
            for method in dict.fromkeys(method for method, _ in by_order):
                for symbol in SCORED:
                    curves[symbol][f"{method_title(method)}, true lmax {true}"] = [
                        find(outcome.metrics, run=by_order[method, order], parameter=symbol)["rmse"]
                        if (method, order) in by_order
                        else np.nan
                        for order in ORDERS
                    ]
        caption = f"RMSE against the fitted order, SNR {snr_text(snr)}."
        shown.append(_curve_picture(f"curves_{snr_label(snr)}", caption, curves))
    return shown


def _curve_picture(name: str, caption: str, curves: dict[str, dict[str, list[float]]]) -> Picture:
    return picture(name, caption, lambda: draw_curves(ORDERS, curves, x_label="fitted lmax"))


def _densities(outcome: Outcome) -> Section:
    shown = tuple(
        pictures.densities(outcome, scan, f"densities_{snr_label(scan.snr)}_lmax{scan.lmax}")
        for scan in outcome.simulated
    )
    return Section("Estimates against the truth", (), (), shown)


def _points(outcome: Outcome) -> list[str]:
    """Median absolute errors of the INR at matched orders."""
    told = []
    for snr in outcome.settings.snr:
        for order in ORDERS:
            matched_runs: list[Result] = [
                r for r in outcome.of(SimulatedScan(snr, lmax=order)) if r.estimate.lmax == order
            ]
            for result in matched_runs[:1]:
                medians = ", ".join(
                    f"{s} {find(outcome.metrics, run=result.run.label, parameter=s)['median_abs']:.3f}" for s in SCORED
                )
                told.append(f"SNR {snr_text(snr)}, {result.run.title}: median absolute errors {medians}.")
    return told


PLANS = {"4": Plan(matched, present_matched), "D": Plan(mismatched, present_mismatched)}
