"""Taking hold of the dividing line on the canvas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._qt.compare_stage import CompareStage
from .._qt.line_overlay import RADIUS
from ..napari_compat import unwrapped

if TYPE_CHECKING:
    from .comparison import Comparison

REACH = 6.0
"""How near to the line the mouse must be [px]."""


class LineHands:
    """Drags the line with the mouse instead of the picture, and shows beforehand that it can be dragged.

    Parameters
    ----------
    viewer
        A napari viewer.
    comparison
        Whose line it is.
    stage
        Shapes the cursor.
    """

    def __init__(self, viewer: Any, comparison: Comparison, stage: CompareStage) -> None:
        self._viewer, self._comparison, self._stage = unwrapped(viewer), comparison, stage
        self._viewer.mouse_drag_callbacks.append(self._drag)
        self._viewer.mouse_move_callbacks.append(self._hover)

    def close(self) -> None:
        """Let go."""
        for callbacks, own in (
            (self._viewer.mouse_drag_callbacks, self._drag),
            (self._viewer.mouse_move_callbacks, self._hover),
        ):
            if own in callbacks:
                callbacks.remove(own)

    def _offset(self, event: Any) -> float | None:
        """Pixels from the mouse to the line, if it is near enough to take hold of it."""
        comparison = self._comparison
        across = comparison.across() if comparison.mode == "swipe" else None
        active = self._viewer.layers.selection.active
        if across is None or comparison.line.position is None or (active is not None and active.mode != "pan_zoom"):
            return None
        along = 0 if across.upright else 1
        offset = across.to_pixel(comparison.line.position) - float(event.pos[along])
        size = self._viewer.canvas.size
        beside = float(event.pos[1 - along]) - size[0 if across.upright else 1] / 2
        on_handle = offset**2 + beside**2 <= (RADIUS + 2) ** 2
        return offset if on_handle or abs(offset) <= REACH else None

    def _hover(self, viewer: Any, event: Any) -> None:
        self._stage.point(self._comparison.line.upright if self._offset(event) is not None else None)

    def _drag(self, viewer: Any, event: Any) -> Iterator[None]:
        offset = self._offset(event) if event.button == 1 and not event.modifiers else None
        if offset is None:
            return
        event.handled = True  # or the picture would move with the line
        yield
        while event.type == "mouse_move":
            event.handled = True
            across = self._comparison.across()
            if across is not None:
                self._comparison.move_line(across.to_position(float(event.pos[0 if across.upright else 1]) + offset))
            yield
        event.handled = True
