"""One field in one viewer: its worker, its layers, and the wiring between them."""

from __future__ import annotations

import atexit
import time
from dataclasses import replace
from typing import Any

import numpy as np
from napari.utils.notifications import show_error

from ...errors import InputError
from ...sampling.coordinates import voxel_sizes
from ...sampling.field import Field
from .. import canvas_orientation
from .._qt.bridge import WorkerBridge
from .._qt.ending import end_with_python
from ..napari_compat import main_window, unwrapped
from ..parameter_look import Look
from ..preferences import preferences
from . import slider
from .curtain import Curtain
from .edge import Edge
from .pyramid import Pyramid
from .source import Source
from .view_state import ViewState
from .virtual_level import VirtualLevel
from .worker import MOVING_SECONDS, SETTLE_SECONDS, TileWorker
from .zoom_image import ZoomImage

PICTURE_SECONDS = 0.8
"""Longest time to wait for a picture of a fit under way to be complete."""

_sessions: dict[tuple[int, int], ZoomSession] = {}


def session_for(viewer: Any, field: Field) -> ZoomSession:
    """Give the session of a field in a viewer, started when there is none: all its layers share one worker."""
    key = (id(unwrapped(viewer)), id(field))
    if key not in _sessions:
        _sessions[key] = ZoomSession(viewer, field)
    return _sessions[key]


def session_of(layer: Any) -> ZoomSession | None:
    """Give the session a layer belongs to; ``None`` for other layers."""
    return next((s for s in _sessions.values() if any(unwrapped(layer) is own for own in s.layers)), None)


class ZoomSession:
    """Evaluates one field for one viewer, for as long as a layer shows it.

    Attributes
    ----------
    worker
        The evaluating thread; its ``tally`` counts points.
    """

    def __init__(self, viewer: Any, field: Field) -> None:
        self._viewer = viewer
        self._dims = unwrapped(viewer.dims)  # read from the slicing thread too
        reach = preferences().extrapolate * float(voxel_sizes(field.affine).min())
        self._source = Source.of(field, Pyramid.around(field.affine, field.mask.shape), Edge.of(field.affine, reach))
        self._bridge = WorkerBridge(self._refresh, self._show_error, self.close, main_window(viewer))
        self.worker = TileWorker(self._source, self._bridge.news, self._bridge.error)
        self._slider = slider.share(viewer, self._source.pyramid)
        self._automatic: dict[int, tuple[float, float]] = {}  # limits set from the data, by id of the layer
        self._thumbnails_done = False
        self._drawn = 0.0
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)
        canvas_orientation.attach(viewer)
        end_with_python(viewer)
        atexit.register(self.close)  # a viewer without a window has a thread, too

    @property
    def field(self) -> Field:
        """The field being shown."""
        return self._source.channels.field

    @property
    def layers(self) -> list[Any]:
        """Layers of the viewer that show this field, duplicates made by the user included."""
        return [layer for layer in unwrapped(self._viewer).layers if self._image(layer) is not None]

    @property
    def settled(self) -> bool:
        """Whether everything in view is evaluated and drawn."""
        ndisplay = self._state().ndisplay
        images = [(layer, self._image(layer)) for layer in self.layers]
        return self.worker.idle and not any(i.outdated(ndisplay) for layer, i in images if i and layer.visible)

    def add(self, parameter: str, **options: Any) -> Any:
        """Add a layer for one parameter; ``options`` go to ``viewer.add_image``."""
        if parameter not in self._source.channels.shown:
            known = ", ".join(self._source.channels.shown)
            raise InputError("parameter", f"{parameter!r} is not in this field.", f"Choose one of {known}.")
        image = ZoomImage(self.worker, lambda: self._source, parameter, self._position)
        pyramid = self._source.pyramid
        levels = [VirtualLevel(image, level) for level in range(len(pyramid.shapes))]
        first = not len(self._viewer.layers)
        look = Look.of(parameter)
        layer = self._viewer.add_image(
            levels,
            multiscale=True,
            scale=pyramid.scale,
            translate=pyramid.translate,
            projection_mode="none",
            interpolation2d="linear",
            rgb=image.colours,
            **{**look.options(), **options},
        )
        look.finish(layer)
        if not image.colours and look.limits is None and "contrast_limits" not in options:
            self._automatic[id(unwrapped(layer))] = tuple(layer.contrast_limits)
        self._slider.impose()
        if first:
            self._slider.go_to_centres()
        self._bridge.news()
        return layer

    def draw_curtain(self, layer: Any, curtain: Curtain | None) -> None:
        """Let one of the layers end at a line, or show it whole again."""
        image = self._image(unwrapped(layer))
        if image is not None and image.curtain != curtain:
            image.curtain = curtain
            layer.refresh(extent=False, thumbnail=False, highlight=False)

    def parameter_of(self, layer: Any) -> str | None:
        """Say what one of the layers shows."""
        image = self._image(unwrapped(layer))
        return None if image is None else image.parameter

    @property
    def edge(self) -> Edge:
        """How far beyond its mask the field is shown."""
        return self._source.edge

    def extrapolate(self, reach: float) -> None:
        """Show the field up to a distance beyond its mask [mm], before it fades out."""
        self._source.move_edge(replace(self._source.edge, reach=max(float(reach), 0.0)))
        self.worker.wake()
        self._bridge.news()

    def replace_field(self, field: Field) -> None:
        """Show another field of the same scan, e.g. a better fit, in the same layers.

        Raises
        ------
        InputError
            If the field has another grid or other parameters than the layers were made for.
        """
        self._check_same_scan(field)
        self._turn_to(Source.of(field, self._source.pyramid, self._source.edge))

    def follow(self, field: Field) -> None:
        """Show the state of a fit under way in the same layers, soon to be followed by another.

        The picture changes at once where one looks, at the resolution of the screen as far as there is time.

        Raises
        ------
        InputError
            As :meth:`replace_field`.
        """
        self._check_same_scan(field)
        self._turn_to(self._source.followed_by(field))
        if self._state().ndisplay == 2:
            for _, image in self._shown():
                image.ask_again()

    def rest(self) -> None:
        """The fit pauses: complete the picture of its present state."""
        self._source.live = False
        self._redraw()

    def _check_same_scan(self, field: Field) -> None:
        pyramid = Pyramid.around(field.affine, field.mask.shape)
        same = pyramid.shapes == self._source.pyramid.shapes and np.allclose(pyramid.low, self._source.pyramid.low)
        if not same or field.parameters != self.field.parameters:
            raise InputError("field", "is not of the same scan as the layer.", "Add a new layer for it.")

    def _turn_to(self, source: Source) -> None:
        key = next((k for k, s in _sessions.items() if s is self), None)
        self._source = source
        self._thumbnails_done = False
        if key is not None:
            _sessions[key[0], id(source.channels.field)] = _sessions.pop(key)
        self.worker.replace(source)
        if not source.live:  # else there is news when the next picture is there
            self._bridge.news()

    def _shown(self) -> list[tuple[Any, ZoomImage]]:
        """List the visible layers with their images."""
        pairs = [(layer, self._image(layer)) for layer in self.layers if layer.visible]
        return [(layer, image) for layer, image in pairs if image is not None]

    def _redraw(self) -> None:
        for layer, _ in self._shown():
            layer.refresh(extent=False, thumbnail=False, highlight=False)

    def close(self) -> None:
        """Stop the worker and let go of the viewer; what was computed stays visible."""
        key = next((k for k, s in _sessions.items() if s is self), None)
        if key is None:
            return
        del _sessions[key]
        atexit.unregister(self.close)
        self.worker.stop()
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._viewer.dims.events.ndisplay.disconnect(self._on_ndisplay)
        slider.release(self._viewer)
        self._bridge.close()
        self._source.cache.clear()

    def _image(self, layer: Any) -> ZoomImage | None:
        data = layer.data
        first = data[0] if getattr(layer, "multiscale", False) else None
        if isinstance(first, VirtualLevel) and first.image.belongs_to(self.worker):
            return first.image
        return None

    def _position(self, axis: int) -> float | None:
        return self._state().position(axis)

    def _state(self) -> ViewState:
        return ViewState(tuple(self._dims.point), tuple(self._dims.order), int(self._dims.ndisplay))

    def _refresh(self) -> None:
        """Draw what has become known since the last time; rarely while the view moves, as napari then draws anyway."""
        now = time.monotonic()
        if self._source.live and not self.worker.idle and now - self._drawn < PICTURE_SECONDS:
            self._bridge.news()  # one drawing a picture: each takes the processor from the fit
            return
        if now - self.worker.moved < SETTLE_SECONDS and now - self._drawn < MOVING_SECONDS:
            self._bridge.news()
            return
        self._drawn = now
        ndisplay = self._state().ndisplay
        complete = self._source.resident.complete
        thumbnail = complete and not self._thumbnails_done and not self._source.live
        self._thumbnails_done = complete
        for layer in self.layers:
            image = self._image(layer)
            if image is None:
                continue
            self._update_limits(layer, image)
            if not layer.visible or ndisplay == 3:
                image.release()
            if layer.visible and (thumbnail or image.outdated(ndisplay)):
                layer.refresh(extent=False, thumbnail=thumbnail, highlight=False)

    def _update_limits(self, layer: Any, image: ZoomImage) -> None:
        """Follow the data with the contrast limits until the volume is known or the user has set them."""
        given = self._automatic.get(id(layer))
        if given is None:
            return
        if tuple(layer.contrast_limits) != given:
            del self._automatic[id(layer)]
            return
        found = self._source.resident.limits(self._source.channels.recipe(image.parameter))
        if found is not None and found != given:
            layer.contrast_limits_range = found
            layer.contrast_limits = found
            self._automatic[id(layer)] = tuple(layer.contrast_limits)

    def _on_removed(self) -> None:
        if not self.layers:
            self.close()

    def _on_ndisplay(self) -> None:
        self._bridge.set_interval(self._state().ndisplay)
        self._bridge.news()

    def _show_error(self, error: Exception) -> None:
        show_error(f"The field could not be evaluated: {error}")
