"""The dock with everything for looking closer, by command or key."""

from __future__ import annotations

import napari.viewer

from ._qt.explore_widget import TITLE, ExploreWidget, explorer_of


def open_explorer(viewer: napari.viewer.Viewer) -> None:
    """Open the dock, or bring it to the front."""
    explorer = explorer_of(viewer)
    if explorer is None:
        viewer.window.add_dock_widget(ExploreWidget(viewer), name=TITLE, area="right", tabify=True)
    else:
        explorer.come_forward()
