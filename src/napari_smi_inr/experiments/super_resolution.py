"""Experiment 6: eight times finer than the scan along each axis, scored against the truth at every fine point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..figures import compare_planes, draw_zoom_panels, method_title
from ..inr.field import FittedField
from ..methods import settings_class
from ..sampling.field import Field
from ..sampling.grid_field import GridField
from ..simulation.simulate import SimulatedDataset
from . import pictures
from .fine_scores import score_finely
from .lab import Lab
from .outcome import Outcome
from .plan import Plan, Run, SimulatedScan, snr_label, snr_text
from .report import Picture, Presentation, Section, picture
from .scores import SCORED, Row, select
from .tables import Better, Table, comparison

FACTOR = 8
"""Points for each voxel along each axis."""

AVERAGED = 4
"""Points along a voxel's edge over which its signal is averaged, as a scanner averages."""

INR_VARIANTS: dict[str, dict[str, Any]] = {"INR": {}, "INR, voxel average": {"voxel_average": True}}
"""Settings by title; one whose setting the INR does not have is left out."""

_ZOOM = 16
_METRICS: dict[str, Better] = {"rmse": "low", "rho": "high"}


def runs(lab: Lab) -> list[Run]:
    """Every estimator on a scan whose voxels average over their volume; the INR in its variants."""
    settings = lab.settings
    planned = []
    for snr in settings.snr:
        scan = SimulatedScan(snr, lmax=settings.lmax, subvoxel=AVERAGED)
        for method in settings.methods:
            variants = INR_VARIANTS if method == "inr" else {method_title(method): {}}
            for n, (title, more) in enumerate(variants.items()):
                if set(more) <= set(settings_class(method).model_fields):
                    label = f"{snr_label(snr)}_{method}" + (f"_{n}" if n else "")
                    own = settings.of_method(method, **more)
                    planned.append(Run(label, title, scan, method, own, dict(more)))
    return planned


def present(outcome: Outcome) -> Presentation:
    """Scores at every fine point, zoomed panels, and the usual scores at voxel centres."""
    rows: list[Row] = []
    for scan in outcome.simulated:
        rows += [{**row, "snr": scan.snr} for row in _score(outcome, scan)]
    first = ("method", "interpolation", "snr", "parameter", "rmse", "rho", "bias", "n")
    outcome.write("superresolution.csv", rows, first)
    text = (
        f"Each voxel's signal is the mean over {AVERAGED}³ points within it. The maps were then asked for at {FACTOR} "
        f"points along each edge of every voxel, {FACTOR**3} a voxel: the INR by evaluating it there, voxel-wise maps "
        "by linear and cubic interpolation. Every fine point within the mask is scored against the phantom's true "
        "value there."
    )
    tables = tuple(_table(rows, scan, metric) for scan in outcome.simulated for metric in _METRICS)
    sections = [Section(f"{FACTOR} times finer along each axis", (text,), tables)]
    for scan in outcome.simulated:
        shown = tuple(_zoom(outcome, scan, symbol) for symbol in ("p2", "f"))
        sections.append(Section(f"Details, SNR {snr_text(scan.snr)}", (), (), shown))
    centres = (pictures.score_table(outcome, outcome.simulated, "rmse"),)
    words = "Here the truth is that of the centre, the signal that of the whole voxel."
    sections.append(Section("At the voxels' centres", (words,), centres))
    return Presentation(_points(rows), sections)


def _ways(outcome: Outcome, scan: SimulatedScan) -> dict[tuple[str, str], Field]:
    """Everything that has a value at fine points, by estimator and interpolation."""
    ways: dict[tuple[str, str], Field] = {}
    for result in outcome.of(scan):
        estimate = result.estimate
        if isinstance(estimate, FittedField):
            ways[result.run.title, "field"] = estimate
            continue
        for kind in ("linear", "cubic"):
            ways[result.run.title, kind] = GridField(estimate.maps(), estimate.affine, estimate.mask, kind)
    return ways


def _phantom(outcome: Outcome, scan: SimulatedScan) -> SimulatedDataset:
    dataset = outcome.true_dataset(scan)
    assert isinstance(dataset, SimulatedDataset)  # the catalogue asks for the phantom
    return dataset


def _score(outcome: Outcome, scan: SimulatedScan) -> list[Row]:
    dataset = _phantom(outcome, scan)
    told = 0

    def tell(share: float) -> None:
        nonlocal told
        if int(10 * share) > told:
            told = int(10 * share)
            outcome.announce(f"Scoring every fine point, {scan.title}: {10 * told} %")

    return score_finely(_ways(outcome, scan), dataset.truth, dataset.mask, FACTOR, tell)


def _table(rows: list[Row], scan: SimulatedScan, metric: str) -> Table:
    mine = select(rows, snr=scan.snr)
    ways = list(dict.fromkeys((row["method"], row["interpolation"]) for row in mine))
    columns = {
        _way(method, kind): [
            float(select(mine, method=method, interpolation=kind, parameter=symbol)[0][metric]) for symbol in SCORED
        ]
        for method, kind in ways
    }
    caption = f"{pictures.METRIC_WORDS[metric]} over {mine[0]['n']:,} fine points, SNR {snr_text(scan.snr)}."
    return comparison(caption, [(symbol,) for symbol in SCORED], ("parameter",), columns, _METRICS[metric])


def _way(method: str, interpolation: str) -> str:
    return method if interpolation == "field" else f"{method}, {interpolation}"


def _zoom(outcome: Outcome, scan: SimulatedScan, symbol: str) -> Picture:
    """Coronal and sagittal details, of the map of a voxel-wise estimator if there is any."""
    results = outcome.of(scan)
    fields: Mapping[str, Field] = {r.run.title: r.estimate for r in results if isinstance(r.estimate, FittedField)}
    voxelwise = next((r for r in results if not isinstance(r.estimate, FittedField)), results[0])
    native, title = voxelwise.estimate.maps()[symbol], voxelwise.run.title
    dataset = _phantom(outcome, scan)
    box = pictures.detail_box(dataset.mask, _ZOOM)
    caption = (
        f"{symbol} in a coronal and a sagittal detail: the {title} map as fitted, interpolated, "
        f"the INR sampled {FACTOR} times finer, and the truth. RMSE is that of the detail."
    )
    return picture(
        f"zoom_{symbol}_{snr_label(scan.snr)}",
        caption,
        lambda: draw_zoom_panels(
            compare_planes(native, dataset.affine, fields, dataset.truth, symbol, box=box, factor=FACTOR, method=title)
        ),
    )


def _points(rows: list[Row]) -> list[str]:
    told = []
    for snr in dict.fromkeys(row["snr"] for row in rows):
        for symbol in ("p2", *(s for s in SCORED if s != "p2")):
            errors = "; ".join(
                f"{_way(row['method'], row['interpolation'])} {row['rmse']:.3g}"
                for row in select(rows, snr=snr, parameter=symbol)
            )
            told.append(f"SNR {snr_text(snr)}, RMSE of {symbol} at every fine point: {errors}.")
    return told


PLANS = {"6": Plan(runs, present)}
