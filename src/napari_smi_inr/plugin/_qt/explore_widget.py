"""The dock for looking closer: maps at the zoom of the screen, comparisons, FODs, and what to take away."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QVBoxLayout

from .compare_section import CompareSection
from .docked import Docked, dock_of
from .fod_section import FodSection
from .form import Column, Section
from .look_section import LookSection
from .take_away_section import TakeAwaySection

TITLE = "Explore the field"

_WIDTH = 320


def explorer_of(viewer: Any) -> ExploreWidget | None:
    """Give the dock of a viewer, if it is open."""
    return dock_of(viewer, ExploreWidget)


class ExploreWidget(Docked):
    """Look closer at a fit.

    Parameters
    ----------
    napari_viewer
        Where its layers are.
    """

    title = TITLE

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.look, self.compare = LookSection(napari_viewer), CompareSection(napari_viewer)
        self.fods, self.take_away = FodSection(napari_viewer), TakeAwaySection(napari_viewer)
        folded = [
            Section("Look", self.look),
            Section("Compare", self.compare),
            Section("Fibre orientations", self.fods),
            Section("Take away", self.take_away, unfolded=False),
        ]
        layout = QVBoxLayout(self)
        layout.setSpacing(2)
        layout.addWidget(Column(folded))
        layout.addStretch(1)
        self.setMinimumWidth(_WIDTH)

    def let_go(self) -> None:
        """Close every section."""
        for section in (self.look, self.compare, self.fods, self.take_away):
            section.close_section()
