"""Whether the mask lies where the scan has tissue."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..io.voxels import foreground
from .finding import Finding

_IN_THE_DARK = 0.15
"""Share of a mask in the background from which it is doubted; rims of brain masks reach some percent."""

_CONTRAST = 0.25
"""The background is as dark as this share of the rest, at the most; else there is none in the picture."""


def check_mask(dataset: DiffusionDataset) -> tuple[Finding, ...]:
    """Say where much of the mask is background, and whether it would fit turned over."""
    b0 = np.mean([dataset.signal[..., v] for v in np.flatnonzero(dataset.acquisition.is_b0)], axis=0)
    bright, _ = foreground(b0)
    if not bright.any() or bright.all() or np.median(b0[~bright]) > _CONTRAST * np.median(b0[bright]):
        return ()
    share = _dark_share(dataset.mask, bright)
    if share < _IN_THE_DARK:
        return ()
    text = f"{100 * share:.0f} % of its {dataset.n_voxels:,} voxels are as dark as the background."
    turn = _better_turn(dataset.mask, bright, share)
    remedy = "Look at it on the scan; fit tissue only."
    if turn:
        remedy = f"Turned over along its {turn} it would lie on tissue: its header seems wrong. {remedy}"
    return (Finding("Mask in the dark", text, remedy),)


def _dark_share(mask: NDArray[np.bool_], bright: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(mask & ~bright) / np.count_nonzero(mask))


def _better_turn(mask: NDArray[np.bool_], bright: NDArray[np.bool_], share: float) -> str:
    """Axes along which to turn the mask over so that it covers tissue; nothing if none does."""
    names = ("first axis", "second axis", "third axis")
    for n in (1, 2, 3):
        for axes in combinations(range(3), n):
            if _dark_share(np.flip(mask, axes), bright) < share / 4:
                return " and ".join(names[axis] for axis in axes)
    return ""
