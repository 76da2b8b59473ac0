"""The voxel inspector by command or key."""

from __future__ import annotations

import napari.viewer

from .._qt.inspector_widget import TITLE, InspectorWidget, inspector_of


def inspect_here(viewer: napari.viewer.Viewer) -> None:
    """Open the voxel inspector; where it is open, pin the point under the mouse, or let go of it."""
    inspector = inspector_of(viewer)
    if inspector is None:
        viewer.window.add_dock_widget(InspectorWidget(viewer), name=TITLE, area="bottom")
    else:
        inspector.toggle_pin()
