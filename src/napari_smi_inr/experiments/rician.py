"""Experiment 2 and appendix C: what a Rician loss removes of the bias that the noise floor brings."""

from __future__ import annotations

from typing import Any

from ..figures import method_title
from . import pictures
from .lab import Lab
from .outcome import Outcome
from .plan import Plan, Run, SimulatedScan, snr_label, snr_text
from .report import Presentation, Section
from .scores import SCORED, Row, find
from .tables import Table, comparison

_RICIAN: dict[str, dict[str, Any]] = {"inr": {"loss": "rician"}, "smi": {"rician_correction": True}}
"""How estimators are told of Rician noise; the others cannot be."""

_HEADLINE = ("Di", "De")


def runs(lab: Lab) -> list[Run]:
    """Every estimator as if noise were Gaussian and, where it can, as it is; the INR on Gaussian noise to compare."""
    settings = lab.settings
    planned = []
    for snr in settings.snr:
        scan = SimulatedScan(snr, "rician", settings.lmax)
        for method in settings.methods:
            title = method_title(method)
            plain, aware = ("MSE", "Rician") if method == "inr" else ("", "Rician")
            name = f"{snr_label(snr)}_{method}"
            first = f"{title}, {plain}" if plain else title
            planned.append(Run(name, first, scan, method, settings.of_method(method), {"loss": "mse"}))
            if method in _RICIAN:
                own = settings.of_method(method, **_RICIAN[method])
                planned.append(Run(f"{name}_rician", f"{title}, {aware}", scan, method, own, {"loss": "rician"}))
        if "inr" in settings.methods:
            gaussian = SimulatedScan(snr, "gaussian", settings.lmax)
            label, own = f"{snr_label(snr)}_inr_gaussian_noise", settings.of_method("inr")
            planned.append(Run(label, "INR, MSE", gaussian, "inr", own, {"loss": "mse"}))
    return planned


def present(outcome: Outcome) -> Presentation:
    """Bias of every fit, the share of it that a Rician loss removes, then the usual tables and figures."""
    scans = [scan for scan in outcome.simulated if scan.noise == "rician"]
    rows = _bias_rows(outcome)
    outcome.write("bias.csv", rows, ("method", "snr", "parameter", "bias_mse", "bias_rician", "share_removed"))
    text = (
        "Magnitude images have no negative values, so that their noise lifts weak signals: the noise floor. Bias is "
        "the mean of estimate minus truth over all voxels. The share removed is 1 - |bias with the Rician loss| / "
        "|bias with the squared loss|; it is negative where the Rician loss makes the bias larger. The bias of the "
        "same fit on Gaussian noise, which has no floor, shows what is left to the estimator itself."
    )
    tables = (_bias_table(rows), pictures.score_table(outcome, scans, "bias", "none"))
    sections = [Section("Bias, and how much of it is removed", (text,), tables)]
    accuracy = tuple(
        pictures.score_table(outcome, scans, metric, "high" if metric == "rho" else "low")
        for metric in ("rho", "rmse", "median_abs")
    )
    sections.append(Section("Accuracy under Rician noise", (), accuracy))
    for scan in scans:
        name = snr_label(scan.snr)
        shown = (
            pictures.densities(outcome, scan, f"densities_{name}"),
            pictures.maps(outcome, scan, f"differences_{name}", difference=True),
        )
        sections.append(Section(f"SNR {snr_text(scan.snr)}", (), (), shown))
    return Presentation(_points(rows), sections)


def _bias_rows(outcome: Outcome) -> list[Row]:
    """One row an estimator, noise level and parameter that was fitted both ways."""
    rows = []
    done = {result.run.label for result in outcome.results}
    for label in sorted(done & {name.removesuffix("_rician") for name in done if name.endswith("_rician")}):
        for symbol in SCORED:
            plain = find(outcome.metrics, run=label, parameter=symbol)
            aware = find(outcome.metrics, run=f"{label}_rician", parameter=symbol)
            row = {key: plain[key] for key in ("method", "snr", "parameter")}
            row |= {"bias_mse": plain["bias"], "bias_rician": aware["bias"]}
            row |= {"share_removed": 1 - abs(aware["bias"]) / abs(plain["bias"])}
            if (reference := f"{label}_gaussian_noise") in done:
                row["bias_gaussian_noise"] = find(outcome.metrics, run=reference, parameter=symbol)["bias"]
            rows.append(row)
    return rows


def _bias_table(rows: list[Row]) -> Table:
    keys = [(method_title(row["method"]), snr_text(row["snr"]), row["parameter"]) for row in rows]
    columns = {
        "squared loss": [row["bias_mse"] for row in rows],
        "Rician": [row["bias_rician"] for row in rows],
        "share removed": [row["share_removed"] for row in rows],
        "on Gaussian noise": [row.get("bias_gaussian_noise", float("nan")) for row in rows],
    }
    caption = "Bias under Rician noise, with and without knowing that it is Rician."
    return comparison(caption, keys, ("estimator", "SNR", "parameter"), columns, "none")


def _points(rows: list[Row]) -> list[str]:
    return [
        f"{method_title(row['method'])}, SNR {snr_text(row['snr'])}: bias of {row['parameter']} "
        f"{row['bias_mse']:+.4f} with the squared loss, {row['bias_rician']:+.4f} with the Rician one "
        f"({100 * row['share_removed']:.0f} % removed)."
        for row in rows
        if row["parameter"] in _HEADLINE
    ]


PLANS = {"2": Plan(runs, present), "C": Plan(runs, present)}
