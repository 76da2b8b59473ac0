"""Looking closer: zoom, pan, between slices, other planes, 3-D, several maps, beyond the mask."""

from __future__ import annotations

import itertools

import numpy as np
from fitting import go_to
from guide import Guide
from hands import pump
from qtpy.QtCore import QPointF, Qt

from checks import TOLERANCE, texel_error
from napari_smi_inr.plugin._qt.explore_widget import explorer_of
from napari_smi_inr.plugin.demo import SIGHT_MM
from napari_smi_inr.plugin.napari_compat import camera
from napari_smi_inr.plugin.visible import visible_plane
from napari_smi_inr.plugin.zoom.session import session_of

BEYOND = 9
"""Notches after which the screen is finer than the field's own detail."""


def zoom_in_thirty_times(guide: Guide) -> None:
    """The wheel, notch by notch; beyond the field's detail nothing is evaluated any more."""
    zoom, view = guide.shown["zoom"], camera(guide.viewer)
    session = session_of(zoom)
    guide.hands.click(guide.hands.button("home"))
    guide.settle()
    whole = view.zoom
    _check_texels(guide, "whole slice")
    go_to(guide, SIGHT_MM)
    guide.hands.wheel(BEYOND)
    guide.settle()
    _check_texels(guide, f"{view.zoom / whole:.0f}x")
    guide.picture("zoomed_in")
    before, finer = session.worker.tally.evaluated, 0
    while view.zoom < 30 * whole:
        guide.hands.wheel(2)
        finer += 2
    guide.settle()
    cost = session.worker.tally.evaluated - before
    _check_texels(guide, f"{view.zoom / whole:.0f}x")
    guide.check(cost == 0, f"zooming on to {view.zoom / whole:.0f}x cost {cost} points")
    guide.picture("thirty_times")
    guide.hands.wheel(-finer)
    guide.settle()


def pan(guide: Guide) -> None:
    """Drag the picture a little: what is loaded around the view is shown; then further."""
    worker = session_of(guide.shown["zoom"]).worker
    before = worker.tally.evaluated
    for step in (1, -1):
        guide.hands.drag(guide.hands.at(), QPointF(2, 1) * step)
        guide.settle()
    cost = worker.tally.evaluated - before
    guide.check(cost == 0, f"a pan within the loaded region cost {cost} points")
    guide.hands.drag(guide.hands.at(), QPointF(-30, 20))
    guide.settle()
    _check_texels(guide, "after a long pan")
    guide.hands.drag(guide.hands.at(), QPointF(30, -20))


def between_slices(guide: Guide) -> None:
    """The slider goes in quarters of a voxel; what is shown there is the field there."""
    viewer, axis = guide.viewer, guide.viewer.dims.ndim - 3
    voxel = float(np.abs(np.diag(guide.shown["field"].affine)[2]))
    guide.hands.wheel(-6)
    guide.settle()
    slider = guide.hands.slider(axis)
    places, pictures = [], []
    for _ in range(4):
        places.append(viewer.dims.point[axis])
        pictures.append(np.asarray(viewer.screenshot(canvas_only=True, flash=False)).astype(int))
        guide.hands.nudge(slider, 1)
        guide.settle()
        _check_texels(guide, f"z = {viewer.dims.point[axis]:g} mm")
    guide.check(bool(np.allclose(np.diff(places), voxel / 4)), f"the slider goes in steps of {voxel / 4:g} mm")
    changed = [np.abs(a - b).mean() > 0.05 for a, b in itertools.pairwise(pictures)]
    guide.check(all(changed), "each step is another picture")
    guide.hands.nudge(slider, -4)
    guide.settle()


def other_planes(guide: Guide) -> None:
    """Roll through the planes, each upright, and back; the volumes of the scan stay out of it."""
    hands, viewer = guide.hands, guide.viewer
    seen = []
    for _ in range(3):
        hands.click(hands.button("roll"))
        hands.click(hands.button("home"))
        guide.settle()
        seen.append(visible_plane(viewer).axis)
        _check_texels(guide, f"across {'zyx'[seen[-1]]}")
        if seen[-1] == 2:
            guide.picture("sagittal")
    guide.check(sorted(seen) == [0, 1, 2] and seen[-1] == 0, "each plane once")


def maps_at_once(guide: Guide) -> None:
    """The dock for exploring, by its key; direction and further parameters share one evaluation."""
    guide.hands.key(Qt.Key.Key_E)
    pump(0.3)
    explorer = guide.shown["explorer"] = explorer_of(guide.viewer)
    guide.check(explorer is not None, "Shift-E opens the dock")
    look, session = explorer.look, session_of(guide.shown["zoom"])
    go_to(guide, SIGHT_MM)
    guide.hands.wheel(5)
    guide.settle()
    before = session.worker.tally.evaluated
    for map_name in ("f", "Dp", "direction"):
        guide.hands.choose(look.parameter.native, map_name)
        guide.hands.click(look.add_button)
        guide.settle()
    shown = {session.parameter_of(layer) for layer in session.layers if layer.visible}
    guide.check({"p2", "f", "Dp", "direction"} <= shown, f"maps at once: {', '.join(sorted(shown))}")
    cost = session.worker.tally.evaluated - before
    view = guide.shown["zoom"].data[0].image.drawn.view
    one = int(np.prod(view.shape))
    guide.check(cost < one, f"three more maps cost {cost} points, where each alone would take {one}")
    guide.picture("direction_map")


def grid_of_maps(guide: Guide) -> None:
    """napari's grid: each map in a cell, all at the same place."""
    grid = guide.hands.button("grid_view_button")
    guide.hands.click(grid)
    guide.settle()
    guide.picture("grid_of_maps")
    guide.hands.click(grid)
    for layer in session_of(guide.shown["zoom"]).layers:
        layer.visible = layer.name == guide.shown["zoom"].name
        if layer.visible:
            guide.viewer.layers.selection.active = layer
    guide.settle()


def beyond_the_mask(guide: Guide) -> None:
    """The slider for how far to extrapolate."""
    reach, session = guide.shown["explorer"].look.reach, session_of(guide.shown["zoom"])
    guide.hands.click(guide.hands.button("home"))
    guide.settle()
    before = _shown_area(guide)
    guide.hands.nudge(reach.native, 10)
    pump(0.3)
    guide.settle()
    after = _shown_area(guide)
    guide.check(session.edge.reach > 0, f"shown up to {session.edge.reach:.2g} mm beyond the mask")
    guide.check(after > 1.03 * before, f"{after / before - 1:.0%} more of the canvas is filled")
    guide.picture("beyond_the_mask")
    guide.hands.nudge(reach.native, -40)
    go_to(guide, SIGHT_MM)
    guide.hands.wheel(5)
    guide.settle()
    guide.check(session.edge.reach == 0, "and back")


def _shown_area(guide: Guide) -> float:
    """Share of the canvas that shows anything."""
    canvas = np.asarray(guide.viewer.screenshot(canvas_only=True, flash=False))[..., :3]
    return float(np.mean(canvas.max(axis=-1) > 12))


def _check_texels(guide: Guide, where: str) -> None:
    error, count = texel_error(guide.viewer, guide.shown["zoom"])
    guide.check(error <= TOLERANCE and count > 5, f"{where}: {count} texels within {error:.2%} of the range")
