"""From a scan to maps: open, fit by the dock widget, and watch the map form where one looks."""

from __future__ import annotations

from typing import Any

import numpy as np
from guide import Guide
from hands import pump, wait
from qtpy.QtCore import QPointF

from napari_smi_inr.plugin.demo import P2_SHOWN, SIGHT_MM, WIDGET
from napari_smi_inr.plugin.fitting.fit_controller import PLUGIN
from napari_smi_inr.plugin.napari_compat import camera, unwrapped
from napari_smi_inr.plugin.zoom.session import session_of
from napari_smi_inr.plugin.zoom.slider import set_exactly

_EPOCHS = 200
"""The sample's own fit is over in some seconds: too soon to be photographed at leisure."""


def open_the_sample(guide: Guide) -> None:
    """File > Open Sample, and the dock widget."""
    (scan,) = guide.viewer.open_sample(PLUGIN, "phantom")
    _, widget = guide.viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    guide.shown |= {"scan": scan, "fit": widget}
    wait(lambda: widget.dataset is not None, 30, "the scan to be read")
    guide.check(widget.run.run_button.isEnabled(), "the scan can be fitted")
    guide.picture("a_scan_and_its_verdict")
    guide.keep(guide.picture("data_section", widget.questions[0]), guide.folder.parent / "data.png")


def fit_it_and_look_closer_meanwhile(guide: Guide) -> None:
    """Press Run; zoom in as soon as there is something to see."""
    widget = guide.shown["fit"]
    widget.model.advanced["epochs"].value = _EPOCHS
    guide.hands.click(widget.run.run_button)
    guide.check(widget.session.status.busy, "Run starts the fit")
    wait(lambda: widget.controller.zoom_layer is not None, 240, "a first state of the fit")
    guide.shown["scan"].visible = False
    live = guide.shown["zoom"] = unwrapped(widget.controller.zoom_layer)
    live.contrast_limits = P2_SHOWN
    go_to(guide, SIGHT_MM)
    guide.hands.wheel(6)
    pictures = _distinct_pictures(guide, live)
    if "live" in guide.shown:
        guide.keep(guide.shown.pop("live"), guide.folder.parent / "fitting.png")
    guide.check(pictures >= 3, f"the picture changed {pictures - 1} times during the fit, at 3x zoom")


def open_its_field(guide: Guide) -> None:
    """Open a field of the sample instead of fitting it, to save time."""
    guide.viewer.open(str(guide.shown["field_file"]), plugin=PLUGIN)
    guide.shown["zoom"] = next(x for x in reversed(guide.viewer.layers) if session_of(x) is not None)
    guide.shown["scan"].visible = False
    guide.viewer.layers.selection.active = guide.shown["zoom"]
    guide.shown["zoom"].contrast_limits = P2_SHOWN
    go_to(guide, SIGHT_MM)


def _distinct_pictures(guide: Guide, live: Any) -> int:
    """Photograph the canvas until the fit ends; how many different pictures were seen."""
    widget, seen, last, taken = guide.shown["fit"], 0, None, False
    while widget.session.status.busy:
        pump(0.4)
        now = np.asarray(guide.viewer.screenshot(canvas_only=True, flash=False))[..., :3].astype(int)
        if last is None or np.abs(now - last).mean() > 0.05:
            seen, last = seen + 1, now
        if not taken and seen >= 3 and widget.session.status.fraction > 0.4:
            guide.shown["live"] = guide.picture("live_during_the_fit")
            taken = True
    return seen


def the_result(guide: Guide) -> None:
    """The fit has ended: the zoom layer shows it."""
    widget = guide.shown["fit"]
    wait(lambda: widget.controller.field is not None, 10, "the result")
    guide.settle()
    zoom = guide.shown["zoom"]
    guide.shown["field"] = session_of(zoom).field
    guide.check(widget.controller.field is guide.shown["field"], "the zoom layer shows the final field")
    guide.keep(guide.picture("result"), guide.folder.parent / "zoom.png")


def another_fit_to_compare(guide: Guide) -> None:
    """Fit the same scan voxel by voxel with the same widget, then come back to the first."""
    widget = guide.shown["fit"]
    widget.questions[1].unfold(True)
    guide.hands.choose(widget.model.method.native, "smi")
    guide.hands.click(widget.run.run_button)
    wait(lambda: not widget.session.status.busy, 240, "the voxel-wise fit")
    guide.check(widget.controller.field.config.method == "smi", "a second fit, voxel by voxel, beside the first")
    guide.hands.choose(widget.model.method.native, "inr")
    widget.questions[1].unfold(False)
    for layer in list(guide.viewer.layers):
        layer.visible = layer is guide.shown["zoom"]
    guide.viewer.layers.selection.active = guide.shown["zoom"]
    guide.settle()


def voxels_and_zoom(guide: Guide) -> None:
    """The same place twice, for the front page: voxels, and the zoom layer."""
    zoom, view = guide.shown["zoom"], camera(guide.viewer)
    coarse = guide.viewer.layers[f"{zoom.name} · voxels"]
    before, limits = (tuple(view.center), view.zoom), zoom.contrast_limits
    zoom.contrast_limits = coarse.contrast_limits = np.nanpercentile(coarse.data, [1, 99])
    go_to(guide, (-4.5, 14.0, -12.0))
    guide.settle()
    fine = guide.viewer.screenshot(canvas_only=True, flash=False)
    zoom.visible, coarse.visible = False, True
    pump(0.5)
    pair = np.hstack([guide.viewer.screenshot(canvas_only=True, flash=False), fine])
    guide.keep(pair, guide.folder.parent / "voxels_and_zoom.png")
    zoom.visible, coarse.visible, zoom.contrast_limits = True, False, limits
    view.center, view.zoom = before
    go_to(guide, SIGHT_MM)
    guide.settle()


def go_to(guide: Guide, place: tuple[float, float, float]) -> None:
    """Bring a place (z, y, x) [mm] to the middle of the canvas: the slider, then a drag of the picture."""
    viewer, view = guide.viewer, camera(guide.viewer)
    set_exactly(viewer.dims, viewer.dims.ndim - 3, place[0])
    _, y, x = view.center
    step = QPointF((x - place[2]) * view.zoom, -(y - place[1]) * view.zoom) / 10
    guide.hands.drag(guide.hands.at(), step)
