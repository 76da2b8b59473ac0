"""Accuracy and time of the supervised network on the benchmark phantom: ``python benchmarks/network.py``.

The phantom has 28 x 28 x 8 voxels of 3 mm, 154 volumes, lmax 2. One network is trained with the default settings on
the first SNR's scan and reads all of them; ``--own`` trains one for each scan, at the scan's own SNR. ``--set``
changes settings of the training, for example ``--set batch_size=1000``. One training takes a few minutes of one core.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from typing import Any

import napari_smi_inr as smi
from napari_smi_inr.metrics import compare


def measure(snr: float, **settings: Any) -> None:
    """Fit one scan and print its scores."""
    dataset = smi.simulate(snr=snr)
    started = time.perf_counter(), time.process_time()
    fit = smi.fit(dataset, "nn", **settings)
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    network = fit.quality["network"]
    print(f"SNR {snr:g}: {wall:.0f} s ({cpu:.0f} s of processor), {network['story']}, trained at SNR {network['snr']},")
    print(f"  {network['epochs']:g} epochs, validation rms {network['validation_rms']:.4f}")
    for symbol, scores in compare(fit.maps(), dataset.truth_maps(), dataset.mask).items():
        print(f"  {symbol:<3} RMSE {scores['rmse']:8.4f}  r {scores['pearson']:7.4f}  bias {scores['bias']:+8.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snr", type=float, nargs="+", default=[50.0, 20.0, math.inf])
    parser.add_argument("--own", action="store_true", help="one network for each scan, at its own SNR")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[])
    args = parser.parse_args()
    settings = dict(pair.split("=", 1) for pair in args.set)
    with tempfile.TemporaryDirectory() as folder:
        for snr in args.snr:
            own = {"snr": snr, "reuse": "scan"} if args.own else {}
            measure(snr, **{"cache": folder, **own, **settings})


if __name__ == "__main__":
    main()
