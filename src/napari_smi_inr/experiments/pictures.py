"""Tables and figures that several experiments show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimation.estimate import Estimate
from ..figures import draw_densities, draw_fods, draw_maps, method_title
from ..figures.planes import VoxelBox
from ..sampling.coordinates import nearest_voxel_axes
from .outcome import Outcome, Result
from .plan import Run, Scan, SimulatedScan, snr_text
from .report import Picture, picture
from .scores import SCORED, find
from .tables import Better, Table, comparison

_GLYPHS = 16
"""Voxels along the edge of a panel of FODs: few enough for single glyphs to be seen."""

_THICK = 6
"""Slices from which a coronal plane shows more than a stripe."""

METRIC_WORDS = {
    "rmse": "Root mean square error",
    "rho": "Pearson's correlation ρ with the truth",
    "median_abs": "Median absolute error",
    "bias": "Bias (mean of estimate minus truth)",
}


def series(run: Run) -> str:
    """What figures call a run: the estimator itself where its title is the estimator's."""
    return run.method if run.title == method_title(run.method) else run.title


def score_table(
    outcome: Outcome, scans: Sequence[SimulatedScan], metric: str, better: Better = "low", digits: int = 4
) -> Table:
    """One metric of every fit: a row for each scan and parameter, a column for each kind of fit."""
    cases = [(scan, symbol) for scan in scans for symbol in SCORED]
    by_title: dict[str, list[float]] = {}
    for i, (scan, symbol) in enumerate(cases):
        for result in outcome.of(scan):
            column = by_title.setdefault(result.run.title, [np.nan] * len(cases))
            column[i] = find(outcome.metrics, run=result.run.label, parameter=symbol)[metric]
    caption = f"{METRIC_WORDS[metric]}. The best of each row is marked."
    keys = [(snr_text(scan.snr), symbol) for scan, symbol in cases]
    return comparison(caption, keys, ("SNR", "parameter"), by_title, better, digits)


def densities(outcome: Outcome, scan: SimulatedScan, name: str) -> Picture:
    """Estimates against the truth, of all fits of a scan."""
    truth = outcome.truth_maps(scan)
    mask = outcome.true_dataset(scan).mask
    pairs = {}
    for result in outcome.of(scan):
        maps = result.estimate.maps()
        pairs[series(result.run)] = {symbol: (maps[symbol][mask], truth[symbol][mask]) for symbol in SCORED}
    caption = f"Estimates against the truth, {scan.title}: every voxel, with Pearson's ρ and RMSE."
    return picture(name, caption, lambda: draw_densities(pairs, SCORED))


def maps(outcome: Outcome, scan: Scan, name: str, difference: bool = False) -> Picture:
    """An axial plane of the maps of all fits of a scan, under the truth where it is known."""
    results = outcome.of(scan)
    rows = {series(result.run): result.estimate.maps() for result in results}
    truth = outcome.truth_maps(scan) if isinstance(scan, SimulatedScan) else None
    caption = f"{'Estimate minus truth' if difference else 'Maps'} in one axial plane, {scan.title}."
    affine = results[0].estimate.affine
    return picture(
        name, caption, lambda: draw_maps(rows, affine, SCORED, truth=truth, difference=difference and truth is not None)
    )


def fods(results: Sequence[Result], name: str, caption: str, truth: NDArray[np.floating] | None = None) -> Picture:
    """FODs of a coronal plane as glyphs over f, of several fits."""
    panels: dict[str, NDArray[np.floating]] = {} if truth is None else {"truth": truth}
    panels |= {result.run.title: result.estimate.fod_map() for result in results}
    first = results[0].estimate
    return picture(name, caption, lambda: draw_fods(panels, first.affine, first.maps()["f"], **glyph_view(first)))


def glyph_view(estimate: Estimate) -> dict[str, Any]:
    """Which plane and region panels of FODs show: coronal, where the scan is thick enough."""
    slices = estimate.mask.shape[nearest_voxel_axes(estimate.affine)[2]]
    return {"axis": "coronal" if slices >= _THICK else "axial", "box": detail_box(estimate.mask, _GLYPHS)}


def detail_box(mask: NDArray[np.bool_], largest: int) -> VoxelBox:
    """A region around the middle of the mask, no longer than so many voxels: first and end along each axis."""
    middle = np.argwhere(mask).mean(axis=0)
    sides = []
    for n, centre in zip(mask.shape, middle, strict=True):
        size = min(largest, n)
        first = int(np.clip(round(centre - size / 2), 0, n - size))
        sides.append((first, first + size))
    return sides[0], sides[1], sides[2]
