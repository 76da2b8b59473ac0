"""FODs above the maps of one viewer: what is drawn follows what is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary, ref

import napari.viewer
from napari.utils.notifications import show_error
from psygnal import Signal

from .._qt.ending import end_with_python
from .._qt.latest import Latest
from .._qt.settling import Settling
from ..helper import Attempt
from ..layer_origin import origin_in_focus
from ..napari_compat import camera, main_window, unwrapped
from ..taking.settled import also_wait_for
from .fod_drawing import Drawing, FodSource, Request, draw
from .fod_layers import GlyphLayer, PeakLayer, shows_fods
from .fod_view import read_view
from .glyph_settings import GlyphSettings, Show

_CARRIERS: dict[str, type[GlyphLayer] | type[PeakLayer]] = {"glyphs": GlyphLayer, "peaks": PeakLayer}

NO_FIT = "There is no fit whose FODs could be shown. Fit a scan, or open a field or maps with FODs."

_overlays: WeakKeyDictionary[Any, FodOverlay] = WeakKeyDictionary()


def fod_overlay(viewer: Any) -> FodOverlay:
    """Give the one overlay of a viewer; it costs nothing as long as it shows nothing."""
    key = unwrapped(viewer)
    if key not in _overlays:
        _overlays[key] = FodOverlay(viewer)
    return _overlays[key]


def _drawn_in(viewer: Any) -> bool:
    """Whether FODs, if they are shown at all, are those of the present view."""
    overlay = _overlays.get(unwrapped(viewer))
    return overlay is None or overlay.settled


also_wait_for(_drawn_in)  # before a picture is taken


def toggle_glyphs(viewer: napari.viewer.Viewer) -> None:
    """Show or hide FODs as glyphs."""
    _toggle(viewer, "glyphs")


def toggle_peaks(viewer: napari.viewer.Viewer) -> None:
    """Show or hide the peaks of FODs as lines."""
    _toggle(viewer, "peaks")


def _toggle(viewer: Any, show: Show) -> None:
    overlay = fod_overlay(viewer)
    overlay.change(show="off" if overlay.settings.show == show else show)


class FodOverlay:
    """Draws the FODs of the fit in focus, in view, while its layer is in the viewer.

    Attributes
    ----------
    settings
        What is shown; changed by :meth:`change`.
    drawn
        The present drawing, if any.
    """

    changed = Signal(GlyphSettings)
    """New settings, whoever changed them."""

    told = Signal(str)
    """What is drawn, in words."""

    def __init__(self, viewer: Any) -> None:
        self._viewer_ref = ref(unwrapped(viewer))
        self.settings = GlyphSettings()
        self.drawn: Drawing | None = None
        self._source: FodSource | None = None
        self._carrier: GlyphLayer | PeakLayer | None = None
        self._latest: Latest | None = None
        self._settling: Settling | None = None
        self._asked: Request | None = None
        self._answered: Request | None = None
        self._told_error = ""
        self._busy = False

    @property
    def _viewer(self) -> Any:
        viewer = self._viewer_ref()
        assert viewer is not None  # whose events call us
        return viewer

    @property
    def text(self) -> str:
        """What is drawn, in words."""
        return describe(self.drawn) if self.drawn is not None else ""

    @property
    def layer(self) -> Any:
        """The layer drawn into; ``None`` while nothing is shown."""
        return self._carrier.layer if self._carrier is not None else None

    @property
    def settled(self) -> bool:
        """Whether all that was asked is drawn."""
        if self._settling is None:
            return True
        return not self._settling.waiting and self._asked == self._answered

    def change(self, **settings: Any) -> None:
        """Change some of the settings; says so where there is no fit to show."""
        wanted = replace(self.settings, **settings)
        if wanted == self.settings:
            return
        if wanted.show != "off" and self._focus() is None:
            show_error(NO_FIT)
            wanted = replace(wanted, show="off")
        self.settings = wanted
        if wanted.show == "off":
            self.close()
        else:
            self._open()
        self.changed.emit(self.settings)

    def close(self) -> None:
        """Take the layer away, end the thread and let go of viewer and fit."""
        if self._settling is None or self._latest is None:
            return
        settling, latest, layer = self._settling, self._latest, self.layer
        self._settling = self._latest = self._carrier = None
        self._source = self.drawn = self._asked = self._answered = None
        for emitter, callback in self._connections():
            emitter.disconnect(callback)
        settling.close()
        latest.close()
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        self.settings = replace(self.settings, show="off")
        self.told.emit("")

    def _open(self) -> None:
        if self._settling is None:
            self._latest = Latest(draw)
            self._latest.answered.connect(self._on_answer)
            self._settling = Settling(self._ask, self._on_end, main_window(self._viewer))
            for emitter, callback in self._connections():
                emitter.connect(callback)
            end_with_python(self._viewer)
        self._settling.stepped()

    def _connections(self) -> list[tuple[Any, Any]]:
        viewer, dims, cam = self._viewer, self._viewer.dims, camera(self._viewer)
        return [
            (cam.events.center, self._on_motion),
            (cam.events.zoom, self._on_motion),
            (cam.events.angles, self._on_motion),
            (cam.events.orientation, self._on_step),
            (viewer.canvas.events.size, self._on_motion),
            (dims.events.point, self._on_step),
            (dims.events.order, self._on_step),
            (dims.events.ndisplay, self._on_step),
            (viewer.events.theme, self._on_step),
            (viewer.layers.events.inserted, self._on_inserted),
            (viewer.layers.events.removed, self._on_removed),
            (viewer.layers.selection.events.active, self._on_step),
        ]

    def _on_motion(self) -> None:
        if self._settling is not None:
            self._settling.moved()

    def _on_step(self) -> None:
        if self._settling is not None:
            self._settling.stepped()

    def _on_end(self) -> None:
        """The window is gone, its layers with it."""
        self._carrier = None
        self.close()

    def _on_inserted(self, event: Any) -> None:
        if self._busy or self.layer is None or shows_fods(event.value):
            return
        layers = self._viewer.layers
        layers.move(layers.index(self.layer), len(layers))  # above any map
        self._on_step()

    def _on_removed(self) -> None:
        if self._busy:
            return
        if self.layer is not None and self.layer not in self._viewer.layers:
            self._carrier = None
            self.close()
            self.changed.emit(self.settings)
        else:
            self._on_step()

    def _focus(self) -> FodSource | None:
        """The fit in focus; the one that is drawn while its own layer is selected, or no fit is left."""
        if self._source is not None and shows_fods(self._viewer.layers.selection.active):
            return self._source
        origin = origin_in_focus(self._viewer)
        if origin is None or (self._source is not None and origin.field is self._source.field):
            return self._source
        return FodSource(origin.field)

    def _ask(self) -> None:
        self._source = self._focus()
        if self._source is None or self._latest is None or (self.layer is not None and not self.layer.visible):
            return
        view = read_view(self._viewer, self._source)
        if view is None:
            self.told.emit("FODs are drawn where the canvas shows two or three axes of space.")
            return
        request = Request(self._source, self.settings, view)
        if request != self._asked:
            self._asked = request
            self._latest.ask(request)

    def _on_answer(self, attempt: Attempt) -> None:
        if self._settling is None:
            return
        if attempt.error is not None:
            self._answered = self._asked
            self._tell_error(attempt.error)
            return
        drawing: Drawing = attempt.value
        self._answered = drawing.request
        if drawing.request.settings.show != self.settings.show or drawing.request.source is not self._source:
            return  # overtaken
        self._carry(drawing)
        self.drawn = drawing
        self.told.emit(describe(drawing))

    def _tell_error(self, error: Exception) -> None:
        """Once, although every view is drawn anew."""
        if str(error) != self._told_error:
            self._told_error = str(error)
            show_error(f"The FODs could not be drawn: {error}")

    def _carry(self, drawing: Drawing) -> None:
        """Put a drawing into the layer of its kind, made where there is none."""
        self._busy = True
        try:
            if self._carrier is None or self._carrier.show != drawing.request.settings.show:
                self._replace_carrier(drawing)
            assert self._carrier is not None
            self._carrier.put(drawing)
        finally:
            self._busy = False

    def _replace_carrier(self, drawing: Drawing) -> None:
        layers = self._viewer.layers
        before, former = layers.selection.active, self.layer
        kind = _CARRIERS[drawing.request.settings.show]
        self._carrier = kind(self._viewer, drawing.request.source.lattice)
        self._carrier.layer.events.visible.connect(self._on_step)
        if former is not None:
            layers.remove(former)
        if before is not None and before is not former:
            layers.selection.active = before  # with its controls


def describe(drawing: Drawing) -> str:
    """Say what is drawn: how many, how far apart."""
    what = {"glyphs": "glyph", "peaks": "point"}[drawing.request.settings.show]
    if not drawing.count:
        return "No FOD in view: none within the mask, or p2 is too low."
    number = f"{drawing.count:,} {what}{'s' if drawing.count != 1 else ''}".replace(",", "\u202f")
    text = f"{number}, {drawing.step:.3g} mm apart ({drawing.spacing:.3g} voxel)."
    return f"{text} Closer ones would be too many: zoom in." if drawing.raised else text
