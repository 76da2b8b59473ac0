"""What a map can be compared with: its own voxels, interpolated, and the other fits in the viewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from ...sampling.field import Field
from ...sampling.grid_field import GridField, Interpolation
from ..field_layers import is_continuous

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate

BETWEEN_VOXEL_FITS: Interpolation = "linear"
"""How the maps of voxel-wise fits are interpolated when nobody asks for another way."""


@dataclass(frozen=True)
class Contender:
    """One side of a comparison.

    Attributes
    ----------
    label
        What to call it beside the other, e.g. ``"INR"`` or ``"cubic"``.
    fit
        Where its values come from.
    interpolation
        Between the voxels of the fit's own map; ``None``: the fit as it is.
    """

    label: str
    fit: Estimate
    interpolation: Interpolation | None = None

    def field(self, symbol: str) -> Field:
        """Make what is to be drawn; takes a while for an interpolated map, so not on the window's thread."""
        if self.interpolation is None:
            return self.fit
        return GridField({symbol: self.fit.maps()[symbol]}, self.fit.affine, self.fit.mask, self.interpolation)


def itself(fit: Estimate) -> Contender:
    """Give a fit as the side that all others are compared with."""
    label = fit.config.method.upper()
    return Contender(label if is_continuous(fit) else f"{label}, {BETWEEN_VOXEL_FITS}", fit)


def opponents(fit: Estimate, fits: Sequence[Estimate]) -> list[Contender]:
    """List what a fit can be compared with: nearest, linear and cubic of its own map, then the other fits."""
    known = () if is_continuous(fit) else (BETWEEN_VOXEL_FITS,)
    own = [Contender(way, fit, way) for way in get_args(Interpolation) if way not in known]
    others = [itself(other) for other in fits if other is not fit]
    names, seen = Counter(o.label for o in [itself(fit), *others]), Counter([itself(fit).label])
    for other in others:
        seen[other.label] += 1
        label = f"{other.label} ({seen[other.label]})" if names[other.label] > 1 else other.label
        own.append(Contender(label, other.fit))
    return own


def data_limits(fit: Estimate, symbol: str) -> tuple[float, float]:
    """Contrast limits for a parameter that has none of its own: the 1st and 99th percentile of the fit's map."""
    values = fit.maps()[symbol]
    values = values[np.isfinite(values)]
    low, high = (float(p) for p in np.percentile(values, (1, 99))) if len(values) else (0.0, 1.0)
    return (low, high) if high > low else (low, low + max(abs(low), 1.0) * 1e-3)
