"""Fit the Standard Model voxel by voxel with nonlinear least squares (arXiv 2506.15762, section 2.5)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ...acquisition.voxel_gradients import voxel_gradients
from ...dataset import DiffusionDataset
from ...estimation.device import double_precision_device, one_thread
from ...estimation.keep import Keep
from ...estimation.step import Step
from ...inr.checkpoint import Checkpoints
from ...signal_model.spherical_harmonics import P2_SCALE
from ..voxel_run import Solution, VoxelRun
from .config import NllsConfig
from .design import Design, SharedDesign, VoxelDesign
from .solve import Tissue, fit_voxels

_Lot = tuple[NDArray[np.intp], Tissue]


def nlls_steps(dataset: DiffusionDataset, config: NllsConfig, keep: Keep | None = None) -> Iterator[Step]:
    """Fit by Levenberg-Marquardt with the FOD solved for in closed form, from several starts in each voxel.

    Parameters
    ----------
    dataset
        The scan; with a gradient deviation, every voxel is fitted with its own protocol.
    config
        What to do.
    keep
        Where the voxels done are kept now and then, and when the fit is left before its end; one that goes on from
        there fits the others.

    Yields
    ------
    Step
        Progress; the last one holds the result. Voxels without a usable signal are NaN (FOD zero), and counted.

    Raises
    ------
    InputError
        If the device cannot compute in double precision, or what is to be resumed is missing, or of another fit.
    """
    started = time.perf_counter()
    run = VoxelRun(dataset, config, double_precision_device(config.device), started)
    checkpoints = Checkpoints(keep, dataset, config)
    run.worked += checkpoints.go_on(run.restore)
    yield from checkpoints.follow(rest_of(run, config), run.state)


def rest_of(run: VoxelRun, config: NllsConfig) -> Iterator[Step]:
    """Fit the voxels of a run that are not yet done."""
    scan = _Scan(run.dataset, config, run.device)
    tally = _Tally(run)
    solved = _on_one_thread(fit_voxels(scan.measured, run.order, config)) if len(run.order) else iter(())
    yield from run.follow((voxels, tally.take(tissue, scan)) for voxels, tissue in solved)


def _on_one_thread(lots: Iterator[_Lot]) -> Iterator[_Lot]:
    """Lots of voxels, with the threads of the processor left as they are in between.

    What fits a processor's cache is too little for two: on a busy machine a second thread made the fit 20 times slower.
    """
    while True:
        with one_thread():
            lot = next(lots, None)
        if lot is None:
            return
        yield lot


class _Scan:
    """Signals and designs of a dataset's voxels, by index."""

    def __init__(self, dataset: DiffusionDataset, config: NllsConfig, device: torch.device) -> None:
        self._acquisition, self._deviation = dataset.acquisition, dataset.voxel_deviation
        self._signal, self.scale = dataset.signal[dataset.mask], dataset.scale
        self._lmax, self._device, self.n_volumes = config.lmax, device, dataset.acquisition.n_volumes
        self._shared = SharedDesign(dataset.acquisition, config.lmax, device) if self._deviation is None else None

    def measured(self, voxels: NDArray[np.intp]) -> tuple[Design, torch.Tensor]:
        """The design and the signal of some voxels, in units of the scale."""
        signal = torch.as_tensor(self._signal[voxels], dtype=torch.float64, device=self._device)
        return self._design(voxels), signal / self.scale

    def _design(self, voxels: NDArray[np.intp]) -> Design:
        if self._shared is not None:
            return self._shared
        assert self._deviation is not None
        return VoxelDesign(voxel_gradients(self._acquisition, self._deviation[voxels]), self._lmax, self._device)


class _Tally:
    """Counts how it went, from wherever a fit that was cut short had got to."""

    def __init__(self, run: VoxelRun) -> None:
        self._training, self._counts = run.training, run.counts
        for name in ("converged", "failed"):
            self._counts.setdefault(name, 0)
        self._counts.setdefault("iterations", [])  # [n] voxels that took n

    def take(self, tissue: Tissue, scan: _Scan) -> Solution:
        """Count some voxels, and put them into the scan's units."""
        tissue, counts = Tissue(*(part.cpu() for part in tissue)), self._counts
        new = np.bincount(tissue.iterations.numpy(), minlength=len(counts["iterations"]))
        new[: len(counts["iterations"])] += np.array(counts["iterations"], dtype=np.intp)
        counts["iterations"] = new.tolist()
        counts["converged"] += int(tissue.converged.sum())
        counts["failed"] += int(tissue.S0.isnan().sum())
        self._training.update(
            iterations={"median": _median(new), "max": int(np.flatnonzero(new)[-1])},
            share_converged=round(counts["converged"] / int(new.sum()), 4),
            failed_voxels=counts["failed"],
        )
        error = float(tissue.squared_error.nanmean()) / scan.n_volumes
        return Solution(_scalars(tissue, scan.scale), tissue.fod.nan_to_num().numpy(), error)


def _median(voxels: NDArray[np.intp]) -> float:
    """Median of whole numbers, given how many voxels have each."""
    below, n = np.cumsum(voxels), int(voxels.sum())
    middle = np.searchsorted(below, [(n - 1) // 2, n // 2], side="right")  # one and the same where n is odd
    return float(middle.mean())


def _scalars(tissue: Tissue, scale: float) -> NDArray[np.float64]:
    """(N, 6) Di, De, Dp, f, S0, p2."""
    p2 = P2_SCALE * torch.linalg.vector_norm(tissue.fod[:, 1:6], dim=1)
    return np.column_stack([tissue.kernel.numpy(), scale * tissue.S0.numpy(), p2.numpy()])
