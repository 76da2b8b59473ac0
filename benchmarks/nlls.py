"""Speed of the nonlinear least-squares fit: ``python benchmarks/nlls.py [--lmax 2] [--snr 50 20] [--deviation 0.05]``.

Fits the benchmark phantom (28 x 28 x 8 voxels, 154 volumes) and a few of its voxels with SciPy's least_squares on all
numbers of the full model at once, from the same starts, in the same run, both on one thread: the ratio of their
processor times holds on any machine. The time for 60 000 voxels is projected from the phantom's. With a deviation of
the gradients SciPy still fits the protocol asked for, which is less work.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

import napari_smi_inr as smi
from napari_smi_inr.baselines.nlls.config import STARTS, NllsConfig
from napari_smi_inr.estimation.device import one_thread
from napari_smi_inr.metrics import rmse
from napari_smi_inr.parameters import KERNEL_PARAMETERS, PARAMETERS, SCALARS
from napari_smi_inr.signal_model.spherical_harmonics import P00, n_coefficients
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.simulate import SimulatedDataset

PROJECTED = 60_000


def clocks() -> NDArray[np.float64]:
    """Wall-clock and processor seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def batched(dataset: SimulatedDataset, **settings: Any) -> tuple[NDArray[np.float64], Any]:
    """Wall-clock and processor seconds a voxel, and the fit."""
    began = clocks()
    result = smi.fit(dataset, "nlls", **settings)
    return (clocks() - began) / dataset.n_voxels, result


def one_by_one(dataset: SimulatedDataset, lmax: int, n: int, starts: int) -> NDArray[np.float64]:
    """Wall-clock and processor seconds a voxel of SciPy's trust-region solver, from the same starts."""
    signal = dataset.signal[dataset.mask][:n].astype(np.float64) / dataset.scale
    low, high = np.array([PARAMETERS[key].bounds for key in KERNEL_PARAMETERS]).T
    free = np.full(n_coefficients(lmax), np.inf)
    x = np.zeros(len(free))
    x[0] = P00
    bounds = np.concatenate([low, -free]), np.concatenate([high, free])

    def misfit(p: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
        values = dict(zip(KERNEL_PARAMETERS, p[:4, None], strict=True)) | {"S0": np.ones(1)}
        return predict_signal(values, p[None, 4:], dataset.acquisition)[0] - measured

    began = clocks()
    with one_thread():
        for measured in signal:
            for start in STARTS[:starts]:
                least_squares(misfit, np.concatenate([start, x]), bounds=bounds, x_scale="jac", args=(measured,))
    return (clocks() - began) / n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmax", type=int, default=2)
    parser.add_argument("--snr", type=float, nargs="+", default=[50, 20])
    parser.add_argument("--deviation", type=float, default=0.0, help="of the gradients; every voxel has its protocol")
    parser.add_argument("--starts", type=int, default=NllsConfig().starts)
    parser.add_argument("--scipy", type=int, default=5, help="voxels for SciPy")
    args = parser.parse_args()
    print(
        f"{'SNR':>5}{'voxels/s':>10}{'60k [s]':>9}{'60k cpu [s]':>13}{'x SciPy':>9}{'converged':>11}"
        + "".join(f"{symbol:>9}" for symbol in SCALARS)
    )
    for snr in args.snr:
        dataset = smi.simulate(snr=snr, lmax=args.lmax, deviation=args.deviation)
        ours, result = batched(dataset, lmax=args.lmax, starts=args.starts)
        theirs = one_by_one(dataset, args.lmax, args.scipy, args.starts)
        maps, truth, mask = result.maps(), dataset.truth_maps(), dataset.mask
        print(
            f"{snr:>5.0f}{1 / ours[0]:>10.0f}{PROJECTED * ours[0]:>9.1f}{PROJECTED * ours[1]:>13.1f}"
            f"{theirs[1] / ours[1]:>9.0f}{result.quality['share_converged']:>11.4f}"
            + "".join(f"{rmse(maps[symbol][mask], truth[symbol][mask]):>9.4f}" for symbol in SCALARS),
            flush=True,
        )


if __name__ == "__main__":
    main()
