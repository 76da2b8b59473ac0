"""Where a layer comes from: what reader, fit and writers tell each other through a layer's metadata."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..acquisition import Acquisition
from ..dataset import DiffusionDataset
from .napari_compat import unwrapped

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
    """One parameter of a fit.

    Attributes
    ----------
    field
        The fit.
    symbol
        Of the parameter.
    dataset
        What was fitted, where it is at hand.
    """

    field: Estimate
    symbol: str
    dataset: DiffusionDataset | None = None


@dataclass(frozen=True, eq=False)
class ResidualOrigin:
    """What a fit leaves unexplained.

    Attributes
    ----------
    field
        The fit.
    """

    field: Estimate


Origin = ScanOrigin | VolumeOrigin | MapOrigin | ResidualOrigin


def origin_of(layer: Any) -> Origin | None:
    """Say what a layer shows; None for layers that are not ours."""
    found = layer.metadata.get(KEY)
    return found if isinstance(found, Origin) else None


def origin_in_focus(viewer: Any) -> MapOrigin | None:
    """Say which fit a user means: that of the selected layer, or of the topmost visible one, or of any."""
    layers = unwrapped(viewer).layers
    visible = [layer for layer in reversed(layers) if layer.visible]
    for layer in (layers.selection.active, *visible, *reversed(layers)):
        origin = origin_of(layer) if layer is not None else None
        if isinstance(origin, MapOrigin):
            return origin
    return None
