"""The mark of a pinned point on the canvas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sampling.coordinates import world_to_napari
from ..napari_compat import unwrapped

NAME = "inspected point"

_LOOK = {
    "symbol": "disc",
    "face_color": "transparent",
    "border_color": "#00e5ff",
    "border_width": 0.12,
    "canvas_size_limits": (16, 16),
}


class PinMarker:
    """One point in a layer of its own, which comes and goes with the pin and leaves the user's selection as it is.

    It stays away in grid mode, where every layer takes a cell. A user who deletes the layer is rid of the mark, not
    of the pin; the next pin brings it back.

    Parameters
    ----------
    viewer
        A napari viewer whose last three axes are the world's.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None

    @property
    def layer(self) -> Any:
        """The layer, or None where there is none."""
        return self._layer if self._layer is not None and self._layer in unwrapped(self._viewer).layers else None

    def show(self, point_mm: NDArray[np.floating], voxel_mm: NDArray[np.floating]) -> None:
        """Mark a RAS position [mm]; in 2-D it is seen from up to half a voxel, whose (3,) edges [mm] are given."""
        if unwrapped(self._viewer).canvas.grid.enabled:
            self.hide()
            return
        scale = world_to_napari(voxel_mm)
        data = (world_to_napari(point_mm) / scale)[None]
        layer = self.layer
        if layer is None:
            self._add(data, scale)
        else:
            layer.scale, layer.data = scale, data

    def hide(self) -> None:
        """Take the mark away."""
        layer, self._layer = self.layer, None
        if layer is not None:
            unwrapped(self._viewer).layers.remove(layer)

    def _add(self, data: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        selection = unwrapped(self._viewer).layers.selection
        selected, active = set(selection), selection.active
        place = {"units": ("mm",) * 3, "axis_labels": ("z", "y", "x"), "scale": scale}
        self._layer = unwrapped(self._viewer.add_points(data, name=NAME, size=1, **place, **_LOOK))
        self._layer.editable = False
        selection.clear()
        selection.update(selected)
        selection.active = active
