"""What part of the world is on the canvas: a rectangle of one plane, in millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sampling.coordinates import napari_to_world
from .napari_compat import camera, unwrapped
from .zoom.view_state import ViewState


@dataclass(frozen=True)
class VisiblePlane:
    """The rectangle of a plane that the canvas shows in 2-D; positions are those of napari's world (z, y, x).

    Attributes
    ----------
    axis
        World axis the plane is perpendicular to (0 z, 1 y, 2 x).
    position
        Of the plane along it [mm].
    displayed
        World axes along the canvas, vertical first.
    low, high
        Ends of the rectangle along the displayed axes [mm].
    pixel
        Size of a logical pixel of the screen [mm].
    """

    axis: int
    position: float
    displayed: tuple[int, int]
    low: tuple[float, float]
    high: tuple[float, float]
    pixel: float

    def points(self, vertical: NDArray[np.floating], horizontal: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 3) RAS positions [mm] of (N,) positions along the two displayed axes."""
        points = np.empty((len(vertical), 3))
        points[:, self.axis] = self.position
        points[:, self.displayed[0]], points[:, self.displayed[1]] = vertical, horizontal
        return napari_to_world(points)


def visible_plane(viewer: Any) -> VisiblePlane | None:
    """Read it off a viewer whose last three axes are the world's; ``None`` in 3-D and on other axes.

    In grid mode, of one cell: all show the same place.
    """
    dims = unwrapped(viewer.dims)
    state = ViewState(tuple(dims.point), tuple(dims.order), int(dims.ndisplay))
    if state.ndisplay != 2 or len(state.point) < 3 or min(state.displayed) < 0:
        return None
    vertical, horizontal = state.displayed
    axis = 3 - vertical - horizontal
    size = np.array(unwrapped(viewer.canvas).viewbox_size(unwrapped(viewer).layers), float)
    view = camera(viewer)
    centre, half = np.array(view.center[-2:], float), size / 2 / view.zoom
    low, high = (tuple(float(v) for v in end) for end in (centre - half, centre + half))
    position = state.position(axis)
    assert position is not None
    return VisiblePlane(axis, position, (vertical, horizontal), low, high, 1 / float(view.zoom))  # type: ignore[arg-type]
