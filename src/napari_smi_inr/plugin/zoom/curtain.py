"""A line across the canvas beyond which a layer is drawn back, so that what lies below is seen: a swipe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pyramid import Pyramid
from .view_state import PlaneView


@dataclass(frozen=True)
class Curtain:
    """Where a layer ends.

    Attributes
    ----------
    axis
        World axis (0 z, 1 y, 2 x) along which it ends.
    position
        Where [mm].
    above
        Whether the part above that position stays, or the part below.
    """

    axis: int
    position: float
    above: bool

    def draw(self, values: NDArray[np.float32], pyramid: Pyramid, view: PlaneView) -> None:
        """Make (rows, columns[, colour]) values of a view beyond the line transparent, in place."""
        if self.axis not in view.in_plane:
            return
        across = view.in_plane.index(self.axis)
        start, stop = (view.rows, view.columns)[across]
        positions = pyramid.centre(view.level, self.axis, np.arange(start, stop))
        hidden = positions < self.position if self.above else positions >= self.position
        values[(slice(None),) * across + (hidden,)] = np.nan if values.ndim == 2 else 0  # colours have an opacity
