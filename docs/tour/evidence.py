"""The evidence beneath a map: what was measured in a voxel, and the FODs between voxels."""

from __future__ import annotations

import numpy as np
from fitting import go_to
from guide import Guide
from hands import pump, wait
from qtpy.QtCore import QPointF, Qt

from checks import TOLERANCE, place_under, share_in_mask, texel_error
from napari_smi_inr.parameters import SCALARS
from napari_smi_inr.plugin._qt.inspector_widget import inspector_of
from napari_smi_inr.plugin.demo import SIGHT_MM
from napari_smi_inr.plugin.fods.fod_overlay import fod_overlay
from napari_smi_inr.plugin.napari_compat import camera
from napari_smi_inr.sampling.coordinates import voxel_sizes


def inspector_follows_the_mouse(guide: Guide) -> None:
    """Shift-I opens it; it shows the place under the mouse, between voxels too."""
    guide.hands.key(Qt.Key.Key_I)
    pump(0.5)
    inspector = guide.shown["inspector"] = inspector_of(guide.viewer)
    guide.check(inspector is not None, "Shift-I opens the inspector")
    guide.settle()
    errors = [_look_at(guide, guide.hands.at(0.4 + 0.02 * i, 0.45 + 0.01 * i)) for i in range(8)]
    guide.check(max(e for e, _ in errors) < 1.0, f"it looks where the mouse is, to {max(e for e, _ in errors):.1g} px")
    guide.check(max(e for _, e in errors) < 1e-5, "its values are the field's own at eight places under the mouse")
    wait(lambda: inspector.evidence is not None and inspector.evidence.volumes is not None, 10, "the measurements")
    n = len(inspector.evidence.volumes.measured)
    guide.check(n == len(guide.shown["field"].acquisition.b), f"{n} measurements of the voxel beside the curves")
    guide.picture("inspector")


def inspector_pinned(guide: Guide) -> None:
    """Shift and a click pins a point; the mouse may go."""
    inspector = guide.shown["inspector"]
    guide.hands.shift_click(guide.hands.at(0.45, 0.5))
    pump(0.3)
    kept = inspector.point.copy()
    guide.hands.move(guide.hands.at(0.8, 0.2))
    wait(lambda: inspector.idle, 5, "the inspector")
    guide.check(inspector.pinned and np.array_equal(inspector.point, kept), "Shift-click pins the point")
    guide.picture("pinned", inspector)
    guide.hands.key(Qt.Key.Key_I)
    guide.check(not inspector.pinned, "Shift-I lets go of it")


def _look_at(guide: Guide, at: QPointF) -> tuple[float, float]:
    """Move the mouse there; pixels between it and the point shown, and the worst relative error of the values."""
    inspector, field = guide.shown["inspector"], guide.shown["field"]
    guide.hands.move(at)
    pump(0.08)
    wait(lambda: inspector.idle, 5, "the inspector")
    pump(0.05)
    place, found = place_under(guide.viewer, guide.hands.canvas, at), inspector.evidence
    truth = field.evaluate(found.point[None])
    worst = max(abs(found.values[s] / truth[s][0] - 1) for s in SCALARS)
    return float(np.linalg.norm(found.point - place) * camera(guide.viewer).zoom), float(worst)


def glyphs(guide: Guide) -> None:
    """Shift-G: FODs over the map, at 3x and at 10x."""
    hands, overlay = guide.hands, fod_overlay(guide.viewer)
    hands.click(hands.button("home"))
    whole = camera(guide.viewer).zoom
    go_to(guide, SIGHT_MM)
    hands.key(Qt.Key.Key_G)
    guide.settle()
    for zoom in (3, 10):
        while camera(guide.viewer).zoom < zoom * whole:
            hands.wheel(1)
        guide.settle()
        check_count(guide, f"{zoom}x")
        guide.picture(f"glyphs_{zoom}x")
    guide.check(overlay.drawn.spacing < 1, "closer than the voxels")


def check_count(guide: Guide, where: str) -> None:
    """As many as fit into what is seen of the mask."""
    drawn = fod_overlay(guide.viewer).drawn
    area, _ = share_in_mask(guide.viewer, guide.shown["field"])
    expected = area / drawn.step**2
    edge = 4 * np.sqrt(expected) + 2  # those that the rim of the view cuts
    told = f"{where}: {drawn.count} glyphs {drawn.step:.2g} mm apart ({expected:.0f} fit in view)"
    guide.check(drawn.count > 0 and abs(drawn.count - expected) <= edge, told)


def peaks(guide: Guide) -> None:
    """Shift-K: the light mode, lines along the peaks."""
    overlay = fod_overlay(guide.viewer)
    guide.hands.key(Qt.Key.Key_K)
    guide.settle()
    guide.check(overlay.settings.show == "peaks" and overlay.drawn.count > 0, f"peaks: {overlay.text}")
    guide.picture("peaks")
    guide.hands.key(Qt.Key.Key_K)
    guide.check(overlay.layer is None, "Shift-K takes them away")


def finer_than_the_voxels_by_hand(guide: Guide) -> None:
    """A spacing of the user's own, down to a tenth of a voxel."""
    section, overlay = guide.shown["explorer"].fods, fod_overlay(guide.viewer)
    go_to(guide, SIGHT_MM)
    guide.hands.key(Qt.Key.Key_G)
    guide.hands.press(section.follow.native, Qt.Key.Key_Space)
    guide.hands.type_number(section.spacing.native, "0.1")
    guide.hands.wheel(13)
    guide.settle()
    voxel = float(voxel_sizes(guide.shown["field"].affine).min())
    spacing = overlay.drawn.step / voxel
    guide.check(abs(spacing - 0.1) < 0.01, f"{overlay.drawn.count} glyphs, {spacing:.2g} voxels apart")
    guide.hands.press(section.follow.native, Qt.Key.Key_Space)
    guide.hands.key(Qt.Key.Key_G)
    guide.hands.click(guide.hands.button("home"))
    go_to(guide, SIGHT_MM)
    guide.hands.wheel(6)
    guide.settle()


def maps_and_glyphs_in_3d(guide: Guide) -> None:
    """The volume in 3-D, with glyphs, and back."""
    hands, overlay = guide.hands, fod_overlay(guide.viewer)
    hands.click(hands.button("home"))
    hands.click(hands.button("ndisplay_button"))
    guide.settle()
    hands.wheel(3)
    hands.drag(hands.at(), QPointF(6, -8))
    guide.settle()
    guide.picture("in_3d")
    hands.key(Qt.Key.Key_G)
    guide.settle()
    guide.check(overlay.drawn.count > 20, f"in 3-D: {overlay.text}")
    guide.picture("glyphs_3d")
    hands.key(Qt.Key.Key_G)
    hands.click(hands.button("ndisplay_button"))
    hands.click(hands.button("home"))
    guide.settle()
    error, count = texel_error(guide.viewer, guide.shown["zoom"])
    guide.check(error <= TOLERANCE, f"back in 2-D: {count} texels within {error:.2%} of the range")
