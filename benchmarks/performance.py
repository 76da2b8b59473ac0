"""Every target of speed, measured on the machine at hand: ``python benchmarks/performance.py [--published SECONDS]``.

Each line: what is asked, what was measured, and whether that meets it. Accuracy stands beside every time. The yardstick
is the paper's published code on the same phantom; give the seconds that its 150 epochs take on this machine to have the
ratio. ``--gpu`` measures what a CUDA card is asked for instead. Needs some minutes.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import napari_smi_inr as smi
from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.experiments.machine import machine
from napari_smi_inr.experiments.phantom_size import VOXEL_SIZE, phantom_shape
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.metrics import rmse
from napari_smi_inr.parameters import SCALARS
from napari_smi_inr.simulation.protocol import PAPER_SHELLS, spread_axes

PUBLISHED = {50: (0.0479, 0.0747, 0.0265, 0.0124, 0.650, 0.0107), 20: (0.0804, 0.1391, 0.0375, 0.0193, 1.407, 0.0253)}
"""RMSE of Di, De, Dp, f, S0, p2 that the published code ends with, its frequency width scaled to the field of view."""

REPEATS = 3
"""Short things are done so often, and the shortest time counts: others are the machine's."""

PAPER = {"preset": "paper", "lmax": 2}


def say(asked: str, measured: str, met: bool | None = None) -> None:
    """One line of the table."""
    print(f"{asked:58} {measured:52} {'' if met is None else 'met' if met else 'MISSED'}", flush=True)


def timed(dataset: Any, **settings: Any) -> tuple[float, Any]:
    """Seconds of a fit, and the field."""
    start = time.perf_counter()
    field = smi.fit(dataset, **{"lmax": 2, **settings})
    return time.perf_counter() - start, field


def errors(dataset: Any, field: Any) -> np.ndarray:
    """(6,) RMSE."""
    maps, truth = field.maps(), dataset.truth_maps()
    return np.array([rmse(maps[s][dataset.mask], truth[s][dataset.mask]) for s in SCALARS])


def geometric_mean(values: np.ndarray) -> float:
    """Of positive numbers."""
    return float(np.exp(np.log(values).mean()))


def multiplications(field: Any) -> int:
    """Of one point's way through the network."""
    return sum(p.numel() for p in field.model.parameters() if p.ndim == 2)


def matrix_rate(device: str = "cpu", threads: int | None = None) -> float:
    """Floating-point operations a second in large matrix products, the floor's rate."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    n, repeats = (8192, 20) if device != "cpu" else (2048, 5)
    a = torch.randn(n, n, device=device)
    for _ in range(2):
        _ = a @ a
    _wait(device)
    start = time.perf_counter()
    for _ in range(repeats):
        _ = a @ a
    _wait(device)
    torch.set_num_threads(before)
    return repeats * 2 * n**3 / (time.perf_counter() - start)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def accuracy(published: float | None) -> None:
    """Time to the published code's accuracy, and the accuracy then."""
    rate = matrix_rate(threads=1)
    for snr, theirs in PUBLISHED.items():
        dataset = smi.simulate(snr=snr)
        seconds, field = timed(dataset)
        ratios = errors(dataset, field) / theirs
        told = " ".join(f"{s} {r:.2f}" for s, r in zip(SCALARS, ratios, strict=True))
        say(f"SNR {snr}: no RMSE above the published code's", f"{seconds:.1f} s; {told}", bool(ratios.max() <= 1.0))
        mean = geometric_mean(ratios)
        say(f"SNR {snr}: geometric mean of the ratios <= 0.75", f"{mean:.2f}", mean <= 0.75)
        if published:
            say(f"SNR {snr}: at least 200 times sooner", f"{published / seconds:.0f} times", published / seconds >= 200)
        operations = 6 * multiplications(field) * dataset.n_voxels * field.training["epochs"]
        say(f"SNR {snr}: share of one core's matrix rate", f"{operations / seconds / rate:.0%}")


def growth() -> None:
    """How the time grows with the scan, the order, the protocol."""
    base, per_voxel = None, []
    for n in (3_300, 15_000, 60_800):
        dataset = smi.simulate(shape=phantom_shape(n), voxel_size=VOXEL_SIZE)
        seconds, field = timed(dataset)
        per_voxel.append(1e3 * seconds / dataset.n_voxels)
        mean = geometric_mean(errors(dataset, field))
        base = base or mean
        told = f"{seconds:.1f} s, {per_voxel[-1]:.2f} ms a voxel, errors x{mean / base:.2f}"
        say(f"{dataset.n_voxels:,} voxels" + (": within 5 minutes" if n > 50_000 else ""), told, seconds <= 300)
    ratio = per_voxel[-1] / per_voxel[0]
    say("time linear in voxels", f"x{ratio:.2f} a voxel from smallest to largest", ratio <= 1.1)
    plain = smi.simulate(seed=1)
    for asked, most, dataset, settings in variants(plain):
        pairs = [(timed(dataset, **settings)[0], timed(plain)[0]) for _ in range(REPEATS)]
        ratio = min(it for it, _ in pairs) / min(once for _, once in pairs)
        say(f"{asked} <= {most}", f"{ratio:.2f}", ratio <= most)


def variants(plain: Any) -> Iterator[tuple[str, float, Any, dict[str, Any]]]:
    """What may make a fit longer: how it is told, by how much at most, the scan, and the settings."""
    yield "lmax 8 / lmax 2", 1.3, plain, {"lmax": 8}
    planar = plain.acquisition.b_delta.copy()
    planar[planar == 0.8] = -0.5
    yield "negative b_delta", 1.05, smi.simulate(seed=1, protocol=replace(plain.acquisition, b_delta=planar)), {}
    yield "354 volumes / 154", 1.3, smi.simulate(seed=1, protocol=larger_protocol(2.3)), {}
    yield "a protocol for each voxel", 1.5, smi.simulate(seed=1, deviation=0.05), {}


def larger_protocol(factor: float) -> Acquisition:
    """The published shells with more directions each."""
    rng, parts = np.random.default_rng(0), []
    for b, b_delta, n in PAPER_SHELLS:
        many = round(factor * n)
        axes = spread_axes(many, rng) if b * b_delta else np.zeros((many, 3))
        parts.append((np.full(many, b), np.full(many, b_delta), axes))
    return Acquisition(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def evaluation(device: str = "cpu") -> None:
    """A million points of the default preset, and of the paper's."""
    dataset = smi.simulate(shape=(12, 12, 4))
    points = np.random.default_rng(0).uniform(-15, 15, (1_000_000, 3))
    rate, most = matrix_rate(device), 1.5 if device == "cpu" else 0.03
    for name, settings, limit in (("default", {}, most), ("paper", PAPER, 0.15 if device != "cpu" else None)):
        if device == "cpu" and limit is None:
            continue
        field = timed(dataset, epochs=1, device=device, **settings)[1]
        field.sample(points[:50_000])
        seconds = min(_sampling(field, points) for _ in range(REPEATS))
        floor = 2 * multiplications(field) * len(points) / rate
        say(
            f"a million points, {name} preset <= {limit} s",
            f"{seconds:.2f} s ({floor / seconds:.0%} of the floor)",
            seconds <= (limit or math.inf),
        )


def _sampling(field: Any, points: np.ndarray) -> float:
    start = time.perf_counter()
    field.sample(points)
    return time.perf_counter() - start


def memory() -> None:
    """Peak memory of loading a larger scan and fitting it, against twice the scan and 0.6 GB."""
    dataset = smi.simulate(shape=(100, 100, 50))
    with tempfile.TemporaryDirectory() as folder:
        files = {path.name: str(path) for path in save_scan(dataset, folder)}
        code = (
            "import re, sys, napari_smi_inr as smi; d = smi.load(sys.argv[1], mask=sys.argv[2]); "
            "smi.fit(d, lmax=2, epochs=2, device='cpu'); "
            "print(int(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]) / 1e6)"
        )  # the peak that getrusage tells includes that of the process which started this one
        command = [sys.executable, "-c", code, files["dwi.nii.gz"], files["mask.nii.gz"]]
        peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    scan = dataset.signal.nbytes / 1e9
    say("peak memory <= 2 x the scan + 0.6 GB", f"{peak:.2f} GB for {scan:.2f} GB", peak <= 2 * scan + 0.6)


def start() -> None:
    """How long until something happens."""
    bare, imported = (
        min(_seconds([sys.executable, "-c", code]) for _ in range(3)) for code in ("pass", "import napari_smi_inr")
    )
    say("import napari_smi_inr <= 0.15 s more than bare Python", f"{imported - bare:.2f} s", imported - bare <= 0.15)
    helped = min(
        _seconds([sys.executable, "-c", "from napari_smi_inr.cli import main; main()", "--help"]) for _ in range(3)
    )
    say("smi-inr --help <= 0.5 s", f"{helped:.2f} s", helped <= 0.5)


def estimate() -> None:
    """How right the time left is that a fit announces first."""
    told, begun = None, time.perf_counter()
    for step in smi.fit_steps(smi.simulate(seed=2), smi.FitConfig.from_preset(lmax=2, device="cpu")):
        told = told or (time.perf_counter() - begun + step.remaining)
    took = time.perf_counter() - begun
    assert told is not None
    off = told / took - 1.0
    say(
        "time announced within 25 % of what it takes", f"{told:.1f} s, took {took:.1f} s ({off:+.0%})", abs(off) <= 0.25
    )


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started


def card() -> None:
    """What a graphics card is asked for."""
    dataset = smi.simulate(shape=phantom_shape(60_800), voxel_size=VOXEL_SIZE)
    timed(smi.simulate(shape=(12, 12, 4)), epochs=2, device="cuda")  # warm
    rate = matrix_rate("cuda")
    for name, settings, most in (("paper", PAPER, 15.0), ("default", {}, 3.0)):
        seconds, field = timed(dataset, device="cuda", **settings)
        share = 6 * multiplications(field) * dataset.n_voxels * field.training["epochs"] / seconds / rate
        told = f"{seconds:.1f} s, {share:.0%} of the card's rate, errors {geometric_mean(errors(dataset, field)):.4f}"
        say(f"{dataset.n_voxels:,} voxels, {name} preset <= {most:.0f} s", told, seconds <= most)
    evaluation("cuda")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", type=float, help="seconds of the published code's 150 epochs here")
    parser.add_argument("--gpu", action="store_true", help="measure a CUDA card instead")
    args = parser.parse_args()
    print(", ".join(f"{k} {v}" for k, v in machine("cuda" if args.gpu else "cpu").items()), "\n")
    if args.gpu:
        return card()
    accuracy(args.published)
    growth()
    evaluation()
    memory()
    start()
    estimate()
    return None


if __name__ == "__main__":
    main()
