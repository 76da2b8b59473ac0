"""The point the inspector looks at: under the mouse, or pinned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from ...sampling.coordinates import napari_to_world, voxel_sizes
from ..inspecting.pin_marker import PinMarker
from ..layer_origin import origin_in_focus
from ..napari_compat import unwrapped
from ..visible import visible_plane


class InspectedPoint(QObject):
    """Follows the mouse over the canvas of a viewer until it is pinned; Shift and a click pin it there.

    Parameters
    ----------
    viewer
        A napari viewer whose last three axes are the world's.
    parent
        Owner, who calls :meth:`let_go`.
    """

    moved = Signal()
    """It is elsewhere now."""

    pin_changed = Signal(bool)
    """It has been pinned, or follows the mouse again."""

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._point: NDArray[np.float64] | None = None
        self._pinned = False
        self._marker = PinMarker(viewer)
        own = unwrapped(viewer)
        self._mouse = [(own.mouse_move_callbacks, self._on_move), (own.mouse_drag_callbacks, self._on_press)]
        for callbacks, callback in self._mouse:
            callbacks.append(callback)
        own.dims.events.point.connect(self._on_slider)

    @property
    def pinned(self) -> bool:
        """Whether it stays where it is."""
        return self._pinned

    @property
    def position(self) -> NDArray[np.float64] | None:
        """(3,) RAS position [mm]: the middle of the canvas before the mouse has come, None where there is no plane."""
        if self._point is None:
            self._point = self._middle()
        return self._point

    def pin(self, pinned: bool) -> None:
        """Stay here, or follow the mouse again."""
        changed, self._pinned = pinned != self._pinned, pinned
        if pinned:
            self._mark()
        else:
            self._marker.hide()
        if changed:
            self.pin_changed.emit(pinned)
            self.moved.emit()

    def pin_at(self, point_mm: NDArray[np.floating]) -> None:
        """Stay at a RAS position [mm]."""
        self._point = np.asarray(point_mm, dtype=np.float64)
        self.pin(True)
        self.moved.emit()

    def let_go(self) -> None:
        """Cut all ties to the viewer, also when its window has gone; the mark is the viewer's until it is hidden."""
        for callbacks, callback in self._mouse:
            if callback in callbacks:
                callbacks.remove(callback)
        unwrapped(self._viewer).dims.events.point.disconnect(self._on_slider)

    def hide_mark(self) -> None:
        """Take the mark off the canvas."""
        self._marker.hide()

    def _on_move(self, _viewer: Any, event: Any) -> None:
        position = self._on_plane(event)
        if position is not None and not self._pinned:
            self._point = position
            self.moved.emit()

    def _on_press(self, _viewer: Any, event: Any) -> None:
        position = self._on_plane(event)
        if position is not None and "Shift" in event.modifiers and event.button == 1:
            self.pin_at(position)

    def _on_plane(self, event: Any) -> NDArray[np.float64] | None:
        """RAS position [mm] of a mouse event; None in 3-D, and where the axes are not the world's."""
        dims, position = unwrapped(self._viewer).dims, np.asarray(event.position, dtype=np.float64)
        return napari_to_world(position[-3:]) if dims.ndisplay == 2 and min(dims.ndim, len(position)) >= 3 else None

    def _on_slider(self) -> None:
        """It moves with the plane, unless it is pinned."""
        plane = visible_plane(self._viewer)
        if self._point is not None and plane is not None and not self._pinned:
            self._point = self._point.copy()
            self._point[2 - plane.axis] = plane.position
            self.moved.emit()

    def _middle(self) -> NDArray[np.float64] | None:
        plane = visible_plane(self._viewer)
        if plane is None:
            return None
        vertical, horizontal = (np.array([(a + b) / 2]) for a, b in zip(plane.low, plane.high, strict=True))
        return np.asarray(plane.points(vertical, horizontal)[0])

    def _mark(self) -> None:
        """Mark it, as far as there is a world to show it in."""
        origin, position = origin_in_focus(self._viewer), self.position
        if position is not None and origin is not None:
            self._marker.show(position, voxel_sizes(origin.field.affine))
