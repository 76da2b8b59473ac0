"""One parameter of a field as the viewer sees it: answers at once with the best image known, and asks for better."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .curtain import Curtain
from .frame import Frame
from .pyramid import Pyramid
from .tile_cache import at_stride
from .view_state import STRIDES, PlaneView, Tile
from .worker import Source, TileWorker

Float = NDArray[np.float32]

MAX_PIXELS = 4096**2
"""Beyond this an image is for a file, not for a screen: enlarged from the resident volume, never evaluated."""


class ZoomImage:
    """The images of one layer. Never evaluates the field, never raises, may be asked from any thread.

    Parameters
    ----------
    worker
        Evaluates what is missing.
    source
        Gives the field in its present state.
    channel
        Column of the parameter.
    position
        Exact slider position [mm] along a world axis, if there is one.
    """

    def __init__(
        self,
        worker: TileWorker,
        source: Callable[[], Source],
        channel: int,
        position: Callable[[int], float | None],
    ) -> None:
        self._worker, self._source, self._channel, self._position = worker, source, channel, position
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self._frame_source: Source | None = None
        self._volume_progress = -1
        self.curtain: Curtain | None = None
        self.composed = 0

    @property
    def pyramid(self) -> Pyramid:
        """Levels of the layer."""
        return self._source().pyramid

    @property
    def channel(self) -> int:
        """Column of the parameter in the field."""
        return self._channel

    @property
    def drawn(self) -> Frame | None:
        """The image last composed."""
        return self._frame

    def belongs_to(self, worker: TileWorker) -> bool:
        """Whether this worker makes its pixels."""
        return self._worker is worker

    def exact_plane(self, level: int, axis: int, index: int) -> float:
        """Position [mm] of the plane meant by napari's sample number: the slider's own, if it is that sample's."""
        pyramid = self.pyramid
        centre = float(pyramid.centre(level, axis, index))
        point = self._position(axis)
        if point is None or not pyramid.low[axis] <= point <= pyramid.high[axis]:
            return centre
        # napari scales sample numbers between levels without the half-sample shift: it may be one sample off
        return point if abs(point - centre) <= 1.001 * pyramid.step(level)[axis] else centre

    def read(self, view: PlaneView) -> Float:
        """Compose the image of a view from what is known, and put what is missing on the worker's list."""
        if np.prod(view.shape) > MAX_PIXELS:
            return self.backdrop(view)
        with self._lock:
            source = self._source()
            frame = self._current(view, source)
            self._improve(frame, source)
            self.composed += 1
            self._worker.want(self, view, self._missing(frame, source))
            values = frame.values.copy()
        if self.curtain is not None:
            self.curtain.draw(values, source.pyramid, view)
        return values

    def backdrop(self, view: PlaneView) -> Float:
        """Give the image of a view from the resident volume alone."""
        source = self._source()
        frame = Frame(source.pyramid, view)
        frame.seed(source.resident.plane(self._channel, view.axis, view.plane), source.resident.spacing)
        return frame.values

    def volume(self) -> Float:
        """(Z, Y, X) values at the coarsest level, NaN where transparent."""
        resident = self._source().resident
        self._volume_progress = resident.progress
        return resident.volume(self._channel)

    def outdated(self, ndisplay: int) -> bool:
        """Whether more is known by now than was last drawn."""
        source = self._source()
        if ndisplay == 3:
            return self._volume_progress != source.resident.progress
        frame = self._frame
        if frame is None:
            return False
        return self._frame_source is not source or self._can_seed(frame, source) or any(self._finer(frame, source))

    def release(self) -> None:
        """Stop asking for anything, for as long as nobody looks."""
        self._worker.forget(self)

    def _current(self, view: PlaneView, source: Source) -> Frame:
        frame = self._frame
        if frame is not None and frame.view == view and self._frame_source is source:
            return frame
        fresh = Frame(source.pyramid, view)
        if frame is not None:
            fresh.inherit(frame)
            if self._frame_source is not source:  # another field: keep its picture only until anything replaces it
                fresh.detail.fill(np.inf)
        fresh.seeded = False
        self._frame, self._frame_source = fresh, source
        return fresh

    def _can_seed(self, frame: Frame, source: Source) -> bool:
        return not frame.seeded and source.resident.knows(frame.view.axis, frame.view.plane)

    def _improve(self, frame: Frame, source: Source) -> None:
        if self._can_seed(frame, source):
            plane = source.resident.plane(self._channel, frame.view.axis, frame.view.plane)
            frame.seed(plane, source.resident.spacing)
        for tile, samples in self._finer(frame, source):
            frame.paste(tile, samples[self._channel])

    def _finer(self, frame: Frame, source: Source) -> Any:
        """Tiles known at a finer stride than drawn."""
        for tile, drawn in frame.unfinished():
            known = source.cache.finest(tile)
            if known and known[0].stride < drawn:
                yield known[0], known[1]

    def _missing(self, frame: Frame, source: Source) -> list[Tile]:
        """Tiles to evaluate: no pass that would be no finer than what is already drawn."""
        missing = []
        for tile, drawn in frame.unfinished():
            worst = frame.coarsest_detail(tile)
            passes = [at_stride(tile, s) for s in STRIDES if s < drawn and (s == 1 or s * frame.pixel < worst)]
            missing += [version for version in passes if version not in source.cache]
        return missing
