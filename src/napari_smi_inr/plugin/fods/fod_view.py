"""What a viewer shows, as far as FODs are concerned: read once, on the main thread, into frozen values."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.theme import get_theme
from numpy.typing import NDArray

from ..napari_compat import camera, unwrapped
from ..visible import VisiblePlane, visible_plane
from .fod_drawing import FodSource, View
from .fod_lattice import Lattice
from .fod_layers import shows_fods

_UP, _RIGHT = "up", "right"


def read_view(viewer: Any, source: FodSource) -> View | None:
    """Read planes, directions and limits; ``None`` where the viewer shows other axes than the world's."""
    if viewer.dims.ndim < 3:
        return None
    if viewer.dims.ndisplay == 3:
        return _solid(viewer, source.lattice)
    plane = visible_plane(viewer)
    if plane is None:
        return None
    vertical, horizontal = camera(viewer).orientation2d
    up = _axis(plane.displayed[0], str(vertical) == _UP)
    right = _axis(plane.displayed[1], str(horizontal) == _RIGHT)
    towards = np.cross(right, up)
    return View((plane,), True, _tuple(right), _tuple(up), _tuple(towards), _background(viewer), _box(viewer))


def _solid(viewer: Any, lattice: Lattice) -> View:
    """All three planes through the sliders' positions, as far as the volume goes."""
    offset = viewer.dims.ndim - 3
    pixel = 1 / float(camera(viewer).zoom)
    planes = []
    for axis in range(3):
        displayed = [a for a in range(3) if a != axis]
        low, high = (_tuple(corner[displayed]) for corner in (lattice.low, lattice.high))
        position = float(viewer.dims.point[axis + offset])
        planes.append(VisiblePlane(axis, position, (displayed[0], displayed[1]), low, high, pixel))  # type: ignore[arg-type]
    view, up = (np.array(v, float)[::-1] for v in (camera(viewer).view_direction, camera(viewer).up_direction))
    right = np.cross(view, up)
    return View(tuple(planes), False, _tuple(right), _tuple(up), _tuple(-view), _background(viewer), _box(viewer))


def _axis(axis: int, forward: bool) -> NDArray[np.float64]:
    """(3,) unit vector in RAS along napari's axis 0 z, 1 y or 2 x."""
    unit = np.zeros(3)
    unit[2 - axis] = 1.0 if forward else -1.0
    return unit


def _box(viewer: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Corners of what the other layers fill: the sliders' range is theirs."""
    layers = unwrapped(viewer).layers
    others = [layer for layer in layers if not shows_fods(layer)]
    if not others:
        return None
    low, high = layers.get_extent(others).world[:, -3:]
    return (_tuple(low), _tuple(high)) if np.isfinite([low, high]).all() else None


def _background(viewer: Any) -> tuple[float, float, float]:
    red, green, blue = (float(c) / 255 for c in get_theme(viewer.theme).canvas.as_rgb_tuple()[:3])
    return red, green, blue


def _tuple(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
