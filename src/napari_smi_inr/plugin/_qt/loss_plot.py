"""The three curves of a fit, as they grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt

from ..fitting.fit_session import Curves
from .form import theme_colour

_BELOW = 4.0  # the smallest loss on show lies this far above the bottom; a vanishing term runs along it
_NAMES_AT = (0.99, 0.95)  # of neighbours at different heights, because a phase may be short
_ABOVE = 1.6  # room for the names of the phases
_CURVES = (
    ("data", "data", "#4c9be8"),
    ("held_out", "held out", "#f0932b"),
    ("nonnegativity", "FOD non-negativity", "#8e8e93"),
)


class DecadeAxis(pg.AxisItem):  # type: ignore[misc]
    """A logarithmic axis with room between its labels: 1, 2 and 5 of each decade."""

    def logTickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        """Texts of ticks, empty for those without one."""
        texts = [f"{10**value:.2g}" for value in values]
        return [text if text.strip("0.")[:1] in ("1", "2", "5") else "" for text in texts]


class LossPlot(pg.PlotWidget):  # type: ignore[misc]
    """Data, held-out and non-negativity terms over time, each on a logarithmic scale."""

    def __init__(self) -> None:
        super().__init__(axisItems={"left": DecadeAxis("left")})
        self.setAccessibleName("Losses over time, logarithmic")
        self.setMinimumHeight(80)  # only where the screen is small and everything is open
        item = self.getPlotItem()
        item.setLogMode(y=True)
        item.setLabel("bottom", "seconds of work")
        item.setMenuEnabled(False)
        item.hideButtons()
        item.showGrid(x=False, y=True, alpha=0.15)
        item.setMouseEnabled(x=False, y=False)
        self.legend = item.addLegend(offset=(-6, -26), labelTextSize="8pt", verSpacing=-6)
        self.lines = {key: self._line(name, colour) for key, name, colour in _CURVES}
        self._seams: list[Any] = []
        self._seam_pen = pg.mkPen("#808080", style=Qt.PenStyle.DotLine)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt)
        """Small, to grow with the dock."""
        return QSize(300, 200)

    def show_curves(self, progress: Curves) -> None:
        """Draw these curves, with room for those to come."""
        curves = {key: np.array(getattr(progress, key), float) for key in self.lines}
        fitted = np.concatenate([curves["data"], curves["held_out"]])
        fitted = fitted[np.isfinite(fitted) & (fitted > 0)]
        floor = fitted.min() / _BELOW if len(fitted) else _BELOW**-1
        for key, line in self.lines.items():
            line.setData(np.array(progress.seconds, float), np.maximum(curves[key], floor))
            self._list(line, bool(np.isfinite(curves[key]).any()))
        if len(fitted):
            self.getPlotItem().setYRange(np.log10(floor), np.log10(fitted.max() * _ABOVE), padding=0)
            self.getPlotItem().setXRange(0, progress.expected, padding=0.02)
        self._mark_phases(progress.phases)

    def follow_theme(self, theme: str) -> None:
        """Take the colours of a napari theme."""
        text = theme_colour(theme, "text")
        self.setBackground(theme_colour(theme, "background"))
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(theme_colour(theme, "secondary"))
            axis.setTextPen(text)
        self.legend.setLabelTextColor(text)
        for _, label in self.legend.items:  # those there keep their colour until they are written anew
            label.setText(label.text, color=text)

    def _line(self, name: str, colour: str) -> Any:
        return self.getPlotItem().plot(name=name, pen=pg.mkPen(colour, width=2), connect="finite")

    def _list(self, line: Any, shown: bool) -> None:
        """Name a curve in the legend only if the method has it."""
        listed = self.legend.getLabel(line) is not None
        if shown and not listed:
            self.legend.addItem(line, line.name())
        elif listed and not shown:
            self.legend.removeItem(line)

    def _mark_phases(self, phases: list[tuple[float, str]]) -> None:
        """A dotted line where a phase begins, its name beside it."""
        while len(self._seams) > len(phases):
            self.getPlotItem().removeItem(self._seams.pop())
        for number, (seconds, name) in list(enumerate(phases))[len(self._seams) :]:
            options = {"position": _NAMES_AT[number % 2], "anchors": [(0, 0), (0, 0)], "color": "#909090"}
            line = pg.InfiniteLine(seconds, pen=self._seam_pen, label=name, labelOpts=options)
            self.getPlotItem().addItem(line, ignoreBounds=True)
            self._seams.append(line)
