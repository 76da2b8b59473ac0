"""The dock for stepping through a cohort, by command or key."""

from __future__ import annotations

import napari.viewer

from .._qt.cohort_widget import CohortWidget
from .._qt.docked import dock_of, open_dock


def open_cohort(viewer: napari.viewer.Viewer) -> None:
    """Open the dock, or bring it to the front."""
    open_dock(viewer, CohortWidget)


def next_scan(viewer: napari.viewer.Viewer) -> None:
    """Go to the next scan of the list."""
    _step(viewer, 1)


def previous_scan(viewer: napari.viewer.Viewer) -> None:
    """Go to the one before."""
    _step(viewer, -1)


def _step(viewer: napari.viewer.Viewer, by: int) -> None:
    dock = dock_of(viewer, CohortWidget)
    if dock is not None:
        dock.step(by)
