"""One parameter of a field as the viewer sees it: answers at once with the best image known, and asks for better."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .channels import Recipe
from .curtain import Curtain
from .frame import Frame, enlarged, magnified
from .pyramid import Pyramid
from .source import Source
from .tile_cache import at_stride
from .view_state import PlaneView, Tile
from .worker import TileWorker

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
    parameter
        What to show of it.
    position
        Exact slider position [mm] along a world axis, if there is one.
    """

    def __init__(
        self,
        worker: TileWorker,
        source: Callable[[], Source],
        parameter: str,
        position: Callable[[int], float | None],
    ) -> None:
        self._worker, self._source, self._position = worker, source, position
        self.parameter = parameter
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self._frame_of: tuple[Source, int] | None = None  # field and reach that the image was begun for
        self._drawn: tuple[Any, ...] = ()
        self._finished: tuple[Any, Float] | None = None  # what the last image was made of, and it without a curtain
        self._volume_progress = -1
        self.viewed: PlaneView | None = None  # what was last asked for
        self.curtain: Curtain | None = None
        self.composed = 0

    @property
    def pyramid(self) -> Pyramid:
        """Levels of the layer."""
        return self._source().pyramid

    @property
    def colours(self) -> bool:
        """Whether images are (…, 4) red, green, blue and opacity."""
        return self._recipe(self._source()).colours

    @property
    def drawn(self) -> Frame | None:
        """The samples last drawn from."""
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
            self.viewed = view
            source = self._source()
            inner = source.evaluated(view)
            frame = self._current(inner, source)
            self._improve(frame, source)
            self.composed += 1
            self._worker.want(self, inner, self._missing(frame, source))
            self._drawn = (source.edge, source.resident.edge)
            made_of = (view, frame, frame.improved, *self._drawn)
            if self._finished is None or self._finished[0] != made_of:
                self._finished = made_of, self._finish(source, frame, view)
            image = self._finished[1]
        return self._curtained(image, source, view)

    def ask_again(self) -> None:
        """Ask for the last view of a field that has changed, before anything is drawn anew."""
        with self._lock:
            source = self._source()
            if self.viewed is None or np.prod(self.viewed.shape) > MAX_PIXELS:
                return
            inner = source.evaluated(self.viewed)
            self._worker.want(self, inner, self._missing(self._current(inner, source), source))

    def backdrop(self, view: PlaneView) -> Float:
        """Give the image of a view from the resident volume alone."""
        source = self._source()
        plane = source.resident.plane(self._recipe(source).columns, view.axis, view.plane)
        picture = self._recipe(source).finish(enlarged(plane, source.pyramid, view))
        return self._curtained(self._masked(source, view, picture, np.ones(view.shape, bool)), source, view)

    def volume(self) -> Float:
        """(Z, Y, X[, 4]) values at the coarsest level, transparent outside."""
        source = self._source()
        self._volume_progress = source.resident.progress
        return source.resident.volume(self._recipe(source))

    def outdated(self, ndisplay: int) -> bool:
        """Whether more is known by now than was last drawn."""
        source = self._source()
        if ndisplay == 3:
            return self._volume_progress != source.resident.progress
        frame = self._frame
        if frame is None:
            return False
        if self._frame_of != (source, source.reached) or self._drawn != (source.edge, source.resident.edge):
            return True
        return frame.view.level < source.limit or self._can_seed(frame, source) or any(self._finer(frame, source))

    def release(self) -> None:
        """Stop asking for anything, for as long as nobody looks."""
        self._worker.forget(self)

    def _recipe(self, source: Source) -> Recipe:
        return source.channels.recipe(self.parameter)

    def _finish(self, source: Source, frame: Frame, view: PlaneView) -> Float:
        """Make the image of a view from samples of the same plane, as coarse as loses nothing."""
        finish = self._recipe(source).finish
        if frame.view == view:
            return self._masked(source, view, finish(frame.values), np.isfinite(frame.detail))
        between = source.interpolated(view)
        picture = finish(frame.at(between))
        if between != view:
            picture = magnified(picture, between, source.pyramid, view)
        return self._masked(source, view, picture, frame.known(view))

    def _masked(self, source: Source, view: PlaneView, picture: Float, known: NDArray[np.bool_]) -> Float:
        """Let (rows, columns[, 3]) of a picture fade out beyond the mask."""
        rim = source.rim(view)
        if self._recipe(source).colours:
            opacity = known if rim is None else np.where(known, rim.opacity, 0)
            return np.concatenate([picture, opacity[..., None]], axis=-1, dtype=np.float32)
        shown = known if rim is None else known & rim.kept
        return np.where(shown, picture, np.float32(np.nan))

    def _curtained(self, image: Float, source: Source, view: PlaneView) -> Float:
        if self.curtain is None:
            return image
        image = image.copy()
        self.curtain.draw(image, source.pyramid, view)
        return image

    def _current(self, view: PlaneView, source: Source) -> Frame:
        frame, made_of = self._frame, (source, source.reached)
        if frame is not None and frame.view == view and self._frame_of == made_of:
            return frame
        fresh = Frame(source.pyramid, view, len(self._recipe(source).columns))
        if frame is not None:
            fresh.inherit(frame)
            if self._frame_of != made_of:
                fresh.draw_again()
            if self._frame_of is not None and self._frame_of[0] is not source:
                fresh.grow_stale()
        self._frame, self._frame_of = fresh, made_of
        return fresh

    def _can_seed(self, frame: Frame, source: Source) -> bool:
        return not frame.seeded and source.resident.knows(frame.view.axis, frame.view.plane)

    def _improve(self, frame: Frame, source: Source) -> None:
        columns = self._recipe(source).columns
        if self._can_seed(frame, source):
            plane = source.resident.plane(columns, frame.view.axis, frame.view.plane)
            frame.seed(plane, source.resident.spacing, only_unknown=source.live)
        for tile, samples in self._finer(frame, source):
            frame.paste(tile, samples[list(columns)])

    def _finer(self, frame: Frame, source: Source) -> Iterator[tuple[Tile, Float]]:
        """Tiles known at a finer stride than drawn."""
        for tile, drawn in frame.unfinished():
            known = source.cache.finest(tile)
            if known and known[0].stride < drawn:
                yield known

    def _missing(self, frame: Frame, source: Source) -> list[Tile]:
        """Tiles to evaluate: no pass that would be no finer than what is already drawn."""
        missing = []
        strides = source.strides(frame.detail.size)
        for tile, drawn in frame.unfinished():
            worst = frame.coarsest_detail(tile)
            passes = [at_stride(tile, s) for s in strides if s < drawn and (s == 1 or s * frame.pixel < worst)]
            missing += [version for version in passes if version not in source.cache]
        return missing
