"""Three plots of one place: signal against b-value, against the angle to the main fibre, and residuals by volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt

from ...acquisition import Acquisition
from ..inspecting.evidence import ANGLES, AgainstB, Evidence
from ..inspecting.subject import Subject
from .form import theme_colour
from .plot_base import B0_LOOK, Dots, Plot, looks_of

_NONE = np.empty(0)
_NOWHERE = AgainstB(_NONE, _NONE, _NONE, _NONE)
_LOWEST = 0.01  # of S0, where the logarithmic axis begins
_TOPS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.15, 1.5, 2.0, 3.0)  # ends of the signal's axis: it jumps seldom
_HEIGHTS = (4.0, 6.0, 10.0, 20.0, 50.0, 100.0)  # the same of the residuals'
_BAND = 48  # opacity of 255
_GREY = "#8e8e93"


class SignalPlot(Plot):
    """A plot of signal in units of the fitted S0, linear or logarithmic."""

    logarithmic = False

    def set_logarithmic(self, wanted: bool) -> None:
        """Choose the axis; what is shown is to be shown again."""
        self.logarithmic = wanted
        self.getAxis("left").setLogMode(x=False, y=wanted)

    def level(self, share: NDArray[Any]) -> NDArray[Any]:
        """Where a share of S0 comes to lie."""
        if not self.logarithmic:
            return share
        return np.log10(np.where(share > 0, np.maximum(share, _LOWEST), np.nan))

    def set_top(self, largest: float) -> None:
        """End the axis above the largest share of S0."""
        top = next((t for t in _TOPS if t >= largest), _TOPS[-1])
        low, high = (np.log10(_LOWEST), np.log10(top)) if self.logarithmic else (-0.04 * top, top)
        self.setYRange(float(low), float(high), padding=0)


class AgainstBPlot(SignalPlot):
    """Signal against b-value."""

    def __init__(self) -> None:
        tip = (
            "Signal over fitted S0 against b-value [ms/µm²]. Large markers: mean of a shell in the nearest voxel; "
            "small: each volume. Lines, for the exact point: mean over all directions (solid), along the main fibre "
            "(dashed), across it (dotted). Grey: one standard deviation of the noise."
        )
        super().__init__("S / S0", "b [ms/µm²]", tip)

    def prepare(self, subject: Subject) -> None:
        """Make room for a protocol."""
        self.clear_items()
        self._noise = self.line(_GREY, 1.0, Qt.PenStyle.DotLine)
        styles = ((2.5, Qt.PenStyle.SolidLine), (1.3, Qt.PenStyle.DashLine), (1.3, Qt.PenStyle.DotLine))
        looks = looks_of(subject)
        self._singles = [Dots(self, look, 4, alpha=110) for look in (B0_LOOK, *looks)]
        self._lines = [[self.line(colour, *style) for style in styles] for colour, _ in looks]
        self._hide_alike(subject)
        self._means = [Dots(self, look, 10) for look in looks]
        self._end = 1.03 * max(shape.strongest.b for shape in subject.shapes)
        self.setXRange(0.0, self._end, padding=0.03)

    def _hide_alike(self, subject: Subject) -> None:
        """Spherical encoding has but one curve: along and across the fibre it is the same."""
        for lines, shape in zip(self._lines, subject.shapes, strict=True):
            for line in lines[1:]:
                line.setVisible(not shape.strongest.is_spherical)

    def show_evidence(self, evidence: Evidence) -> None:
        """Draw one place; nothing where there is nothing."""
        unit = _unit(evidence)
        for number in range(len(evidence.subject.shapes)):
            curve = evidence.against_b[number] if evidence.against_b else _NOWHERE
            signals = (curve.powder, curve.along, curve.across)
            for line, signal in zip(self._lines[number], signals, strict=True):
                line.setData(curve.b, self.level(signal / unit))
        self._show_dots(evidence, unit)
        self.set_top(1.15)

    def _show_dots(self, evidence: Evidence, unit: float) -> None:
        volumes, subject = evidence.volumes, evidence.subject
        b = volumes.b if volumes else np.full(subject.acquisition.n_volumes, np.nan)
        share = volumes.measured / unit if volumes else b
        groups = [np.flatnonzero(subject.acquisition.is_b0)]
        groups += [np.concatenate([shell.volumes for shell in shape.shells]) for shape in subject.shapes]
        for dots, of in zip(self._singles, groups, strict=True):
            dots.show(b[of], self.level(share[of]), subject.held_out[of])
        for dots, shape in zip(self._means, subject.shapes, strict=True):
            mean = np.array([[b[s.volumes].mean(), share[s.volumes].mean()] for s in shape.shells])
            dots.show(mean[:, 0], self.level(mean[:, 1]))
        sigma = volumes.sigma if volumes else None
        noise = self.level(np.full(2, np.nan if sigma is None else sigma / unit))
        self._noise.setData(np.array([0.0, self._end]), noise)


class AgainstAnglePlot(SignalPlot):
    """Signal against the angle to the main fibre."""

    def __init__(self) -> None:
        tip = (
            "Signal over fitted S0 against the angle between the b-tensor's axis and the main fibre (the highest peak "
            "of the FOD at the point). Markers: the volumes of the nearest voxel. Line: the fit at the exact "
            "point, averaged around the fibre; its band is the range around it, which markers may fill."
        )
        super().__init__("S / S0", "angle to main fibre [°]", tip)
        self.setXRange(0.0, 90.0, padding=0.03)
        self.getAxis("bottom").setTickSpacing(30, 10)

    def prepare(self, subject: Subject) -> None:
        """Make room for a protocol."""
        self.clear_items()
        looks = looks_of(subject)
        self._bands = [self._band(colour) for colour, _ in looks]
        self._dots = [Dots(self, look, 6) for look in looks]
        self._lines = [self.line(colour, 2.5) for colour, _ in looks]

    def _band(self, colour: str) -> tuple[Any, Any]:
        low, high = self.line(colour, 0.0), self.line(colour, 0.0)
        for line in (low, high):
            line.setPen(None)
        fill = pg.mkColor(colour)
        fill.setAlpha(_BAND)
        self.add(pg.FillBetweenItem(low, high, brush=fill))
        return low, high

    def show_evidence(self, evidence: Evidence) -> None:
        """Draw one place."""
        unit, volumes, subject = _unit(evidence), evidence.volumes, evidence.subject
        by_shape = {curve.shell.shape: curve for curve in evidence.against_angle}
        largest = 0.0
        for number, shape in enumerate(subject.shapes):
            curve = by_shape.get(shape.name)
            x = ANGLES if curve else _NONE
            low, high, mean = (curve.low, curve.high, curve.mean) if curve else (_NONE,) * 3
            for line, signal in zip((*self._bands[number], self._lines[number]), (low, high, mean), strict=True):
                line.setData(x, self.level(signal / unit))
            of = curve.shell.volumes if curve and volumes else np.empty(0, int)
            share = volumes.measured[of] / unit if volumes else _NONE
            self._dots[number].show(volumes.angle[of] if volumes else _NONE, self.level(share), subject.held_out[of])
            largest = max(largest, *(high / unit), *share) if curve else largest
        self.set_top(1.05 * largest)


class ResidualPlot(Plot):
    """Residuals by volume."""

    def __init__(self) -> None:
        tip = (
            "Measured less predicted signal of the nearest voxel, volume by volume, in standard deviations of the "
            "noise where they are known (grey: one of them to either side), otherwise in percent of S0. The prediction "
            "is made for the voxel as the fit understood it, not for the exact point."
        )
        super().__init__("residual / σ", "volume", tip)
        self._in_sigma = True

    def prepare(self, subject: Subject) -> None:
        """Make room for a protocol."""
        self.clear_items()
        self._volumes = [np.flatnonzero(subject.acquisition.is_b0)]
        self._volumes += [np.concatenate([shell.volumes for shell in shape.shells]) for shape in subject.shapes]
        grey = pg.mkColor(_GREY)
        self.add(pg.InfiniteLine(0.0, angle=0, pen=pg.mkPen(grey, width=1)))
        grey.setAlpha(_BAND)
        options = {"orientation": "horizontal", "movable": False, "brush": grey, "pen": pg.mkPen(None)}
        self._band = self.add(pg.LinearRegionItem((-1.0, 1.0), **options))
        self._dots = [Dots(self, look, 5) for look in (B0_LOOK, *looks_of(subject))]
        self.setXRange(-0.5, subject.acquisition.n_volumes - 0.5, padding=0.02)

    def show_evidence(self, evidence: Evidence) -> None:
        """Draw one place."""
        volumes, subject = evidence.volumes, evidence.subject
        if volumes is None:
            residual = np.full(subject.acquisition.n_volumes, np.nan)
        else:
            self._set_unit(volumes.sigma is not None)
            unit = volumes.sigma if volumes.sigma is not None else _unit(evidence) / 100
            residual = (volumes.measured - volumes.predicted) / unit
        for dots, of in zip(self._dots, self._volumes, strict=True):
            dots.show(of, residual[of], subject.held_out[of])
        largest = float(np.nanmax(np.abs(residual), initial=0.0))
        height = next((h for h in _HEIGHTS if h >= 1.05 * largest), 1.05 * largest)
        self.setYRange(-height, height, padding=0)

    def _set_unit(self, in_sigma: bool) -> None:
        if in_sigma != self._in_sigma:
            self._in_sigma = in_sigma
            self.setLabel("left", "residual / σ" if in_sigma else "residual [% of S0]")
        self._band.setVisible(in_sigma)


class EvidencePlots(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """The three beside one another, in one scene: a window with a canvas is slow to redraw, so it is done once."""

    def __init__(self) -> None:
        super().__init__()
        self.against_b, self.against_angle, self.residuals = AgainstBPlot(), AgainstAnglePlot(), ResidualPlot()
        self.signals = (self.against_b, self.against_angle)
        self.plots = (*self.signals, self.residuals)
        self._protocol: Acquisition | None = None
        self.setAccessibleName("Signal against b-value, signal against angle to the main fibre, residuals by volume")
        self.setMinimumSize(450, 130)
        self.ci.setContentsMargins(0, 2, 4, 6)
        self.ci.setSpacing(6)
        for column, plot in enumerate(self.plots):
            self.addItem(plot, row=0, col=column)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt)
        """Small, to grow with the dock."""
        return QSize(840, 160)

    def show_evidence(self, evidence: Evidence) -> None:
        """Draw one place, with the items made for its protocol."""
        if self._protocol is not evidence.subject.acquisition:
            self._protocol = evidence.subject.acquisition
            for plot in self.plots:
                plot.prepare(evidence.subject)
        for plot in self.plots:
            plot.show_evidence(evidence)
            plot.doubt(not evidence.trusted)

    def clear_all(self) -> None:
        """Show nothing."""
        self._protocol = None
        for plot in self.plots:
            plot.clear_items()

    def set_logarithmic(self, wanted: bool) -> None:
        """Choose the signals' axis; show the evidence again after it."""
        for plot in self.signals:
            plot.set_logarithmic(wanted)

    def follow_theme(self, theme: str) -> None:
        """Take the colours of a napari theme."""
        self.setBackground(theme_colour(theme, "background"))
        for plot in self.plots:
            plot.follow_theme(theme)


def _unit(evidence: Evidence) -> float:
    """S0 at the point, in the scan's units: curves and measurements are both told in it."""
    s0 = evidence.values.get("S0", np.nan)
    return float(s0) if s0 > 0 else np.nan
