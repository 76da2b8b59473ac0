"""Accuracy and time of a fit on the benchmark phantom: ``python benchmarks/accuracy.py [--paper]``.

The phantom has 28 x 28 x 8 voxels of 3 mm, 154 volumes, lmax 2, SNR 50 and 20. ``--paper`` also fits it
with the published set-up, its frequency width scaled to this field of view (0.7 instead of 3.5 cycles for
half of it), and prints every figure as a ratio of the default's to that one, in one run. That takes half an
hour on two cores.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import napari_smi_inr as smi
from napari_smi_inr.metrics import rmse
from napari_smi_inr.parameters import SCALARS
from napari_smi_inr.simulation.simulate import SimulatedDataset

SCALED_WIDTH = 0.7
HALF_FIELD_OF_VIEW = 42.0  # mm
SCALED_DETAIL = HALF_FIELD_OF_VIEW / (2 * math.pi * SCALED_WIDTH)


def measure(dataset: SimulatedDataset, **settings: Any) -> tuple[float, dict[str, float]]:
    """Seconds of one fit and its RMSE by symbol."""
    started = time.perf_counter()
    field = smi.fit(dataset, lmax=2, **settings)
    seconds = time.perf_counter() - started
    maps, truth = field.maps(), dataset.truth_maps()
    return seconds, {symbol: rmse(maps[symbol][dataset.mask], truth[symbol][dataset.mask]) for symbol in SCALARS}


def report(name: str, snr: float, seconds: float, errors: dict[str, float]) -> None:
    """One row of the table."""
    print(f"{name:<8}{snr:>5.0f}{seconds:>9.1f}" + "".join(f"{errors[symbol]:>9.4f}" for symbol in SCALARS), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snr", type=float, nargs="+", default=[50, 20])
    parser.add_argument("--paper", action="store_true", help="also fit with the published set-up")
    args = parser.parse_args()
    print(f"{'fit':<8}{'SNR':>5}{'seconds':>9}" + "".join(f"{symbol:>9}" for symbol in SCALARS))
    for snr in args.snr:
        dataset = smi.simulate(snr=snr)
        seconds, errors = measure(dataset)
        report("fast", snr, seconds, errors)
        if args.paper:
            paper_seconds, paper_errors = measure(dataset, preset="paper", detail=SCALED_DETAIL)
            report("paper", snr, paper_seconds, paper_errors)
            report("ratio", snr, seconds / paper_seconds, {s: errors[s] / paper_errors[s] for s in SCALARS})


if __name__ == "__main__":
    main()
