"""Experiment 5: gradients that deviate by a known field, corrected for and not, and data without any deviation."""

from __future__ import annotations

from ..figures import method_title
from ..methods import settings_class
from . import pictures
from .lab import Lab
from .outcome import Outcome, Result
from .plan import MeasuredScan, Plan, Run, SimulatedScan, snr_label, snr_text
from .report import Presentation, Section
from .scores import SCORED, find
from .tables import Better, Table, comparison

DEVIATION = 0.1
"""Largest relative deviation of the gradients over the tissue."""

_METRICS: dict[str, Better] = {"rmse": "low", "bias": "none", "rho": "high"}

_SWITCH = "correct_gradients"


def runs(lab: Lab) -> list[Run]:
    """With correction, without, and on uniform gradients; the same on a real scan that knows its deviation."""
    settings = lab.settings
    planned = []
    for snr in settings.snr:
        uneven, even = (SimulatedScan(snr, lmax=settings.lmax, deviation=d) for d in (DEVIATION, 0.0))
        for method in settings.methods:
            title, name = method_title(method), f"{snr_label(snr)}_{method}"
            for corrected in (True, False) if _can_correct(method) else (False,):
                words = "corrected" if corrected else "not corrected"
                own = settings.of_method(method, **({_SWITCH: corrected} if _can_correct(method) else {}))
                tags = {"gradients": "deviating", "corrected": corrected}
                label = f"{name}_{words.replace(' ', '_')}"
                planned.append(Run(label, f"{title}, {words}", uneven, method, own, tags))
            tags = {"gradients": "uniform", "corrected": False}
            label = f"{name}_uniform"
            planned.append(Run(label, f"{title}, uniform", even, method, settings.of_method(method), tags))
    if settings.scan is not None and lab.brain.deviation is not None:
        for method in filter(_can_correct, settings.methods):
            for corrected in (True, False):
                words = "corrected" if corrected else "not corrected"
                own = settings.of_method(method, **{_SWITCH: corrected})
                title = f"{method_title(method)}, {words}"
                label = f"in_vivo_{method}_{words.replace(' ', '_')}"
                planned.append(Run(label, title, MeasuredScan(), method, own, {"corrected": corrected}))
    return planned


def present(outcome: Outcome) -> Presentation:
    """One table of all three, then densities and differences."""
    text = (
        f"Symmetric gradient coils whose gradients deviate by up to ± {100 * DEVIATION:g} % within the tissue, "
        "most at its edge. The signal is that of the exact b-tensors. Fits on uniform gradients show the best that "
        "can be had."
    )
    sections = [Section("With and without correction", (text,), tuple(_tables(outcome)))]
    for scan in [s for s in outcome.simulated if s.deviation]:
        name = snr_label(scan.snr)
        shown = (
            pictures.densities(outcome, scan, f"densities_{name}"),
            pictures.maps(outcome, scan, f"differences_{name}", difference=True),
        )
        sections.append(Section(f"Deviating gradients, SNR {snr_text(scan.snr)}", (), (), shown))
    if outcome.measured:
        words = "Nobody knows the truth here; the maps show where a correction matters."
        brain = pictures.maps(outcome, outcome.measured[0], "maps_in_vivo")
        sections.append(Section("In vivo", (words,), (), (brain,)))
    elif outcome.settings.scan is not None:
        words = "The scan came without a deviation of its gradients: give one with --grad-dev to see it corrected."
        sections.append(Section("In vivo", (words,)))
    return Presentation(_points(outcome), sections)


def _can_correct(method: str) -> bool:
    return _SWITCH in settings_class(method).model_fields


def _by_snr(outcome: Outcome) -> dict[float, list[Result]]:
    found: dict[float, list[Result]] = {}
    for result in outcome.results:
        if isinstance(result.run.scan, SimulatedScan):
            found.setdefault(result.run.scan.snr, []).append(result)
    return found


def _tables(outcome: Outcome) -> list[Table]:
    tables: list[Table] = []
    for snr, results in _by_snr(outcome).items():
        for metric, better in _METRICS.items():
            columns = {
                r.run.title: [find(outcome.metrics, run=r.run.label, parameter=s)[metric] for s in SCORED]
                for r in results
            }
            caption = f"{pictures.METRIC_WORDS[metric]}, SNR {snr_text(snr)}."
            tables.append(comparison(caption, [(s,) for s in SCORED], ("parameter",), columns, better))
    return tables


def _points(outcome: Outcome) -> list[str]:
    told = []
    for snr, results in _by_snr(outcome).items():
        for symbol in SCORED:
            errors = "; ".join(
                f"{r.run.title} {find(outcome.metrics, run=r.run.label, parameter=symbol)['rmse']:.3g}" for r in results
            )
            told.append(f"SNR {snr_text(snr)}, RMSE of {symbol}: {errors}.")
    return told


PLANS = {"5": Plan(runs, present)}
