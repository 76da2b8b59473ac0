"""The noise level of a scan, from the scan itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from .acquisition import Acquisition
from .errors import InputError

_SAME_B = 0.01
"""b-values [ms/µm²] this close are one: 1 % of it is the largest difference in signal, below the noise."""

_GAUSSIAN_MAD = 1.4826
"""Standard deviation of Gaussian noise over the median of its absolute value."""

_CHUNK = 1 << 14
"""Voxels whose neighbours are held at a time."""

_NO_WEIGHT = 1e-6
"""A Gaussian mean over less than this knows nothing."""

_WHOLE = 0.98
"""A window of MP-PCA counts as whole where this share of its voxels has signal."""


def estimate_noise(
    signal: NDArray[np.floating], acquisition: Acquisition, mask: NDArray[np.bool_], how: str
) -> NDArray[np.float32]:
    """Standard deviation of the noise, voxel by voxel.

    Parameters
    ----------
    signal
        (X, Y, Z, V), finite.
    acquisition
        Protocol of the V volumes.
    mask
        (X, Y, Z) where to know it.
    how
        One of :data:`NOISE_ESTIMATORS`: ``"mppca"`` or ``"b0"``.

    Returns
    -------
    (X, Y, Z) in the signal's units, positive in the mask and 0 outside.

    Raises
    ------
    InputError
        If the scan does not suffice for it, or has no noise.
    """
    sigma = NOISE_ESTIMATORS[how](signal, acquisition, mask)
    good = np.isfinite(sigma) & (sigma > 0)
    if not good.any():
        fault = f"cannot be estimated by {how!r}: the scan shows none."
        raise InputError("noise", fault, "Give it as a number, or leave it out.")
    return np.where(mask, _nearest(sigma, good), 0).astype(np.float32)


def noise_note(
    sigma: NDArray[np.floating],
    signal: NDArray[np.floating],
    acquisition: Acquisition,
    mask: NDArray[np.bool_],
    how: str,
) -> str:
    """How an estimate was made and how large it is, in words; arguments as for :func:`estimate_noise`."""
    median = float(np.median(sigma[mask]))
    b0 = float(np.median(signal[..., acquisition.is_b0].mean(axis=-1)[mask]))
    return f"Noise estimated {HOW[how]}: {median:.4g} (median), an SNR of {b0 / median:.3g} at b = 0."


def comparable_b0(acquisition: Acquisition) -> NDArray[np.bool_]:
    """(V,) b = 0 volumes of the lowest b-value, which differ by noise alone."""
    return np.asarray(acquisition.is_b0 & (acquisition.b <= acquisition.b.min() + _SAME_B))


def noise_from_b0(
    signal: NDArray[np.floating], acquisition: Acquisition, mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Noise from how the b = 0 volumes differ.

    Deviations from the mean of a voxel's b = 0 volumes are pooled over the 3 x 3 x 3 voxels around it that are
    in the mask: σ = 1.4826 √(n/(n-1)) median |deviation|, for n volumes, whose mean takes one degree of freedom.
    The map is then smoothed by a Gaussian (1 voxel, cut at 3 x 3 x 3) within the mask. That is the estimate of
    Coelho et al. 2022 (NeuroImage 257:119290), where none is given.

    Its bias is below 2 % for Gaussian noise, and for magnitude images where the b = 0 signal is over 5 σ.
    Motion and drift between the volumes count as noise.

    Parameters
    ----------
    signal, acquisition, mask
        As for :func:`estimate_noise`. Of the b = 0 volumes, those of the lowest b-value are compared.

    Raises
    ------
    InputError
        If there is one only.
    """
    alike = comparable_b0(acquisition)
    n = int(np.count_nonzero(alike))
    if n < 2:
        fault = "cannot be estimated from b = 0 volumes: there is one only, and none to compare it with."
        raise InputError("noise", fault, "Use 'mppca', or give it as a number or a map.")
    volumes = signal[..., alike].astype(np.float64)
    deviations = volumes - volumes.mean(axis=-1, keepdims=True)
    sigma = np.zeros(mask.shape)
    sigma[mask] = _GAUSSIAN_MAD * np.sqrt(n / (n - 1)) * _median_around(np.abs(deviations), mask)
    return _smooth(sigma, mask, 1.0, cut=1.0)


def _median_around(values: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) median of (X, Y, Z, n) values over the voxels of the mask among the 27 in and around each of its N."""
    padded = np.pad(np.where(mask[..., None], values, np.nan), ((1, 1),) * 3 + ((0, 0),), constant_values=np.nan)
    offsets = np.indices((3, 3, 3)).reshape(3, -1)  # of the padded array, hence from 0
    median = []
    voxels = np.argwhere(mask)
    for start in range(0, len(voxels), _CHUNK):
        at = voxels[start : start + _CHUNK, :, None] + offsets
        around = np.sort(padded[at[:, 0], at[:, 1], at[:, 2]].reshape(len(at), -1), axis=1)  # NaN comes last
        n = np.count_nonzero(np.isfinite(around), axis=1)
        middle = np.take_along_axis(around, np.stack([(n - 1) // 2, n // 2], axis=1), axis=1)
        median.append(middle.mean(axis=1))
    return np.concatenate(median)


def _smooth(
    sigma: NDArray[np.float64], known: NDArray[np.bool_], std: float | NDArray[np.float64], cut: float
) -> NDArray[np.float64]:
    """Gaussian mean of what is known in reach of `cut` standard deviations [voxels]; 0 where nothing is."""
    parts = (np.where(known, sigma, 0.0), known.astype(np.float64))
    widths = np.broadcast_to(np.asarray(std, dtype=np.float64), 3).tolist()
    total, weight = (scipy.ndimage.gaussian_filter(part, widths, mode="constant", truncate=cut) for part in parts)
    return np.asarray(np.divide(total, weight, out=np.zeros_like(total), where=weight > _NO_WEIGHT))


def noise_from_mppca(
    signal: NDArray[np.floating], acquisition: Acquisition, mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Noise from the eigenvalues of the signal in small windows that random matrix theory takes for noise.

    Marchenko-Pastur PCA (Veraart et al. 2016, NeuroImage 142:394), by dipy. Windows are the smallest cubes with
    more voxels than there are volumes; they are placed at every few voxels, so that they overlap, and only where the
    scan has signal throughout. A Gaussian mean joins them; where none is near, the nearest estimate is taken.

    It assumes noise that is Gaussian, alike in all volumes of a window and uncorrelated between its voxels: from a
    scan before interpolation or denoising. Magnitude images meet that above SNR 3 or so in every volume; where the
    strongest weighting sinks into the Rician floor, whose spread is down to 0.66 of the Gaussian one, σ comes out
    too low. So it does, by (p + 1)/2N of itself, for the p components of signal in a window of N voxels.

    Parameters
    ----------
    signal, acquisition, mask
        As for :func:`estimate_noise`.

    Raises
    ------
    InputError
        If dipy is missing, or the scan is too small for a window.
    """
    mppca = _load_mppca()
    windows = _place_windows((signal != 0).any(axis=-1), mask, acquisition.n_volumes)
    near = windows.bounding_box
    with np.errstate(divide="ignore", invalid="ignore"):  # where no window reaches, dipy divides 0 by 0
        _, sigma = mppca(
            np.ascontiguousarray(signal[near], dtype=np.float32),
            mask=windows.centres[near],
            patch_radius=windows.radius,
            return_sigma=True,
        )
    whole = np.zeros(mask.shape)
    whole[near] = sigma
    return _smooth(whole, windows.centres, (windows.radius + 1) / 2, cut=4.0)


def _load_mppca() -> Callable[..., Any]:
    try:
        from dipy.denoise.localpca import mppca
    except ImportError:
        remedy = "Install it with: pip install 'napari-smi-inr[experiments]'. Or use 'b0', or give a number or a map."
        raise InputError("noise", "cannot be estimated by 'mppca': that takes dipy.", remedy) from None
    found: Callable[..., Any] = mppca
    return found


class _Windows(NamedTuple):
    """Where MP-PCA looks."""

    radius: NDArray[np.intp]  # (3,) [voxels]
    centres: NDArray[np.bool_]  # (X, Y, Z)

    @property
    def bounding_box(self) -> tuple[slice, ...]:
        """All that the windows hold."""
        voxels = np.argwhere(self.centres)
        low, high = voxels.min(axis=0) - self.radius, voxels.max(axis=0) + self.radius
        return tuple(slice(first, last + 1) for first, last in zip(low, high, strict=True))


def _place_windows(has_signal: NDArray[np.bool_], mask: NDArray[np.bool_], n_volumes: int) -> _Windows:
    """Windows within reach of the mask, whole, of the smallest size that holds more voxels than volumes."""
    limit = (np.array(mask.shape) - 1) // 2
    for size in range(1, int(limit.max()) + 1):
        radius = np.minimum(size, limit)
        edges = tuple(2 * radius + 1)
        if np.prod(edges) <= n_volumes:
            continue
        share = scipy.ndimage.uniform_filter(has_signal.astype(np.float64), edges, mode="constant")
        possible = _inside(mask.shape, radius) & scipy.ndimage.maximum_filter(mask, edges, mode="constant")
        whole = possible & (share >= _WHOLE)  # voxels without signal have no noise either, which spoils the spectrum
        if whole.any():
            return _Windows(radius, _thinned(whole, radius))
    fault = f"cannot be estimated by 'mppca': no window with signal throughout holds more than {n_volumes} voxels, "
    raise InputError("noise", fault + "one a volume.", "Use 'b0', or give it as a number or a map.")


def _inside(shape: tuple[int, ...], radius: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Centres whose window does not leave the grid."""
    inside = np.zeros(shape, dtype=bool)
    inside[tuple(slice(r, n - r) for r, n in zip(radius, shape, strict=True))] = True
    return inside


def _thinned(centres: NDArray[np.bool_], radius: NDArray[np.intp]) -> NDArray[np.bool_]:
    """One in as many as the radius and one, along each axis, so that windows overlap by half; all if none is left."""
    some = np.zeros_like(centres)
    some[tuple(slice(r, None, r + 1) for r in radius)] = True
    return centres & some if (centres & some).any() else centres


def _nearest(values: NDArray[np.float64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill what is not good with the nearest that is."""
    indices = scipy.ndimage.distance_transform_edt(~good, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(indices)])


NOISE_ESTIMATORS: dict[str, Callable[..., NDArray[np.float64]]] = {"mppca": noise_from_mppca, "b0": noise_from_b0}
"""Ways to estimate the noise, by the words that ask for them."""

HOW = {"mppca": "by MP-PCA", "b0": "from the differences of the b = 0 volumes"}
"""The same ways in words."""
