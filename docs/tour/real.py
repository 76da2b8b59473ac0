"""The same walk, shorter, on a scan of one's own."""

from __future__ import annotations

import numpy as np
from comparing import flicker, side_by_side, swipe
from evidence import check_count, inspector_follows_the_mouse, inspector_pinned
from fitting import go_to
from guide import Guide, Stop
from hands import wait
from qtpy.QtCore import Qt
from taking import freeze_to_a_layer, save_it_for_print

from checks import TOLERANCE, texel_error
from napari_smi_inr.plugin._qt.explore_widget import explorer_of
from napari_smi_inr.plugin.demo import WIDGET
from napari_smi_inr.plugin.fitting.fit_controller import PLUGIN
from napari_smi_inr.plugin.fods.fod_overlay import fod_overlay
from napari_smi_inr.plugin.napari_compat import camera
from napari_smi_inr.plugin.zoom.session import session_of
from napari_smi_inr.sampling.coordinates import voxel_to_world, world_to_napari


def open_scan_and_field(guide: Guide) -> None:
    """The scan and its mask; the field from its file, or fitted by the widget."""
    viewer, folder, file = guide.viewer, guide.shown["folder"], guide.shown["field_file"]
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    for name in ("dwi.nii.gz", "wm_mask.nii.gz"):
        if (folder / name).exists():
            viewer.open(str(folder / name), plugin=PLUGIN)
    wait(lambda: widget.dataset is not None, 60, "the scan to be read")
    guide.shown["fit"] = widget
    if file is not None:
        viewer.open(str(file), plugin=PLUGIN)
    else:
        guide.hands.click(widget.run.run_button)
        wait(lambda: not widget.session.status.busy, 1800, "the fit")
    zoom = guide.shown["zoom"] = next(x for x in reversed(viewer.layers) if session_of(x) is not None)
    for layer in viewer.layers:
        layer.visible = layer.name == zoom.name
    viewer.layers.selection.active = zoom
    guide.shown["field"] = session_of(zoom).field
    guide.settle()
    guide.check(guide.shown["field"].mask.sum() > 0, f"{guide.shown['field'].mask.sum():,} voxels of a scan are shown")
    guide.picture("whole_slice")


def zoom_into_it(guide: Guide) -> None:
    """To the most coherent place of the first slice, and on."""
    zoom, field, view = guide.shown["zoom"], guide.shown["field"], camera(guide.viewer)
    p2 = np.nan_to_num(field.maps()["p2"][..., 0])
    voxel = (*np.unravel_index(np.argmax(p2), p2.shape), 0)
    place = guide.shown["place"] = world_to_napari(voxel_to_world(field.affine, np.array([voxel], float)))[0]
    go_to(guide, tuple(place))
    whole = view.zoom
    for notches in (8, 10):
        guide.hands.wheel(notches)
        guide.settle()
        error, count = texel_error(guide.viewer, zoom)
        guide.check(error <= TOLERANCE, f"{view.zoom / whole:.0f}x: {count} texels within {error:.2%} of the range")
        guide.picture(f"zoomed_{view.zoom / whole:.0f}x")
    before = session_of(zoom).worker.tally.evaluated
    guide.hands.wheel(6)
    guide.settle()
    cost = session_of(zoom).worker.tally.evaluated - before
    guide.check(cost == 0, f"on to {view.zoom / whole:.0f}x for {cost} points")
    guide.hands.wheel(-16)
    guide.settle()


def between_its_slices(guide: Guide) -> None:
    """A quarter of a voxel further."""
    viewer, axis = guide.viewer, guide.viewer.dims.ndim - 3
    guide.hands.nudge(guide.hands.slider(axis), 1)  # from where the voxel was to the slider's own stops
    before = viewer.dims.point[axis]
    guide.hands.nudge(guide.hands.slider(axis), 1)
    guide.settle()
    pyramid = guide.shown["zoom"].data[0].image.pyramid
    step, voxel = viewer.dims.point[axis] - before, float(pyramid.step(pyramid.coarsest)[0])  # of the world's grid
    error, count = texel_error(viewer, guide.shown["zoom"])
    guide.check(abs(step - voxel / 4) < 0.01 * voxel, f"the slider stops {step:.3g} mm further")
    guide.check(error <= TOLERANCE, f"there: {count} texels within {error:.2%} of the range")


def its_directions_and_fods(guide: Guide) -> None:
    """The direction map, and glyphs on it."""
    guide.hands.key(Qt.Key.Key_E)
    explorer = guide.shown["explorer"] = explorer_of(guide.viewer)
    guide.shown["section"] = explorer.take_away
    guide.hands.choose(explorer.look.parameter.native, "direction")
    guide.hands.click(explorer.look.add_button)
    guide.settle()
    guide.picture("directions")
    guide.hands.key(Qt.Key.Key_G)
    guide.settle()
    check_count(guide, "glyphs")
    guide.picture("glyphs")
    guide.hands.wheel(6)
    guide.settle()
    check_count(guide, "closer")
    guide.picture("glyphs_closer")
    guide.hands.key(Qt.Key.Key_G)
    guide.check(fod_overlay(guide.viewer).layer is None, "and away")
    guide.hands.wheel(-6)
    guide.viewer.layers.remove(guide.viewer.layers.selection.active)
    guide.viewer.layers.selection.active = guide.viewer.layers[guide.shown["zoom"].name]
    guide.settle()


STOPS: list[Stop] = [
    open_scan_and_field,
    zoom_into_it,
    between_its_slices,
    its_directions_and_fods,
    swipe,
    flicker,
    side_by_side,
    inspector_follows_the_mouse,
    inspector_pinned,
    save_it_for_print,
    freeze_to_a_layer,
]
