"""The data side of a fit: which numbers the network has to explain, on which device."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from ..acquisition import Acquisition
from ..dataset import DiffusionDataset
from ..errors import InputError
from ..sampling.coordinates import voxel_to_world
from .common_signal import SignalModel
from .config import FitConfig
from .corrected_signal import CorrectedSignal
from .loss import Nonnegativity, rician_mean, rician_nll, squared_error
from .network import Tissue
from .state import State
from .voxel_points import voxel_offsets
from .voxel_signal import VoxelSignalModel

_JUDGED = 2048
"""Voxels the held-out error is measured on, at most: its own noise is then about half a percent."""

_SMALLEST_SHELL = 6
"""A shell gives up volumes only if it has at least this many; b = 0, which sets the scale, never does."""


def held_out_volumes(acquisition: Acquisition, share: float, seed: int) -> NDArray[np.bool_]:
    """Choose volumes to keep from training, shell by shell, so that every kind of weighting is judged.

    Parameters
    ----------
    acquisition
        Protocol of V volumes.
    share
        Share of the volumes of each shell; at least one of each shell that can spare it.
    seed
        Of the draw.

    Returns
    -------
    (V,) True for the volumes held out; all False where `share` is 0 or no shell can spare any.
    """
    held = np.zeros(acquisition.n_volumes, dtype=bool)
    if share == 0:
        return held
    rng = np.random.default_rng(seed)
    for shell in acquisition.shells():
        n = len(shell.volumes)
        if n >= _SMALLEST_SHELL and not shell.is_b0:
            held[rng.choice(shell.volumes, max(1, round(share * n)), replace=False)] = True
    return held


class Problem:
    """A dataset prepared for training: positions, measurements and losses on one device.

    Parameters
    ----------
    dataset
        The scan.
    config
        Loss, lmax, held-out share, and what to make of non-uniform gradients.
    device
        Where the tensors live.

    Attributes
    ----------
    centre
        (3,) middle of the voxels [RAS mm].
    scale
        Signal, in the scan's units, that the network calls 1.
    typical
        Signal, in the scan's units, that errors are told in.
    noise_variance
        Variance of the noise in units of the scale squared: as given, or from what no tissue could explain.

    Raises
    ------
    InputError
        If the Rician loss is asked for without a noise level, or the image's brightness as unit where it has none.
    """

    def __init__(self, dataset: DiffusionDataset, config: FitConfig, device: torch.device) -> None:
        self.scale = _scale(dataset, config)
        self.typical = dataset.scale
        centres = voxel_to_world(dataset.affine, np.argwhere(dataset.mask))
        self.centre = torch.as_tensor((centres.min(0) + centres.max(0)) / 2.0, dtype=torch.float32)
        self._centres = torch.as_tensor(centres, dtype=torch.float32).to(device)
        offsets = voxel_offsets(dataset.affine, config.voxel_average)
        self._offsets = torch.as_tensor(offsets, dtype=torch.float32).to(device)
        signal = torch.from_numpy(np.asarray(dataset.signal[dataset.mask], dtype=np.float32) / np.float32(self.scale))
        signal = signal.clamp(min=0.0) if config.clip_negative else signal
        self._hold_out(signal, dataset, config, device)
        self.signal_model = self._trained(dataset, config).to(device)
        self.sigma = _sigma(dataset, self.scale).to(device) if config.loss == "rician" else None
        trained = signal[:, ~self.held].to(device)
        self.measured = self.signal_model.measure(trained)
        self.noise_variance = (
            _noise_variance(trained, dataset, ~self.held, config)
            if self.sigma is None
            else float(self.sigma.square().mean())
        )
        self._unexplained = self._left_out(trained)
        self.nonnegativity = Nonnegativity(config.lmax).to(device)

    def _hold_out(
        self, signal: torch.Tensor, dataset: DiffusionDataset, config: FitConfig, device: torch.device
    ) -> None:
        self.held = held_out_volumes(dataset.acquisition, config.held_out, config.seed)
        rng = np.random.default_rng(config.seed)
        judged = np.sort(rng.permutation(len(signal))[:_JUDGED])
        self.judged = torch.from_numpy(judged).to(device)
        self.held_model = None
        if self.held.any():
            self.held_model = _signal_model(dataset, self.held, config, voxels=judged).to(device)
            self.held_signal = self.held_model.measure(signal[judged][:, self.held].to(device))

    def _trained(self, dataset: DiffusionDataset, config: FitConfig) -> SignalModel | CorrectedSignal:
        """What predicts the trained volumes; of them, no more than a squared loss can see."""
        reduced = config.loss != "rician"
        model = _signal_model(dataset, ~self.held, config, reduced=reduced)
        if isinstance(model, SignalModel):
            return model
        common = SignalModel(dataset.acquisition.select(~self.held), config.lmax, reduced=reduced)
        return CorrectedSignal(model, common, self.n_voxels)

    def _left_out(self, trained: torch.Tensor) -> float:
        """What the reduction leaves out of a squared error: the part of the data no tissue could explain.

        Where gradients deviate, some of what the common protocol cannot explain the voxels' own can: all but noise.
        """
        if isinstance(self.signal_model, CorrectedSignal):
            return self.noise_variance * (trained.shape[1] - self.measured.shape[1])
        return max(0.0, float(trained.square().sum() - self.measured.square().sum()) / len(trained))

    @property
    def n_voxels(self) -> int:
        """Voxels to explain."""
        return len(self._centres)

    @property
    def points_per_voxel(self) -> int:
        """Points of a voxel whose tissue makes its signal, K."""
        return len(self._offsets)

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self._centres.device

    def points(self, voxels: torch.Tensor | slice = slice(None)) -> torch.Tensor:
        """(n·K, 3) RAS positions [mm] whose tissue makes the signal of these n voxels."""
        return (self._centres[voxels][:, None] + self._offsets).reshape(-1, 3)

    def misfit(self, tissue: Tissue, voxels: torch.Tensor) -> torch.Tensor:
        """Data term of the loss for a batch of n voxels, from the tissue at their n·K points."""
        predicted, measured = self._predict(self.signal_model, tissue, voxels), self.measured.index_select(0, voxels)
        if self.sigma is None:
            return squared_error(predicted, measured)
        return rician_nll(predicted, measured, self.sigma[voxels])

    def correct(self, tissue: Tissue, voxels: torch.Tensor) -> None:
        """Bring what gradients of their own do to these n voxels up to date with the tissue at their n·K points."""
        self.signal_model.correct(tissue, voxels)

    def state(self) -> State:
        """What changes as the fit goes on."""
        return self.signal_model.state()

    def restore(self, state: State) -> None:
        """Go back, or on; a ValueError or KeyError if the state cannot be of this fit."""
        self.signal_model.restore(state)

    def per_measurement(self, misfit: float) -> float:
        """A mean of :meth:`misfit` as ``Losses.data`` states it."""
        share = (misfit + self._unexplained) / int((~self.held).sum())
        return share if self.sigma is not None else math.sqrt(max(share, 0.0)) * self.scale / self.typical

    def held_out_error(self, tissue: Tissue) -> float:
        """Root mean square error on the held-out volumes of the judged voxels, in units of :attr:`typical`.

        Where the noise is Rician, against the magnitude to be expected: at low SNR it is well above the signal.
        """
        if self.held_model is None:
            return float("nan")
        expected = self._predict(self.held_model, tissue, torch.arange(len(self.judged), device=self.device))
        if self.sigma is not None:
            expected = rician_mean(expected, self.sigma[self.judged])
        return float((expected - self.held_signal).square().mean().sqrt()) * self.scale / self.typical

    def _predict(
        self, model: SignalModel | VoxelSignalModel | CorrectedSignal, tissue: Tissue, voxels: torch.Tensor
    ) -> torch.Tensor:
        """(n, R) signal of n voxels, each the mean over its K points."""
        predicted: torch.Tensor = model(tissue, voxels)
        return predicted.view(len(voxels), self.points_per_voxel, -1).mean(1)


def _signal_model(
    dataset: DiffusionDataset,
    volumes: NDArray[np.bool_],
    config: FitConfig,
    *,
    reduced: bool = False,
    voxels: NDArray[np.intp] | slice = slice(None),
) -> SignalModel | VoxelSignalModel:
    """What predicts some of the volumes: one protocol for all, or one for each voxel where gradients deviated."""
    acquisition, deviation = dataset.acquisition.select(volumes), dataset.voxel_deviation
    if deviation is None or not config.correct_gradients:
        return SignalModel(acquisition, config.lmax, reduced=reduced)
    return VoxelSignalModel(acquisition, deviation[voxels], config.lmax, exact=config.gradient_model == "exact")


def _noise_variance(
    signal: torch.Tensor, dataset: DiffusionDataset, volumes: NDArray[np.bool_], config: FitConfig
) -> float:
    """Variance of the noise in (n, V) signal, from what no tissue could explain.

    Deviating gradients change a voxel's signal smoothly with direction, too: two more orders take that up.
    """
    lmax = config.lmax if dataset.deviation is None else config.lmax + 2
    shells = SignalModel(dataset.acquisition.select(volumes), lmax, reduced=True).to(signal.device)
    n_rows, n_volumes = shells.project.shape
    unexplained = float(signal.square().sum() - shells.measure(signal).square().sum()) / len(signal)
    return max(0.0, unexplained) / (n_volumes - n_rows) if n_volumes > n_rows else 0.0


def _scale(dataset: DiffusionDataset, config: FitConfig) -> float:
    """Signal, in the scan's units, that the network calls 1."""
    if config.scale == "mask":
        return dataset.scale
    if (scale := dataset.image_scale) > 0.0:
        return scale
    raise InputError(
        "scale",
        "95 % of the image at b = 0 are dark, so that its brightness is no unit for the signal.",
        "Set scale to mask, or give the scan as it was before its background was cut away.",
    )


def _sigma(dataset: DiffusionDataset, scale: float) -> torch.Tensor:
    """(n, 1) noise level of each voxel in units of the scale."""
    if dataset.noise is None:
        raise InputError(
            "noise",
            "the Rician loss needs the noise level, and none is given.",
            "Give a number or a map in the scan's units, or use the mse loss.",
        )
    noise = np.broadcast_to(np.asarray(dataset.noise, dtype=np.float32), dataset.shape)[dataset.mask]
    return torch.from_numpy(noise / np.float32(scale))[:, None]
