"""Where a layer comes from: what reader, fit and writers tell each other through a layer's metadata."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..acquisition import Acquisition
from ..dataset import DiffusionDataset

if TYPE_CHECKING:
    from ..estimation.estimate import Estimate

KEY = "napari_smi_inr"
"""The one entry of a layer's metadata that is ours."""


@dataclass(frozen=True, eq=False)
class ScanOrigin:
    """A diffusion scan.

    Attributes
    ----------
    path
        The 4-D NIfTI; None for one that was simulated.
    acquisition
        Its protocol; None where no side-cars were found beside it.
    dataset
        The scan itself where there is no file to read it from.
    """

    path: Path | None
    acquisition: Acquisition | None
    dataset: DiffusionDataset | None = None


@dataclass(frozen=True, eq=False)
class VolumeOrigin:
    """A 3-D NIfTI, which may serve as a mask.

    Attributes
    ----------
    path
        The file.
    binary
        Whether it holds only zeros and ones, as a mask does.
    """

    path: Path
    binary: bool


@dataclass(frozen=True, eq=False)
class MapOrigin:
    """One parameter of a fit."""

    field: Estimate
    symbol: str


Origin = ScanOrigin | VolumeOrigin | MapOrigin


def origin_of(layer: Any) -> Origin | None:
    """Say what a layer shows; None for layers that are not ours."""
    found = layer.metadata.get(KEY)
    return found if isinstance(found, Origin) else None
