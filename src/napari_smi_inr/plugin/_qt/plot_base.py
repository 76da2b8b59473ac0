"""What the plots of one place have in common: a frame that follows the theme, markers and colours by shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGraphicsItem

from ..inspecting.subject import Subject
from .form import theme_colour
from .loss_plot import DecadeAxis

LOOKS = {"linear": ("#4c9be8", "o"), "spherical": ("#f0932b", "s"), "planar": ("#3fb27f", "t")}
"""Colour and marker by b-tensor shape."""

_OTHERS = (("#c678dd", "d"), ("#e06c75", "t1"), ("#d4b106", "p"))
_AXIS = 46  # pixels, the same whatever the numbers: the plot stays where it is
_DOUBTED = 0.4  # opacity of curves outside the mask

B0_LOOK = ("#8e8e93", "o")


def looks_of(subject: Subject) -> list[tuple[str, str]]:
    """Colour and marker of each of a protocol's shapes."""
    others = iter(_OTHERS * (1 + len(subject.shapes) // len(_OTHERS)))
    return [LOOKS.get(shape.name) or next(others) for shape in subject.shapes]


class Plot(pg.PlotItem):  # type: ignore[misc]
    """A plot that is looked at only: it follows the point, not the mouse.

    Parameters
    ----------
    left, bottom
        What its axes show.
    tip
        What is to be seen, in sentences.
    """

    def __init__(self, left: str, bottom: str, tip: str) -> None:
        super().__init__(axisItems={"left": DecadeAxis("left")}, enableMenu=False)
        self.setToolTip(tip)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.getViewBox().disableAutoRange()
        self.showGrid(x=False, y=True, alpha=0.15)
        self.setLabel("left", left)
        self.getAxis("left").setWidth(_AXIS)
        self.setLabel("bottom", bottom)
        self.getAxis("left").enableAutoSIPrefix(False)
        for side in ("left", "bottom"):  # the costliest part to draw, and seldom another
            self.getAxis(side).setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self._own: list[Any] = []

    def add(self, item: Any) -> Any:
        """Add an item that goes with the protocol."""
        self.addItem(item, ignoreBounds=True)
        self._own.append(item)
        return item

    def line(self, colour: str, width: float = 2.0, style: Any = Qt.PenStyle.SolidLine) -> Any:
        """Add an empty curve."""
        return self.add(pg.PlotCurveItem(pen=pg.mkPen(colour, width=width, style=style), connect="finite"))

    def doubt(self, doubted: bool) -> None:
        """Let curves fade where the fit is not to be trusted."""
        for item in self._own:
            if isinstance(item, pg.PlotCurveItem):
                item.setOpacity(_DOUBTED if doubted else 1.0)

    def clear_items(self) -> None:
        """Take away what goes with the protocol."""
        for item in self._own:
            self.removeItem(item)
        self._own.clear()

    def follow_theme(self, theme: str) -> None:
        """Take the colours of a napari theme."""
        text = theme_colour(theme, "text")
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(theme_colour(theme, "secondary"))
            axis.setTextPen(text)
            axis.setLabel(axis.labelText, color=text)


class Dots:
    """Markers of one look: filled for what the fit has seen, open for what was held out."""

    def __init__(self, plot: Plot, look: tuple[str, str], size: float, alpha: int = 255) -> None:
        colour = pg.mkColor(look[0])
        colour.setAlpha(alpha)
        options = {"symbol": look[1], "size": size, "pxMode": True}
        self._seen = pg.ScatterPlotItem(pen=None, brush=pg.mkBrush(colour), **options)
        open_pen = pg.mkPen(pg.mkColor(look[0]), width=1.5)
        self._held = pg.ScatterPlotItem(pen=open_pen, brush=None, **(options | {"size": size + 1}))
        for item in (self._seen, self._held):
            plot.add(item)

    def show(self, x: NDArray[Any], y: NDArray[Any], held: NDArray[np.bool_] | None = None) -> None:
        """Move (N,) dots; what is not finite is left out."""
        held = np.zeros(len(x), dtype=bool) if held is None else held
        shown = np.isfinite(x) & np.isfinite(y)
        for item, some in ((self._seen, shown & ~held), (self._held, shown & held)):
            item.setVisible(bool(some.any()))  # what is not there costs nothing
            if some.any():
                item.setData(x[some], y[some])
