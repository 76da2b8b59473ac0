"""Whether the b-values are in a unit in which tissue diffuses as tissue does."""

from __future__ import annotations

import numpy as np

from ..dataset import DiffusionDataset
from .finding import Finding
from .some_voxels import signals, some_tiles

_SLOWEST, _FASTEST = 0.04, 6.0
"""Apparent mean diffusivities [µm²/ms] between which all tissue lies, fixed or warm, and free water."""

_TYPICAL = 0.7
_LOST = 0.02
"""Below this share of b = 0 the signal tells no diffusivity."""

_VOXELS = 4000


def check_units(dataset: DiffusionDataset) -> tuple[Finding, ...]:
    """Say where the diffusivity that the b-values imply is none of tissue."""
    acquisition = dataset.acquisition
    lowest = min((shell for shell in acquisition.shells() if not shell.is_b0), key=lambda shell: shell.b)
    weighted = np.isin(np.arange(acquisition.n_volumes), lowest.volumes)
    where = some_tiles(dataset.mask, _VOXELS)
    b0 = np.median(signals(dataset, where, acquisition.is_b0).mean(axis=1))
    share = float(np.median(signals(dataset, where, weighted).mean(axis=1)) / b0)
    if not _LOST < share < 1.0:
        return () if share <= _LOST else (_brighter(lowest.b, share),)
    diffusivity = -np.log(share) / lowest.b
    if _SLOWEST <= diffusivity <= _FASTEST:
        return ()
    factor = 10.0 ** round(np.log10(diffusivity / _TYPICAL))
    return (
        Finding(
            "b-values may be in another unit",
            f"read as {lowest.b:.4g} ms/µm² the lowest leaves {100 * share:.0f} % of the signal, a mean diffusivity of "
            f"{diffusivity:.2g} µm²/ms; tissue has 0.2 to 3.",
            f"They are s/mm² or ms/µm² (1000 s/mm² = 1 ms/µm² = 10⁹ s/m²). If the scan is sound, multiply them by "
            f"{factor:g}.",
        ),
    )


def _brighter(b: float, share: float) -> Finding:
    return Finding(
        "Signal grows with b",
        f"at b = {1000 * b:.0f} s/mm² it is {100 * share:.0f} % of that at b = 0.",
        "Compare the order of the b-values with that of the volumes.",
    )
