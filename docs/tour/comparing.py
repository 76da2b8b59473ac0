"""Compare: one map against another of the same place."""

from __future__ import annotations

import numpy as np
from guide import Guide
from hands import pump
from qtpy.QtCore import QPointF, Qt

from napari_smi_inr.plugin.comparing.compare import comparison_in
from napari_smi_inr.plugin.comparing.comparison import Mode
from napari_smi_inr.plugin.napari_compat import camera


def swipe(guide: Guide) -> None:
    """Shift-C, and the line dragged by the mouse."""
    comparison, view = comparison_in(guide.viewer), camera(guide.viewer)
    guide.hands.key(Qt.Key.Key_C)
    guide.settle()
    guide.check(comparison.mode is Mode.SWIPE, f"Shift-C divides the canvas: {' against '.join(comparison.layers)}")
    before, start = (tuple(view.center), view.zoom), comparison.line.position
    across = comparison.across()
    on_line = QPointF(across.to_pixel(start), guide.hands.at().y())
    guide.hands.drag(on_line, QPointF(-9, 3))
    guide.settle()
    moved = (comparison.line.position - start) * view.zoom
    guide.check(abs(moved + 90) < 0.5, f"the line followed the mouse, {moved:.0f} pixels")
    guide.check((tuple(view.center), view.zoom) == before, "the picture stayed where it was")
    guide.check(comparison.difference is not None, f"difference in view: {comparison.difference}")
    guide.picture("swipe")


def keys_of_the_line(guide: Guide) -> None:
    """Shift with the arrows moves it, Shift-T turns it, Shift-N takes the next opponent."""
    comparison = comparison_in(guide.viewer)
    start = comparison.line.position
    guide.hands.key(Qt.Key.Key_Right)
    guide.check(comparison.line.position > start, "Shift-Right moves the line")
    seen = [comparison.opponent.label]
    for _ in range(3):
        guide.hands.key(Qt.Key.Key_N)
        guide.settle()
        seen.append(comparison.opponent.label)
    guide.check(len(set(seen)) == len(seen), f"Shift-N goes through {', '.join(seen)}")
    while not comparison.opponent.label.startswith("SMI"):
        guide.hands.key(Qt.Key.Key_N)
        guide.settle()
    guide.hands.key(Qt.Key.Key_T)
    guide.settle()
    guide.check(not comparison.line.upright, "Shift-T lays the line")
    guide.picture("swipe_against_another_fit")
    guide.hands.key(Qt.Key.Key_T)


def flicker(guide: Guide) -> None:
    """Shift-F held: the other map in the same place."""
    comparison = comparison_in(guide.viewer)
    seen = []
    comparison.changed.connect(lambda: seen.append((comparison.mode, comparison.first_shown)))
    guide.hands.key(Qt.Key.Key_F, hold=0.6)
    guide.settle()
    guide.check((Mode.FLICKER, False) in seen, "Shift-F shows the other map")
    guide.check(comparison.first_shown, "and the first when it is let go")


def side_by_side(guide: Guide) -> None:
    """Shift-C again: each in a cell of its own; and off."""
    comparison = comparison_in(guide.viewer)
    guide.hands.key(Qt.Key.Key_C)
    if comparison.mode is Mode.SWIPE:  # from the flicker
        guide.settle()
        guide.hands.key(Qt.Key.Key_C)
    guide.settle()
    guide.check(comparison.mode is Mode.SIDE, f"side by side: {', '.join(comparison.layers)}")
    limits = np.array([tuple(layer.contrast_limits) for layer in comparison.layers.values()])
    guide.check(bool(np.allclose(limits, limits[0])), "with one contrast")
    guide.picture("side_by_side")
    guide.hands.key(Qt.Key.Key_C)
    guide.settle()
    pump(0.2)
    guide.check(comparison.mode is Mode.OFF and not comparison.layers, "and off, as it was before")
