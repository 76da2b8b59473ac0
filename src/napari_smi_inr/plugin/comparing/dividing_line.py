"""The line between two halves of the canvas: where it is in the world, and where on the screen."""

from __future__ import annotations

from dataclasses import dataclass

from .._qt.line_overlay import Drawn
from ..visible import VisiblePlane
from ..zoom.curtain import Curtain


@dataclass(frozen=True)
class Across:
    """The direction across which a line divides the canvas.

    Attributes
    ----------
    axis
        World axis (0 z, 1 y, 2 x) that runs in this direction.
    low, high
        Ends of what is seen of it [mm].
    pixel
        Size of a logical pixel of the screen [mm].
    reverse
        Whether the axis runs to the left or upwards.
    upright
        Whether the line stands upright, so that it divides left from right; otherwise above from below.
    """

    axis: int
    low: float
    high: float
    pixel: float
    reverse: bool
    upright: bool

    @classmethod
    def of(cls, plane: VisiblePlane, orientation: tuple[str, str], upright: bool) -> Across:
        """Read it off a view and the camera's 2-D orientation, e.g. ``("up", "right")``."""
        side = 1 if upright else 0
        reverse = orientation[side] in ("up", "left")
        return cls(plane.displayed[side], plane.low[side], plane.high[side], plane.pixel, reverse, upright)

    @property
    def middle(self) -> float:
        """Position [mm] of the middle of the canvas."""
        return (self.low + self.high) / 2

    def shows(self, position: float) -> bool:
        """Whether a line at this position [mm] can be seen and taken hold of."""
        margin = min(4 * self.pixel, (self.high - self.low) / 4)
        return self.low + margin <= position <= self.high - margin

    def to_pixel(self, position: float) -> float:
        """Logical pixels from the left or upper edge of the canvas."""
        distance = self.high - position if self.reverse else position - self.low
        return distance / self.pixel

    def to_position(self, pixel: float) -> float:
        """Inverse of :meth:`to_pixel` [mm]."""
        return self.high - pixel * self.pixel if self.reverse else self.low + pixel * self.pixel

    def at_fraction(self, fraction: float) -> float:
        """Position [mm] at 0 (left or top) to 1 (right or bottom) of the canvas."""
        return self.to_position(fraction * (self.high - self.low) / self.pixel)

    def fraction(self, position: float) -> float:
        """Inverse of :meth:`at_fraction`."""
        return self.to_pixel(position) * self.pixel / (self.high - self.low)

    def curtains(self, position: float) -> tuple[Curtain, Curtain]:
        """Curtains for the layer at the left or top of a line [mm], and for the one at its right or bottom."""
        return Curtain(self.axis, position, above=self.reverse), Curtain(self.axis, position, above=not self.reverse)

    def whole(self, first: bool) -> tuple[Curtain, Curtain]:
        """The same curtains with the line beyond all sides, so that one of the two layers is seen whole."""
        return self.curtains(float("inf") if first is not self.reverse else float("-inf"))


@dataclass
class DividingLine:
    """Where the line is now.

    Attributes
    ----------
    upright
        Whether it stands upright.
    position
        Along its axis [mm]; None before it was first placed.
    axis
        World axis it is perpendicular to.
    """

    upright: bool = True
    position: float | None = None
    axis: int | None = None

    def place(self, across: Across, fetch: bool = False) -> float:
        """Position [mm] in a view: the middle where it has none on this axis, or with ``fetch`` none that is seen."""
        if self.position is None or self.axis != across.axis or (fetch and not across.shows(self.position)):
            self.move(across, across.middle)
        assert self.position is not None
        return self.position

    def move(self, across: Across, position: float) -> None:
        """Put it somewhere [mm], but not out of view."""
        self.axis, self.position = across.axis, min(max(position, across.low), across.high)

    def drawn(self, across: Across, first: str, second: str) -> Drawn:
        """Say what to draw over the canvas."""
        return Drawn(across.to_pixel(self.place(across)), self.upright, first, second)
