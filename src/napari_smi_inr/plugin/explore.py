"""The dock with everything for looking closer, by command or key."""

from __future__ import annotations

import napari.viewer

from ._qt.docked import open_dock
from ._qt.explore_widget import ExploreWidget


def open_explorer(viewer: napari.viewer.Viewer) -> None:
    """Open the dock, or bring it to the front."""
    open_dock(viewer, ExploreWidget)
