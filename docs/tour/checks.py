"""What the tour asserts: that the picture is the field, and what it cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_smi_inr.parameters import PARAMETERS
from napari_smi_inr.plugin.visible import visible_plane
from napari_smi_inr.plugin.zoom.session import session_of
from napari_smi_inr.sampling.mask import SmoothMask

TOLERANCE = 0.005  # of the display range


def texel_error(viewer: Any, layer: Any, n: int = 150) -> tuple[float, int]:
    """Worst difference between what is drawn and the field there, in shares of the display range, over random texels.

    Returns
    -------
    error, count
        Over so many texels inside the mask.
    """
    session, plane = session_of(layer), visible_plane(viewer)
    symbol = session.parameter_of(layer)
    drawn = [_drawn(viewer, layer, session.field, p) for p in random_places(plane, n)]
    inside = SmoothMask(session.field.mask, session.field.affine)
    kept = [(value, place) for value, place in drawn if np.isfinite(value) and inside.distance(place[None])[0] > 0]
    values, places = np.array([v for v, _ in kept]), np.array([p for _, p in kept])
    truth = session.field.evaluate(places)[symbol]
    low, high = PARAMETERS[symbol].display or layer.contrast_limits
    return float(np.abs(values - truth).max() / (high - low)), len(kept)


def random_places(plane: Any, n: int) -> np.ndarray:
    """(n, 3) positions (z, y, x) [mm] in view, the same every time."""
    rng = np.random.default_rng(0)
    places = np.empty((n, 3))
    places[:, plane.axis] = plane.position
    for axis, low, high in zip(plane.displayed, plane.low, plane.high, strict=True):
        places[:, axis] = rng.uniform(low, high, n)
    return places


def _drawn(viewer: Any, layer: Any, field: Any, position: np.ndarray) -> tuple[float, np.ndarray]:
    """Value drawn nearest to a position (z, y, x) [mm], NaN where transparent, and the place (RAS) it is of."""
    offset = viewer.dims.ndim - 3
    pyramid = layer.data[0].image.pyramid
    step = pyramid.step(layer.data_level)
    index = np.floor((position - pyramid.low) / step)
    # napari reads the value at data position index * factor, which is half a texel from where it draws it
    texel, asked = pyramid.low + (index + 0.5) * step, pyramid.translate + index * step
    sliced = visible_plane(viewer).axis
    texel[sliced] = asked[sliced] = position[sliced]
    found = layer.get_value((*viewer.dims.point[:offset], *asked), world=True)
    value = found[1] if isinstance(found, tuple) else found
    return (np.nan if value is None else float(value)), texel[::-1].copy()


def share_in_mask(viewer: Any, field: Any) -> tuple[float, float]:
    """Area in view that lies within the mask [mm²], and the size of a pixel [mm]."""
    plane = visible_plane(viewer)
    sides = [np.linspace(low, high, 200) for low, high in zip(plane.low, plane.high, strict=True)]
    vertical, horizontal = (grid.ravel() for grid in np.meshgrid(*sides, indexing="ij"))
    inside = SmoothMask(field.mask, field.affine).distance(plane.points(vertical, horizontal)) > 0
    area = np.prod([high - low for low, high in zip(plane.low, plane.high, strict=True)])
    return float(np.mean(inside) * area), plane.pixel


def place_under(viewer: Any, canvas: Any, at: Any) -> np.ndarray:
    """(3,) RAS position [mm] of a place on the canvas, by the geometry of the view alone."""
    plane = visible_plane(viewer)
    (v0, h0), (v1, h1) = plane.low, plane.high
    vertical = v1 - (v1 - v0) * at.y() / canvas.height()  # upwards
    horizontal = h0 + (h1 - h0) * at.x() / canvas.width()
    return plane.points(np.array([vertical]), np.array([horizontal]))[0]
