"""The dock for stepping through a cohort, by command or key."""

from __future__ import annotations

import napari.viewer

from .._qt.cohort_widget import TITLE, CohortWidget, cohort_dock_of


def open_cohort(viewer: napari.viewer.Viewer) -> None:
    """Open the dock, or bring it to the front."""
    dock = cohort_dock_of(viewer)
    if dock is None:
        viewer.window.add_dock_widget(CohortWidget(viewer), name=TITLE, area="right", tabify=True)
    else:
        dock.come_forward()


def next_scan(viewer: napari.viewer.Viewer) -> None:
    """Go to the next scan of the list."""
    _step(viewer, 1)


def previous_scan(viewer: napari.viewer.Viewer) -> None:
    """Go to the one before."""
    _step(viewer, -1)


def _step(viewer: napari.viewer.Viewer, by: int) -> None:
    dock = cohort_dock_of(viewer)
    if dock is not None:
        dock.step(by)
