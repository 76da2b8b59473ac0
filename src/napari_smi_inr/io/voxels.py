"""Which voxels of a scan can be fitted, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

_BINS = 256


@dataclass(frozen=True, eq=False)
class Voxels:
    """What the signal of each voxel is good for.

    Attributes
    ----------
    finite
        (X, Y, Z) whether every volume had a finite value.
    b0
        (X, Y, Z) mean signal of the b = 0 volumes.
    """

    finite: NDArray[np.bool_]
    b0: NDArray[np.float32]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(X, Y, Z) finite, with positive signal at b = 0."""
        return self.finite & (self.b0 > 0)


def clean(signal: NDArray[np.float32], is_b0: NDArray[np.bool_]) -> Voxels:
    """Set NaN and infinite signal to 0 in place, one volume at a time, remembering where it was.

    Parameters
    ----------
    signal
        (X, Y, Z, V), changed.
    is_b0
        (V,) volumes without diffusion weighting.
    """
    finite = np.ones(signal.shape[:3], dtype=bool)
    b0 = np.zeros(signal.shape[:3], dtype=np.float64)
    for v in range(signal.shape[3]):
        good = np.isfinite(signal[..., v])
        signal[..., v][~good] = 0
        finite &= good
        b0 += signal[..., v] * (is_b0[v] / np.count_nonzero(is_b0))
    return Voxels(finite, b0.astype(np.float32))


def foreground(b0: NDArray[np.float32]) -> tuple[NDArray[np.bool_], str]:
    """Tell the head from the air by Otsu's threshold on the square root of the b = 0 signal.

    The root keeps bright fluid from pulling the threshold up into the tissue.

    Returns
    -------
    mask
        (X, Y, Z) voxels brighter than the background; none if the image is flat.
    note
        In words.
    """
    root = np.sqrt(np.maximum(b0, 0))
    mask = root > max(_otsu(root), 0.0)
    return mask, f"No mask given: the {np.count_nonzero(mask)} voxels brighter than the background are taken."


def keep_usable(
    wanted: NDArray[np.bool_], voxels: Voxels, signal: NDArray[np.float32], mask_source: Path, scan: Path
) -> tuple[NDArray[np.bool_], str]:
    """Leave out the voxels of a mask that cannot be fitted.

    Parameters
    ----------
    wanted
        (X, Y, Z) the mask.
    voxels, signal
        From :func:`clean`, and the signal it cleaned.
    mask_source, scan
        Files to blame.

    Returns
    -------
    mask
        (X, Y, Z) what is left of it.
    note
        Its size, and what was left out or is odd about it.

    Raises
    ------
    InputError
        If the mask is empty, lies outside the data, or a volume has no signal in it.
    """
    n_wanted = np.count_nonzero(wanted)
    if not n_wanted:
        raise InputError(mask_source, "marks no voxel.", "Give a mask that is non-zero in the voxels to fit.")
    if not (wanted & (voxels.b0 > 0)).any():
        fault = f"covers no signal: none of its {n_wanted} voxels has a positive b = 0 signal."
        raise InputError(mask_source, fault, "Give a mask of the tissue, made from this scan.")
    _refuse_blank_volumes(signal, wanted, scan)
    mask = wanted & voxels.usable
    if not mask.any():
        fault = f"has NaN, infinite or missing signal in each of the {n_wanted} voxels to fit."
        raise InputError(scan, fault, "Remove the volumes at fault, with their b-values, or give another mask.")
    return mask, _describe(wanted, mask, voxels, signal)


def _refuse_blank_volumes(signal: NDArray[np.float32], wanted: NDArray[np.bool_], scan: Path) -> None:
    """A volume that is all NaN or all zero is a fault of the scan, not a measurement of no signal."""
    blank = [v for v in range(signal.shape[3]) if not signal[..., v][wanted].any()]
    if blank:
        fault = f"has volumes without any signal in the mask (all NaN or 0): {blank}, counting from 0."
        raise InputError(scan, fault, "Remove them from the scan and its gradient files.")


def _describe(wanted: NDArray[np.bool_], mask: NDArray[np.bool_], voxels: Voxels, signal: NDArray[np.float32]) -> str:
    """Count what was left out and what is odd about the rest."""
    left_out = {
        "with NaN or infinite signal": int(np.count_nonzero(wanted & ~voxels.finite)),
        "without b = 0 signal": int(np.count_nonzero(wanted & voxels.finite & ~(voxels.b0 > 0))),
    }
    odd = {"negative": 0, "zero": 0}
    for v in range(signal.shape[3]):
        volume = signal[..., v][mask]
        odd["negative"] += int(np.count_nonzero(volume < 0))
        odd["zero"] += int(np.count_nonzero(volume == 0))
    note = f"{np.count_nonzero(mask)} voxels to fit."
    if any(left_out.values()):
        note += f" Left out: {_counts(left_out)}."
    if any(odd.values()):
        note += f" Kept although odd: {_counts(odd)} of their {signal.shape[3] * np.count_nonzero(mask)} signal values."
    return note


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in numbers.items() if number)


def _otsu(values: NDArray[np.float32]) -> float:
    """Find the threshold that best splits values into two classes (Otsu 1979, doi:10.1109/TSMC.1979.4310076)."""
    if np.ptp(values) <= 1e-6 * np.abs(values).max():
        return 0.0  # a flat image has no classes
    count, edges = np.histogram(values, bins=_BINS)
    below = np.cumsum(count)[:-1]
    above = values.size - below
    moment = np.cumsum(count * (edges[1:] + edges[:-1]) / 2)
    split = (below > 0) & (above > 0)
    between = np.zeros(_BINS - 1)
    mean_gap = moment[:-1][split] / below[split] - (moment[-1] - moment[:-1][split]) / above[split]
    between[split] = below[split] * above[split] * mean_gap**2
    return float(edges[1 + np.argmax(between)])
