"""FODs: glyphs or peaks above the maps, how close, how large."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, FloatSpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..fods.fod_overlay import fod_overlay
from ..fods.glyph_settings import COARSEST, FINEST, GlyphSettings
from .form import Rows, check_box, may_be_cut, named, paragraph, slider

_SHOW = [("nothing", "off"), ("glyphs", "glyphs"), ("peaks", "peaks")]
_SCALE = [("nothing (uniform)", "uniform"), ("f · intra-axonal fraction", "f"), ("the FOD's amplitude", "amplitude")]

_TIPS = {
    "show": "Draw the fibre orientation distributions of the fit in view: as surfaces, or as lines along their peaks.",
    "follow_zoom": "Draw more of them, between voxels too, as you zoom in.",
    "spacing": "Distance between neighbours, in voxels: 0.1 draws ten per voxel along each axis.",
    "size": "Size of a glyph; at 1, the usual ones just do not touch.",
    "scale_by": "What the size of a glyph stands for.",
    "least_p2": "Draw none where the orientation coherence p2 is below this.",
    "map_opacity": "How much of the maps beneath remains to be seen (2-D, glyphs).",
}


class FodSection(QWidget):
    """Controls of the FODs above the maps of a viewer.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._overlay = fod_overlay(viewer)
        now = self._overlay.settings
        self.show_choice = ComboBox(label="Show FODs as", choices=_SHOW, value=now.show)
        self.follow = check_box("Finer with the zoom", now.follow_zoom)
        self.spacing = FloatSpinBox(label="Spacing [voxels]", min=FINEST, max=COARSEST, step=0.1, value=now.spacing)
        self.scale_by = ComboBox(label="Size stands for", choices=_SCALE, value=now.scale_by)
        self.glyph_size = slider("Size", 0.3, 3.0, 0.05, now.size)
        self.least_p2 = slider("Only where p2 ≥", 0.0, 0.8, 0.01, now.least_p2)
        self.map_opacity = slider("Maps beneath", 0.0, 1.0, 0.05, now.map_opacity)
        self.status = paragraph("FODs in view")
        self._controls = {
            "show": self.show_choice,
            "follow_zoom": self.follow,
            "spacing": self.spacing,
            "scale_by": self.scale_by,
            "size": self.glyph_size,
            "least_p2": self.least_p2,
            "map_opacity": self.map_opacity,
        }
        self._arrange()
        self._follow(now)

    def close_section(self) -> None:
        """Let go of the overlay; what it shows stays, as a layer that keeps following the view."""
        if self._overlay is not None:
            self._overlay.changed.disconnect(self._follow)
            self._overlay.told.disconnect(self._tell)
            self._overlay = None  # type: ignore[assignment]

    def _arrange(self) -> None:
        for name, control in self._controls.items():
            named(control, control.label, _TIPS[name])
        for choice in (self.show_choice, self.scale_by):
            may_be_cut(choice)
        self._rows = Rows(self._controls.values())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._rows)
        layout.addWidget(self.status)
        for control in self._controls.values():
            control.changed.connect(self._change)
        self._overlay.changed.connect(self._follow)
        self._overlay.told.connect(self._tell)

    def _change(self) -> None:
        if self._overlay is not None:
            self._overlay.change(**{name: control.value for name, control in self._controls.items()})
            self._follow(self._overlay.settings)  # which may have refused

    def _follow(self, settings: GlyphSettings) -> None:
        """Show settings, whoever changed them."""
        for name, control in self._controls.items():
            with control.changed.blocked():
                control.value = getattr(settings, name)
        shown = settings.show != "off"
        for control in list(self._controls.values())[1:]:
            control.enabled = shown
        self.spacing.enabled = shown and not settings.follow_zoom
        self.map_opacity.enabled = settings.show == "glyphs"
        self._tell(self._overlay.text if self._overlay is not None else "")

    def _tell(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))
