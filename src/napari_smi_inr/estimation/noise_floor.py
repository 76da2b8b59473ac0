"""The noise of a scan as far as it is known, and the error that it alone would leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition
from ..dataset import DiffusionDataset
from ..errors import InputError
from ..noise_level import HOW, noise_from_b0
from ..signal_model.noise import rician_mean, rician_mean_square
from .estimate import Estimate

_REACH = 2
"""Slices beyond a slab that the estimate from b = 0 volumes looks at."""

_SLAB = 1 << 22
"""Signal values of a slab, about, whose noise is estimated at a time: bounds memory at some 100 MB."""

_SNR = np.concatenate([np.linspace(0.0, 8.0, 801), np.geomspace(8.1, 1e6, 200)])


@dataclass(frozen=True, eq=False)
class NoiseLevel:
    """Noise in the voxels of a fit.

    Attributes
    ----------
    sigma
        (N,) standard deviation in the scan's units, positive.
    source
        Where it is known from, in words.
    """

    sigma: NDArray[np.float64]
    source: str


def noise_level(estimate: Estimate, dataset: DiffusionDataset) -> NoiseLevel | None:
    """Find the noise level of the voxels of a fit.

    That of the scan, or that the method went by, or else one from the differences of repeated b = 0 volumes
    (:func:`~napari_smi_inr.noise_level.noise_from_b0`); None where there is none of these, or no noise.
    """
    sigma, source = _known(estimate, dataset)
    usable = sigma is not None and len(sigma) > 0 and bool(np.all(np.isfinite(sigma) & (sigma > 0)))
    return NoiseLevel(np.asarray(sigma, dtype=np.float64), source) if usable else None


def _known(estimate: Estimate, dataset: DiffusionDataset) -> tuple[NDArray[np.floating] | None, str]:
    if dataset.noise is not None:
        asked = dataset.read_from.get("noise")
        given = np.broadcast_to(np.asarray(dataset.noise), dataset.shape)[estimate.mask]
        return given, f"estimated {HOW[asked]}" if isinstance(asked, str) and asked in HOW else "given with the scan"
    own: NDArray[np.floating] | None = getattr(estimate, "noise", None)
    if own is not None:
        return own, "that the fit went by"
    try:
        return _from_b0(dataset)[estimate.mask], f"estimated {HOW['b0']}"
    except InputError:  # one b = 0 volume alone
        return None, ""


def _from_b0(dataset: DiffusionDataset) -> NDArray[np.float64]:
    """(X, Y, Z) noise from the b = 0 volumes, slab by slab."""
    sigma = np.zeros(dataset.shape)
    b0 = np.flatnonzero(dataset.acquisition.is_b0)
    n_slices = dataset.shape[2]
    thickness = max(1, _SLAB // (dataset.shape[0] * dataset.shape[1] * len(b0)))
    protocol = dataset.acquisition.select(b0)
    for start in range(0, n_slices, thickness):
        stop = min(start + thickness, n_slices)
        low, high = max(0, start - _REACH), min(n_slices, stop + _REACH)
        if dataset.mask[:, :, start:stop].any():
            signal = dataset.signal[:, :, low:high, b0]
            found = noise_from_b0(signal, protocol, dataset.mask[:, :, low:high])
            sigma[:, :, start:stop] = found[:, :, start - low : stop - low]
    return sigma


def floor_of(expected: NDArray[np.floating], sigma: NDArray[np.floating], *, magnitude: bool) -> NDArray[np.float64]:
    """Mean square error that noise alone would leave, measurement by measurement.

    Parameters
    ----------
    expected
        (n, V) what is expected to be measured: of magnitudes their mean, the Rician bias included, as a fit by least
        squares follows it, too.
    sigma
        (n, 1) standard deviation of the noise in each channel.
    magnitude
        Whether the noise is Rician: then it varies less where the signal sinks into it.
    """
    if not magnitude:
        return np.broadcast_to(np.square(sigma), expected.shape)
    snr = np.interp(np.maximum(expected, 0.0) / sigma, rician_mean(_SNR, 1.0), _SNR)
    return np.asarray(np.square(sigma) * (rician_mean_square(snr, 1.0) - np.square(rician_mean(snr, 1.0))))


def snr_of(signal: NDArray[np.floating], acquisition: Acquisition, sigma: NDArray[np.floating]) -> float:
    """Median over (n, V) voxels of b = 0 signal over (n,) noise."""
    return float(np.median(signal[:, acquisition.is_b0].mean(axis=1) / sigma))
