"""A finished field as layers without its scan: its maps, and the zoom layer on top of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..methods import INR
from .arrival import when_added
from .layer_origin import KEY, MapOrigin, origin_of
from .napari_compat import unwrapped
from .parameter_look import Look
from .preferences import preferences
from .world_volumes import place_in_world
from .zoom.zoom_layer import add_zoom_layer

if TYPE_CHECKING:
    from ..estimation.estimate import Estimate

VOXELS = " · voxels"

WEAK = " · weak"
"""Marks a map that the protocol hardly constrains."""


def is_continuous(estimate: Estimate) -> bool:
    """Whether a zoom layer shows more than interpolated voxels."""
    return estimate.config.method == INR


def maps_suffix(method: str) -> str:
    """What tells the layers of a method's maps apart, after the parameter's name."""
    return VOXELS if method == INR else f" · {method}"


def doubt(field: Estimate, symbol: str) -> str:
    """Mark of a map, after its name, that the protocol of its scan hardly constrains."""
    return WEAK if symbol in field.acquisition.verdict().weak else ""


def map_layers(field: Estimate, maps: Mapping[str, NDArray[np.float32]]) -> list[tuple[Any, dict[str, Any], str]]:
    """Layer data tuples of (X, Y, Z) maps by symbol, hidden: the zoom layer goes on top."""
    return [_map_layer(field, symbol, values) for symbol, values in maps.items()]


def _map_layer(field: Estimate, symbol: str, values: NDArray[np.float32]) -> tuple[Any, dict[str, Any], str]:
    data, place = place_in_world(values, field.affine, order=0)
    look = Look.of(symbol)
    limits = look.limits or tuple(float(v) for v in np.nanpercentile(values, (1, 99)))
    options = look.options() | {
        "name": look.name + doubt(field, symbol) + maps_suffix(field.config.method),
        "contrast_limits": limits,
        "visible": False,
    }
    return data, options | place | {"metadata": {KEY: MapOrigin(field, symbol)}}, "image"


def add_zoom(viewer: Any, field: Estimate, symbol: str | None = None, dataset: DiffusionDataset | None = None) -> Any:
    """Add a zoom layer that knows where it comes from, so that it can be saved and exported.

    It shows the map that the user prefers, unless another is asked for.
    """
    symbol = symbol or str(preferences().first_map)
    name = (
        Look.of(symbol).name
        + doubt(field, symbol)
        + ("" if is_continuous(field) else f" · {field.config.method}, linear")
    )
    return add_zoom_layer(viewer, field, symbol, name=name, metadata={KEY: MapOrigin(field, symbol, dataset)})


def zoom_when_added(field: Estimate) -> None:
    """Have the zoom layer follow a field's maps into the viewer that is about to receive them.

    A reader can only hand layers back; the zoom layer needs a viewer to live in. So this waits, once, for the last
    map. Where nobody has a viewer open (npe2 used on its own), there is nothing to wait for.
    """

    def complete(viewer: Any, layer: Any) -> bool:
        origin = origin_of(layer)
        if not isinstance(origin, MapOrigin) or origin.field is not field:
            return False
        Look.of(origin.symbol).finish(layer)
        if origin.symbol != field.parameters[-1]:
            return False
        add_zoom(viewer, field)
        return True

    when_added(complete)


def fields_in(viewer: Any) -> list[Estimate]:
    """List the fields whose maps or zoom layers are in a viewer, latest first, each once."""
    origins = [origin_of(layer) for layer in reversed(unwrapped(viewer).layers)]
    fields = {id(o.field): o.field for o in origins if isinstance(o, MapOrigin)}
    return list(fields.values())
