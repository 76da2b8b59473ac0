"""A zoom layer's pixels for a canvas larger than the window: complete before the picture is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..napari_compat import unwrapped
from ..zoom.session import session_of
from ..zoom.view_state import TILE, PlaneView
from ..zoom.worker import TileWorker
from ..zoom.zoom_image import ZoomImage

Float = NDArray[np.float32]

Idle = Callable[[], bool]
"""Tells whether the worker has done all it was asked to."""

_BLOCK = 6 * TILE
"""Pixels along each side of what is composed at once: some 10 ms of the main thread."""

_TOGETHER = 4
"""Blocks under way at once, so that the worker never waits for the next."""


class Understudy:
    """Stands in for a zoom image while a picture is taken, and knows the whole part.

    Parameters
    ----------
    image
        Whom it stands in for; asked for everything but pixels.

    Attributes
    ----------
    asked
        View last asked for.
    """

    def __init__(self, image: ZoomImage) -> None:
        self._image = image
        self.asked: PlaneView | None = None
        self._known: dict[PlaneView, Float] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._image, name)

    @property
    def ready(self) -> bool:
        """Whether what was last asked for was given in full."""
        return self.asked is None or self.asked in self._known

    def read(self, view: PlaneView) -> Float:
        """Give the finished image of a view; a blank one while it is not known, as in a rehearsal."""
        self.asked = view
        if view in self._known:
            return self._known[view]
        depth = (4,) if self._image.colours else ()
        return np.full((*view.shape, *depth), np.nan, np.float32)

    def learn(self, idle: Idle) -> Iterator[float]:
        """Have the view last asked for computed in full; yields the share that is done.

        Parameters
        ----------
        idle
            Tells whether the worker has done all it was asked to.
        """
        view = self.asked
        if view is None or view in self._known:
            return
        values = self.read(view)
        blocks = _blocks(view)
        for start in range(0, len(blocks), _TOGETHER):
            for block, part in _computed(self._image, blocks[start : start + _TOGETHER], idle):
                if part is not None:
                    values[_place(block, view)] = part
                yield start / len(blocks)
        self._known = {view: values}


def _computed(image: ZoomImage, blocks: list[PlaneView], idle: Idle) -> Iterator[tuple[PlaneView, Float | None]]:
    """Compute some blocks; yields ``None`` for one while waiting, its pixels once all are there."""
    own = [copy(image) for _ in blocks]  # each asks the worker in its own name, and the screen in its own
    try:
        complete = False
        while not complete:
            complete = True
            for each, block in zip(own, blocks, strict=True):
                part = each.read(block)
                complete = complete and idle() and not each.outdated(2)
                yield block, part
            while not idle():
                yield blocks[0], None
    finally:
        for each in own:
            each.release()


def _blocks(view: PlaneView) -> list[PlaneView]:
    """Cut a view at borders of tiles."""
    rows, columns = (_cut(*span) for span in (view.rows, view.columns))
    return [PlaneView(view.axis, view.plane, view.level, r, c) for r in rows for c in columns]


def _cut(start: int, stop: int) -> list[tuple[int, int]]:
    inner = range((start // _BLOCK + 1) * _BLOCK, stop, _BLOCK)
    borders = [start, *inner, stop]
    return list(pairwise(borders))


def _place(block: PlaneView, view: PlaneView) -> tuple[slice, slice]:
    (r, c), rows, columns = (view.rows[0], view.columns[0]), block.rows, block.columns
    return slice(rows[0] - r, rows[1] - r), slice(columns[0] - c, columns[1] - c)


class Cast:
    """The understudies of all zoom layers to be seen in a viewer."""

    def __init__(self, viewer: Any) -> None:
        self._layers = [layer for layer in unwrapped(viewer).layers if layer.visible and session_of(layer) is not None]
        images = {id(level.image): level.image for layer in self._layers for level in layer.data}
        self._understudies = {key: Understudy(image) for key, image in images.items()}

    @property
    def ready(self) -> bool:
        """Whether all that was asked for in the last performance was given in full."""
        return all(understudy.ready for understudy in self._understudies.values())

    @contextmanager
    def on_stage(self) -> Iterator[None]:
        """Let them play; the zoom images play again afterwards. On the main thread, within one event."""
        levels = [level for layer in self._layers for level in layer.data]
        images = [level.image for level in levels]
        drawn = [layer.data_level for layer in self._layers]
        for understudy in self._understudies.values():
            understudy.asked = None
        for level, image in zip(levels, images, strict=True):
            level.image = self._understudies[id(image)]
        for layer in self._layers:
            layer.events.reload.connect(_slice_at_once)
        try:
            for layer in self._layers:
                layer.refresh(extent=False, thumbnail=False, highlight=False)
            yield
        finally:
            for level, image in zip(levels, images, strict=True):
                level.image = image
            for layer, before in zip(self._layers, drawn, strict=True):
                layer.events.reload.disconnect(_slice_at_once)
                if layer.data_level == before:  # napari then takes the screen's image for the one just given
                    layer.refresh(extent=False, thumbnail=False, highlight=False)

    def learn(self) -> Iterator[float]:
        """Have everything last asked for computed in full; yields the share that is done."""
        total = max(len(self._understudies), 1)
        for done, (layer, understudy) in enumerate(self._with_layers()):
            session = session_of(layer)
            if session is None:  # removed meanwhile
                return
            for share in understudy.learn(partial(_idle, session.worker)):
                yield (done + share) / total

    def _with_layers(self) -> list[tuple[Any, Understudy]]:
        owner = {id(level.image): layer for layer in self._layers for level in layer.data}
        return [(owner[key], understudy) for key, understudy in self._understudies.items()]


def _idle(worker: TileWorker) -> bool:
    return worker.idle


def _slice_at_once(event: Any) -> None:
    """Slice on this thread where napari would on another: the picture will not wait for it."""
    event.layer.set_view_slice()
    event.layer.events.set_data()
