"""Experiment 3: a living brain, scored by what a fit was not shown."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition
from ..figures import compare_planes, draw_zoom_panels, method_title
from ..figures.planes import ORIENTATIONS, View
from ..inr.field import FittedField
from ..metrics import rmse
from ..parameters import FOD
from ..sampling.coordinates import voxel_to_world
from ..signal_model.standard_model import predict_signal
from . import pictures
from .lab import LEFT_OUT, Lab
from .outcome import Outcome, Result
from .plan import MeasuredScan, Plan, Run
from .report import Picture, Presentation, Section, picture
from .scattered import Interpolation, interpolate_scattered
from .scores import Row, score_values, select
from .tables import Table, comparison

WHOLE, VOLUMES, VOXELS = MeasuredScan(), MeasuredScan("volumes"), MeasuredScan("voxels")

_INTERPOLATIONS: tuple[Interpolation, ...] = ("cubic", "linear")
_ZOOM = 20
"""Voxels along the edge of a detail that is enlarged, at most."""

_FEW_SLICES = 8
"""A scan of fewer slices is shown along its slices alone."""


def runs(lab: Lab) -> list[Run]:
    """Every estimator on all of the scan and on nine tenths of its volumes; the INR on every other voxel."""
    settings = lab.settings
    planned = []
    for scan in (WHOLE, VOLUMES, VOXELS):
        for method in settings.methods:
            if scan is VOXELS and method != "inr":
                continue  # voxel by voxel there is nothing to say of other voxels
            title = method_title(method)
            planned.append(Run(f"{scan.part}_{method}", title, scan, method, settings.of_method(method)))
    return planned


def present(outcome: Outcome) -> Presentation:
    """Both scores, then maps, FODs and zoomed panels of the whole scan."""
    volumes, voxels = _volume_rows(outcome), _voxel_rows(outcome)
    first = ("left_out", "method", "b", "b_delta", "n", "rmse", "rmse_of_b0")
    outcome.write("heldout.csv", [*volumes, *voxels], first)
    sections = [_volume_section(outcome, volumes), _voxel_section(outcome, voxels)]
    if fits := outcome.of(WHOLE):
        words = "Nobody knows the truth here. " + _verdict(outcome)
        shown = (
            pictures.maps(outcome, WHOLE, "maps"),
            pictures.fods(fits, "fods", "FODs over the map of f."),
            *_zooms(fits),
        )
        sections.append(Section("Maps of the whole scan", (words,), (), shown))
    return Presentation(_points(volumes, voxels), sections)


def _verdict(outcome: Outcome) -> str:
    return "What the protocol can tell: " + outcome.lab.brain.acquisition.verdict(outcome.settings.lmax).text


def _volume_rows(outcome: Outcome) -> list[Row]:
    """Error of each estimator on the volumes it was not fitted to, all together and by shell."""
    brain, left_out = outcome.lab.brain, outcome.lab.left_out_volumes
    measured = brain.signal[brain.mask][:, left_out].astype(np.float64)
    protocol = brain.acquisition.select(left_out)
    rows: list[Row] = []
    for result in outcome.of(VOLUMES):
        predicted = result.estimate.predict_voxels(protocol, brain.voxel_deviation)
        rows += _rows_by_shell("volumes", result.run.method, predicted, measured, protocol, _b0(outcome))
        outcome.metrics.append(score_values(result.run, "signal of volumes left out", predicted, measured))
    return rows


def _voxel_rows(outcome: Outcome) -> list[Row]:
    """Error of the INR, and of interpolation of the signals, in the voxels between those fitted."""
    results = outcome.of(VOXELS)
    if not results:
        return []
    brain, asked = outcome.lab.brain, outcome.lab.left_out_voxels
    known = brain.mask & ~asked
    measured = brain.signal[asked].astype(np.float64)
    points = voxel_to_world(brain.affine, np.argwhere(asked))
    deviation = None if brain.deviation is None else brain.deviation[asked]
    rows: list[Row] = []
    for result in results:
        assert isinstance(result.estimate, FittedField)
        values = result.estimate.evaluate(points)
        predicted = predict_signal(values, values[FOD], brain.acquisition, deviation)
        rows += _rows_by_shell("voxels", "inr", predicted, measured, brain.acquisition, _b0(outcome))
        outcome.metrics.append(score_values(result.run, "signal of voxels left out", predicted, measured))
    places = voxel_to_world(brain.affine, np.argwhere(known))
    for kind in _INTERPOLATIONS:
        between = interpolate_scattered(places, brain.signal[known], points, kind)
        name = f"{kind} interpolation"
        rows += _rows_by_shell("voxels", name, between, measured, brain.acquisition, _b0(outcome))
    return rows


def _b0(outcome: Outcome) -> float:
    """Mean b = 0 signal in the mask."""
    brain = outcome.lab.brain
    return float(brain.signal[brain.mask][:, brain.acquisition.is_b0].mean())


def _rows_by_shell(
    left_out: str,
    method: str,
    predicted: NDArray[np.float64],
    measured: NDArray[np.float64],
    protocol: Acquisition,
    b0: float,
) -> list[Row]:
    parts: list[tuple[float | str, float | str, NDArray[np.intp]]] = [("all", "all", np.arange(protocol.n_volumes))]
    parts += [(round(s.b, 3), round(s.b_delta, 3), s.volumes) for s in protocol.shells()]
    rows = []
    for b, b_delta, volumes in parts:
        error = rmse(predicted[:, volumes], measured[:, volumes])
        rows.append(
            {
                "left_out": left_out,
                "method": method,
                "b": b,
                "b_delta": b_delta,
                "n": int(measured[:, volumes].size),
                "rmse": error,
                "rmse_of_b0": error / b0,
            }
        )
    return rows


def _volume_section(outcome: Outcome, rows: list[Row]) -> Section:
    left_out = outcome.lab.left_out_volumes
    text = (
        f"{left_out.sum()} of {len(left_out)} volumes, a random tenth ({100 * LEFT_OUT:g} %) chosen among those with "
        "diffusion weighting, were kept from every fit; each fit then had to predict them. The error holds the noise "
        "of the measurement itself, which no prediction can be without" + _noise(outcome) + ". Volumes left out, "
        f"counting from 0: {', '.join(map(str, np.flatnonzero(left_out)))}."
    )
    return Section("Volumes left out", (text,), (_table("Error on volumes that were left out", rows),))


def _voxel_section(outcome: Outcome, rows: list[Row]) -> Section:
    asked = outcome.lab.left_out_voxels
    text = (
        f"The INR was fitted to every other voxel, as on a checkerboard, and had to predict the signal of the "
        f"{asked.sum():,} voxels between. Interpolation of the measured signals themselves is the alternative: cubic "
        "and linear radial basis functions through the 50 nearest voxels fitted. Estimators that work voxel by voxel "
        "have nothing to say of voxels without data."
    )
    tables = (_table("Error in voxels that were left out", rows),) if rows else ()
    return Section("Voxels left out", (text,), tables)


def _noise(outcome: Outcome) -> str:
    brain = outcome.lab.brain
    if brain.noise is None:
        return " (its level is not known here: give --noise mppca)"
    sigma = np.asarray(brain.noise, dtype=np.float64)
    level = float(np.sqrt(np.mean(np.square(sigma[brain.mask] if sigma.ndim else sigma))))
    return f" ({100 * level / _b0(outcome):.2f} % of the b = 0 signal by the noise level given)"


def _table(caption: str, rows: list[Row]) -> Table:
    names = list(dict.fromkeys(row["method"] for row in rows))
    shells = list(dict.fromkeys((row["b"], row["b_delta"]) for row in rows))
    columns = {
        method_title(name): [
            100 * select(rows, method=name, b=b, b_delta=shape)[0]["rmse_of_b0"] for b, shape in shells
        ]
        for name in names
    }
    keys = [(str(b), str(shape)) for b, shape in shells]
    words = f"{caption}, RMSE in % of the mean b = 0 signal."
    return comparison(words, keys, ("b [ms/µm²]", "b_delta"), columns, digits=3)


def _planes(field: FittedField) -> tuple[str, ...]:
    """Orientations in which there is something to see: of a few slices only that of the slices."""
    thin = int(np.argmin(field.shape))
    if field.shape[thin] >= _FEW_SLICES:
        return ("coronal", "sagittal")
    return tuple(name for name in ORIENTATIONS if View.of(name, field.affine, field.shape).axes[0] == thin)


def _zooms(results: Iterable[Result]) -> list[Picture]:
    """Details of p2 and f, eight times finer."""
    fields = {r.run.title: r.estimate for r in results if isinstance(r.estimate, FittedField)}
    if not fields:
        return []
    title, first = next(iter(fields.items()))
    box = pictures.detail_box(first.mask, _ZOOM)
    planes = _planes(first)
    shown = []
    for symbol in ("p2", "f"):
        native = first.maps()[symbol]
        caption = f"{symbol} eight times finer in detail ({', '.join(planes)}): interpolated, and sampled from the INR."
        shown.append(
            picture(
                f"zoom_{symbol}",
                caption,
                lambda s=symbol, n=native: draw_zoom_panels(  # type: ignore[misc]
                    compare_planes(n, first.affine, fields, None, s, box=box, planes=planes, method=title)
                ),
            )
        )
    return shown


def _points(volumes: list[Row], voxels: list[Row]) -> list[str]:
    told = []
    for what, rows in (("volumes", volumes), ("voxels", voxels)):
        overall = select(rows, b="all")
        if overall:
            words = "; ".join(f"{method_title(r['method'])} {100 * r['rmse_of_b0']:.3f} %" for r in overall)
            told.append(f"Error on {what} left out, of the mean b = 0 signal: {words}.")
    return told


PLANS = {"3": Plan(runs, present)}
