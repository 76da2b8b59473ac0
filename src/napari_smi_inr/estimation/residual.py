"""What a fit leaves unexplained: measured minus expected signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..errors import InputError
from ..signal_model.noise import rician_mean
from .estimate import Estimate
from .noise_floor import NoiseLevel, noise_level

_VALUES_AT_ONCE = 1 << 19
"""Predicted signals held at a time: 4 MB, and some times that while they are made."""

_BENT_AT_ONCE = 128
"""Voxels predicted at a time where gradients deviate: that takes milliseconds each."""


@dataclass(frozen=True, eq=False)
class Residual:
    """Root mean square of measured minus expected signal.

    Attributes
    ----------
    values
        (X, Y, Z), NaN outside the voxels of the fit.
    unit
        ``"noise"``: in standard deviations of the noise, 1 where it alone is left; ``"S0"`` where that is not known.
    source
        Where the noise level is known from, in words; empty for ``"S0"``.
    """

    values: NDArray[np.float32]
    unit: str
    source: str

    @property
    def description(self) -> str:
        """What it shows, in words."""
        unit = f"standard deviations of the noise ({self.source})" if self.unit == "noise" else "units of the fitted S0"
        return f"root mean square over all volumes of measured minus fitted signal, in {unit}"


class Comparison:
    """A fit against its scan, some voxels at a time.

    Parameters
    ----------
    estimate, dataset
        The fit, and what it was fitted to.

    Attributes
    ----------
    noise
        Of the N voxels of the fit; None where it is not known.
    rician
        Whether the fit reckons with the bias of Rician noise.

    Raises
    ------
    InputError
        If the scan is another one.
    """

    def __init__(self, estimate: Estimate, dataset: DiffusionDataset) -> None:
        if dataset.shape != estimate.mask.shape or dataset.acquisition.n_volumes != estimate.acquisition.n_volumes:
            fault = f"has {_size(dataset.shape, dataset.acquisition.n_volumes)}, the scan that was fitted "
            fault += f"{_size(estimate.mask.shape, estimate.acquisition.n_volumes)}."
            raise InputError("scan", fault, "Give the scan that was fitted.")
        self.estimate, self.dataset = estimate, dataset
        self.noise: NoiseLevel | None = noise_level(estimate, dataset)
        config = estimate.config
        asked = getattr(config, "loss", "") == "rician" or getattr(config, "rician_correction", False)
        self.rician = bool(asked) and self.noise is not None
        self._voxels = np.argwhere(estimate.mask)

    @property
    def n_voxels(self) -> int:
        """Voxels of the fit, N."""
        return len(self._voxels)

    def at(self, voxels: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compare in some voxels.

        Parameters
        ----------
        voxels
            (n,) indices into the N voxels of the fit.

        Returns
        -------
        measured, expected
            (n, V) signals in the scan's units; where :attr:`rician`, the mean magnitude is expected.
        """
        index = tuple(self._voxels[voxels].T)
        bent = self.dataset.deviation
        deviation = None if bent is None else bent[index].astype(np.float64)
        expected = self.estimate.predict_voxels(deviation=deviation, voxels=voxels)
        if self.rician and self.noise is not None:
            expected = rician_mean(np.maximum(expected, 0.0), self.noise.sigma[voxels, None])
        return self.dataset.signal[index].astype(np.float64), expected

    def chunks(self) -> Iterator[NDArray[np.intp]]:
        """Indices of all voxels, so many at a time that memory stays small."""
        size = max(1, _VALUES_AT_ONCE // self.estimate.acquisition.n_volumes)
        if self.dataset.deviation is not None:
            size = min(size, _BENT_AT_ONCE)
        for start in range(0, self.n_voxels, size):
            yield np.arange(start, min(start + size, self.n_voxels))


def residual_map(
    estimate: Estimate,
    dataset: DiffusionDataset,
    on_voxels: Callable[[int], object] = lambda n: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Residual | None:
    """Map what a fit leaves unexplained, over all volumes, those held out included.

    Parameters
    ----------
    estimate, dataset
        The fit, and what it was fitted to.
    on_voxels
        Called with the number of voxels done since the last call.
    cancelled
        Asked between chunks of voxels.

    Returns
    -------
    The map; None if cancelled.

    Raises
    ------
    InputError
        If the scan is another one.
    """
    comparison = Comparison(estimate, dataset)
    error = np.full(comparison.n_voxels, np.nan)
    for voxels in comparison.chunks():
        if cancelled():
            return None
        measured, expected = comparison.at(voxels)
        error[voxels] = np.sqrt(np.mean(np.square(measured - expected), axis=1))
        on_voxels(len(voxels))
    noise = comparison.noise
    unit = estimate.maps()["S0"][estimate.mask] if noise is None else noise.sigma
    values = np.full(dataset.shape, np.nan, dtype=np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        values[estimate.mask] = error / unit
    return Residual(values, "S0" if noise is None else "noise", "" if noise is None else noise.source)


def _size(shape: tuple[int, ...], n_volumes: int) -> str:
    return f"{' x '.join(map(str, shape))} voxels and {n_volumes} volumes"
