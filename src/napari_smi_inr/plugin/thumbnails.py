"""Small pictures of hidden layers: napari makes them of visible ones alone, and shows black squares for the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray


def show_thumbnail(layer: Any) -> None:
    """Give a hidden image of one volume the thumbnail it would have if it were seen."""
    if not layer.visible:
        layer.thumbnail = _picture(layer.data[len(layer.data) // 2], layer)


def _picture(plane: NDArray[np.floating], layer: Any) -> NDArray[np.uint8]:
    """(rows, columns, 4) colours of a plane, as large as the layer list has room for; clear where it has no value."""
    room = np.array(layer.thumbnail.shape[:2])
    shape = np.clip((room / plane.shape).min() * np.array(plane.shape), 1, room)
    small = scipy.ndimage.zoom(plane, tuple(shape / plane.shape), prefilter=False, order=0)  # as napari does
    low, high = layer.contrast_limits
    known = np.isfinite(small)
    colours = layer.colormap.map(np.where(known, (small - low) / (high - low), 0.0).clip(0.0, 1.0).ravel())
    picture = np.array(colours).reshape(*small.shape, 4)
    picture[~known] = 0.0
    return (255.0 * picture).astype(np.uint8)
