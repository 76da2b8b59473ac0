"""How each parameter looks in napari: name, colours, limits and units, read from the parameter table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..parameters import PARAMETERS
from ..sampling.coordinates import NAPARI_AXES
from .napari_compat import show_colorbar, show_name, when_visible
from .zoom.channels import DIRECTION

PROVISIONAL_LIMITS = (0.0, 1.0)
"""Stand in for limits that come from the data, until there is data."""


DIRECTION_NAME = "direction · red R-L, green A-P, blue S-I"


def map_choices() -> list[tuple[str, str]]:
    """List what a zoom layer can show, as (words, symbol)."""
    scalars = [(f"{p.symbol} · {p.brief}", p.symbol) for p in PARAMETERS.values()]
    return [*scalars, (DIRECTION_NAME, DIRECTION)]


@dataclass(frozen=True)
class Look:
    """Appearance of one parameter's layers.

    Attributes
    ----------
    name
        Layer name: symbol, meaning and unit.
    colormap
        Name of a napari colormap; ``None`` for an image in colours.
    limits
        Contrast limits; ``None``: from the data.
    bounds
        Range of the contrast slider; ``None``: that of the limits.
    """

    name: str
    colormap: str | None
    limits: tuple[float, float] | None
    bounds: tuple[float, float] | None

    @classmethod
    def of(cls, symbol: str) -> Look:
        """Look up a parameter; one that is not in the table is shown in viridis with limits from the data."""
        if symbol == DIRECTION:
            return cls(DIRECTION_NAME, None, None, None)
        known = PARAMETERS.get(symbol)
        if known is None:
            return cls(symbol, "viridis", None, None)
        unit = f" [{known.unit}]" if known.unit and known.unit != "signal" else ""
        return cls(f"{symbol} · {known.brief}{unit}", known.colormap, known.display, known.bounds)

    def options(self) -> dict[str, Any]:
        """Keyword arguments for ``viewer.add_image``."""
        options = {"name": self.name, "units": ("mm",) * 3, "axis_labels": NAPARI_AXES}
        if self.colormap is None:
            return options
        return options | {"colormap": self.colormap, "contrast_limits": self.limits or PROVISIONAL_LIMITS}

    def finish(self, layer: Any) -> None:
        """Set what cannot be given when the layer is made; what it writes on the canvas, once it is seen."""
        if self.bounds is not None:
            low, high = layer.contrast_limits
            layer.contrast_limits_range = (min(low, self.bounds[0]), max(high, self.bounds[1]))
        when_visible(layer, self._label)

    def _label(self, layer: Any) -> None:
        if self.colormap is not None:
            show_colorbar(layer)
        show_name(layer)
