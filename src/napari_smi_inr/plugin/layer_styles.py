"""Voxel maps as layers that lie where the zoom layer lies, cheap to update while a fit runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sampling.coordinates import is_axis_aligned, world_array
from ..sampling.grid_field import GridField, Interpolation
from . import canvas_orientation
from .parameter_look import Look
from .thumbnails import show_thumbnail
from .zoom.session import session_for, session_of

FIRST_SHOWN = "f"
"""The parameter whose layer is visible at first."""


@dataclass(frozen=True, eq=False)
class ParameterLayers(Mapping[str, Any]):
    """Layers of one set of maps, by parameter symbol.

    Attributes
    ----------
    layers
        napari layers by symbol.
    affine
        (4, 4) from voxel indices of the maps to RAS millimetres.
    """

    layers: Mapping[str, Any]
    affine: NDArray[np.float64]

    def __getitem__(self, symbol: str) -> Any:
        return self.layers[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)


def add_parameter_layers(
    viewer: Any,
    maps: Mapping[str, NDArray[np.floating]],
    affine: NDArray[np.floating],
    *,
    visible: str | None = FIRST_SHOWN,
    interpolation: Interpolation = "nearest",
    suffix: str = " · voxels",
    marks: Mapping[str, str] | None = None,
) -> ParameterLayers:
    """Add one layer per voxel map, in place in scanner millimetres, with the parameter's own look.

    Parameters
    ----------
    viewer
        A napari viewer.
    maps
        (X, Y, Z) volumes by parameter symbol; NaN is transparent.
    affine
        (4, 4) from voxel indices to RAS millimetres. Oblique maps are shown through the zoom layer, because napari
        cannot slice them in place.
    visible
        The one parameter to show, or the first where it has no map; None: all are hidden.
    interpolation
        Between voxels, ``"nearest"`` or ``"linear"``.
    suffix
        Added to layer names, to tell them from those of the zoom layer.
    marks
        Words of caution for some symbols, added to the names of their layers.

    Returns
    -------
    The layers by symbol, for :func:`update_parameter_layers`.
    """
    ends = {symbol: (marks or {}).get(symbol, "") + suffix for symbol in maps}
    shown = next(iter(maps)) if visible is not None and visible not in maps else visible
    selected = viewer.layers.selection.active
    canvas_orientation.attach(viewer)
    if is_axis_aligned(affine):
        layers = {s: _add_image(viewer, s, m, affine, interpolation, ends[s], s == shown) for s, m in maps.items()}
    else:
        session = session_for(viewer, GridField(maps, affine, interpolation=interpolation))
        layers = {s: session.add(s, name=Look.of(s).name + ends[s], visible=s == shown) for s in maps}
    viewer.layers.selection.active = selected if shown is None else layers[shown]
    return ParameterLayers(layers, np.asarray(affine, np.float64))


def update_parameter_layers(layers: ParameterLayers, maps: Mapping[str, NDArray[np.floating]]) -> None:
    """Put new values into the layers of :func:`add_parameter_layers`; those the user has removed do no harm."""
    if is_axis_aligned(layers.affine):
        for symbol, layer in layers.items():
            layer.data = world_array(maps[symbol], layers.affine)[0]
            show_thumbnail(layer)
        return
    session = next((s for s in map(session_of, layers.values()) if s is not None), None)
    if session is not None and isinstance(session.field, GridField):
        session.replace_field(session.field.with_maps({s: maps[s] for s in session.field.parameters}))


def _add_image(
    viewer: Any,
    symbol: str,
    values: NDArray[np.floating],
    affine: NDArray[np.floating],
    interpolation: Interpolation,
    suffix: str,
    visible: bool,
) -> Any:
    look = Look.of(symbol)
    data, scale, translate = world_array(values, affine)
    options = look.options() | {"name": look.name + suffix, "contrast_limits": look.limits or limits_of(values)}
    layer = viewer.add_image(
        data, scale=scale, translate=translate, visible=visible, interpolation2d=interpolation, **options
    )
    look.finish(layer)
    show_thumbnail(layer)
    return layer


def limits_of(values: NDArray[np.floating]) -> tuple[float, float]:
    """Contrast limits that leave out the outliers of a map."""
    finite = values[np.isfinite(values)]
    low, high = (float(p) for p in np.percentile(finite, (1, 99))) if len(finite) else (0.0, 1.0)
    return (low, high) if high > low else (low, low + max(abs(low), 1.0) * 1e-3)
