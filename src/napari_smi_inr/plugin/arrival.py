"""What a reader cannot say in layer data: what to do to the viewer once its layers are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
import numpy as np

from . import canvas_orientation
from .layer_origin import Origin, ScanOrigin, origin_of

Action = Callable[[Any, Any], bool]
"""Called with the viewer and each layer that arrives, until it returns True."""


def when_added(action: Action) -> None:
    """Do something as the layers of a reader arrive in the viewer.

    A reader hands layers back without knowing where they go; the viewer that asked is the current one. Where there is
    none (npe2 used on its own), there is nothing to wait for.
    """
    viewer = napari.current_viewer()
    if viewer is not None:
        _Awaited(viewer, action)


def stand_upright(origin: Origin) -> None:
    """Once a scan or mask arrives, orient the canvas, and start at a volume where anatomy can be seen."""

    def act(viewer: Any, layer: Any) -> bool:
        if origin_of(layer) is not origin:
            return False
        canvas_orientation.attach(viewer)
        if isinstance(origin, ScanOrigin) and origin.acquisition is not None:
            viewer.dims.set_point(0, int(np.argmin(origin.acquisition.b)))
        return True

    when_added(act)


class _Awaited:
    """An action waiting for its layers."""

    def __init__(self, viewer: Any, action: Action) -> None:
        self._viewer, self._action = viewer, action
        self._acting = False
        self._connected = self._on_inserted
        viewer.layers.events.inserted.connect(self._connected)
        _waiting.add(self)

    def _on_inserted(self, event: Any) -> None:
        if self._acting:  # a layer that the action itself adds
            return
        self._acting = True
        done = self._action(self._viewer, event.value)
        self._acting = False
        if done:
            self._viewer.layers.events.inserted.disconnect(self._connected)
            _waiting.discard(self)


_waiting: set[_Awaited] = set()
"""napari's events hold callbacks weakly."""
