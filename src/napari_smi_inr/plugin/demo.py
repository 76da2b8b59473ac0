"""The whole way in one go: open napari on the phantom, fit it, and end up inside it."""

from __future__ import annotations

from typing import Any

import napari

from .fit_controller import PLUGIN
from .napari_compat import camera
from .sample_data import NAME
from .slider import set_exactly

WIDGET = "Standard Model INR"
"""Display name of the dock widget in the manifest."""

SIGHT_MM = (4.0, -20.0, -14.0)
"""Where the demo ends (napari's order z, y, x): fibres of different bundles meet behind the ventricle there."""

ZOOM = 6.0
"""How many times closer than the whole slice it ends."""


def open_demo() -> None:
    """Open napari, run the demo, and return when the window is closed."""
    viewer = napari.Viewer(title="napari-smi-inr demo")
    start_demo(viewer)
    napari.run()


def start_demo(viewer: Any) -> Any:
    """Show the phantom and the dock widget in a viewer and start the fit; returns the widget.

    When the fit is done, the view glides to a place worth seeing on the zoom layer.
    """
    from ._qt.glide import Glide

    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    viewer.open_sample(PLUGIN, NAME)
    widget.run_when_loaded()

    def end(outcome: Any) -> None:
        if outcome.error is None and outcome.field is not None:
            set_exactly(viewer.dims, viewer.dims.ndim - 3, SIGHT_MM[0])
            Glide(widget, camera(viewer), SIGHT_MM, ZOOM)

    widget.session.ended.connect(end)
    return widget
