"""The whole way in one go: open napari on the phantom, fit it, and end up inside it."""

from __future__ import annotations

from typing import Any

import napari

from .fitting.fit_controller import PLUGIN
from .napari_compat import camera
from .sample_data import NAME
from .zoom.slider import set_exactly

WIDGET = "Standard Model INR"
"""Display name of the dock widget in the manifest."""

SIGHT_MM = (-1.5, -18.0, 4.0)
"""Where the demo ends (z, y, x): the back of the callosum, with thin bundles inside and beside its arch."""

ZOOM = 3.0
"""How many times closer than the whole slice it ends: some ten voxels across."""

P2_SHOWN = (0.1, 0.55)
"""Contrast for the phantom's white matter, whose FODs of order 4 reach a p2 of about 0.5."""


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
    (scan,) = viewer.open_sample(PLUGIN, NAME)
    widget.run_when_loaded()

    def end(outcome: Any) -> None:
        if outcome.error is None and outcome.field is not None:
            scan.visible = False  # its fluid would dazzle beside the zoom layer
            widget.controller.zoom_layer.contrast_limits = P2_SHOWN
            set_exactly(viewer.dims, viewer.dims.ndim - 3, SIGHT_MM[0])
            Glide(widget, camera(viewer), SIGHT_MM, ZOOM)

    widget.session.ended.connect(end)
    return widget
