"""The one thread that evaluates a field for the viewer: what is wanted now, coarse to fine, dropping what is stale."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .source import Source
from .tile_cache import at_stride
from .view_state import STRIDES, TILE, PlaneView, Tile

THREAD_NAME = "smi-inr tiles"

SETTLE_SECONDS = 0.08
"""A view is at rest when it has not changed for this long."""

MOVING_SECONDS = 0.25
"""In motion only one batch of the coarser passes is evaluated in this time: drawing needs the processor."""


@dataclass
class Tally:
    """What the worker has done, in points of the field."""

    evaluated: int = 0
    abandoned: int = 0
    resident: int = 0


class TileWorker:
    """Owns the thread, the queue and nothing else; results go to the source's cache and resident volume.

    Parameters
    ----------
    source
        What to evaluate.
    progressed
        Called on the worker's thread after each result; must not block.
    failed
        Called there once with the error, should the field raise one. Nothing is evaluated after that.
    """

    def __init__(self, source: Source, progressed: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self._source = source
        self._progressed, self._failed = progressed, failed
        self._condition = threading.Condition()
        self._queues: dict[Hashable, deque[Tile]] = {}
        self._views: dict[Hashable, PlaneView | None] = {}
        self._wanted: frozenset[Tile] = frozenset()
        self.moved = 0.0  # when a view last changed, on the monotonic clock
        self._glanced = 0.0  # when tiles were last begun
        self._running = True
        self._busy = False
        self.tally = Tally()
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether everything wanted is there and the resident volume is complete."""
        with self._condition:
            return not self._running or not (self._busy or any(self._queues.values()) or self._unprepared)

    @property
    def _unprepared(self) -> bool:
        source = self._source
        return source.resident.edge != source.edge or not source.resident.complete or source.smoothness.to_do

    def want(self, client: Hashable, view: PlaneView, tiles: Iterable[Tile]) -> None:
        """Replace what a client waits for by the missing tiles of its new view, most wanted first within each pass."""
        queue = deque(sorted(tiles, key=lambda tile: STRIDES.index(tile.stride)))
        with self._condition:
            if self._views.get(client) != view:
                self.moved = time.monotonic()
            self._views[client] = view
            self._queues[client] = queue
            self._wanted = frozenset(tile for tiles in self._queues.values() for tile in tiles)
            self._condition.notify()

    def forget(self, client: Hashable) -> None:
        """Stop working for a client that is no longer seen."""
        with self._condition:
            self._queues.pop(client, None)
            self._views.pop(client, None)
            self._wanted = frozenset(tile for tiles in self._queues.values() for tile in tiles)

    def replace(self, source: Source) -> None:
        """Turn to another field; whatever is wanted is wanted of the new one."""
        with self._condition:
            self._source = source
            self._queues.clear()
            self._wanted = frozenset()
            self._condition.notify()

    def wake(self) -> None:
        """Look again at what there is to do: the source has changed."""
        with self._condition:
            self._condition.notify()

    def stop(self, timeout: float = 2.0) -> bool:
        """End the thread after the batch in hand; returns whether it has ended."""
        with self._condition:
            self._running = False
            self._condition.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (job := self._next()) is not None:
                job()
                self._progressed()
        except Exception as error:  # the field is someone else's code: whatever it raises is told once, then silence
            with self._condition:
                self._running = False
            self._failed(error)

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next piece of work; ``None`` when told to stop."""
        with self._condition:
            self._busy = False
            while self._running:
                job, wait = self._choose()
                if job is not None:
                    self._busy = True
                    return job
                self._condition.wait(wait)
        return None

    def _choose(self) -> tuple[Callable[[], None] | None, float | None]:
        """Decide what to do, or how long to wait: backdrop of the view, coarse and mid passes, volume, fine pass."""
        source = self._source
        if source.resident.edge != source.edge:
            return (lambda: source.resident.prepare(source.sampler.inside, source.edge)), None
        view = next((v for v in reversed(self._views.values()) if v is not None), None)
        axis, plane = (
            (view.axis, view.plane) if view else (0, float(source.pyramid.low[0] + source.pyramid.high[0]) / 2)
        )
        if not source.resident.complete and not source.resident.knows(axis, plane):
            return (lambda: self._fill_resident(source, axis, plane, near=True)), None
        if source.smoothness.to_do:
            return source.measure_smoothness, None
        tiles = self._most_wanted(source)
        early = self._early(tiles[0].stride) if tiles else 0.0
        if tiles and tiles[0].stride > 1 and early <= 0:
            return (lambda: self._fill_tiles(source, tiles)), None
        if not source.resident.complete:
            return (lambda: self._fill_resident(source, axis, plane, near=False)), None
        if not tiles:
            return None, None
        return (None, early) if early > 0 else ((lambda: self._fill_tiles(source, tiles)), None)

    def _early(self, stride: int) -> float:
        """Seconds until a pass may go on."""
        due = self.moved + SETTLE_SECONDS
        return (due if stride == 1 else min(due, self._glanced + MOVING_SECONDS)) - time.monotonic()

    def _most_wanted(self, source: Source) -> list[Tile]:
        """Take the next tiles of the coarsest pass that is still to do, as many as make one batch."""
        for queue in self._queues.values():
            while queue and queue[0] in source.cache:
                queue.popleft()
        queue = max(self._queues.values(), key=lambda q: q[0].stride if q else 0, default=deque())
        if not queue:
            return []
        stride = queue[0].stride
        count = max(1, source.sampler.batch_size * stride**2 // TILE**2)
        return [tile for tile in islice(queue, count) if tile.stride == stride and tile not in source.cache]

    def _fill_resident(self, source: Source, axis: int, plane: float, near: bool) -> None:
        indices = source.resident.next_missing(axis, plane, source.sampler.batch_size, near)
        source.resident.fill(indices, source.sampler.evaluate(source.resident.points(indices)))
        self.tally.resident += len(indices)

    def _fill_tiles(self, source: Source, tiles: list[Tile]) -> None:
        def dropped() -> bool:
            return not self._running or self._source is not source or self._wanted.isdisjoint(tiles)

        self._glanced = time.monotonic()
        before = source.sampler.evaluated
        known = [_begun(source, tile) for tile in tiles]
        points = np.concatenate([k.points for k in known])
        values = source.sampler.at(points, dropped, where=np.ones(len(points), bool))
        cost = source.sampler.evaluated - before
        self.tally.evaluated += cost
        if values is None:
            self.tally.abandoned += cost
            return
        parts = np.split(values, np.cumsum([len(k.points) for k in known])[:-1])
        for tile, begun, part in zip(tiles, known, parts, strict=True):
            begun.values[begun.todo] = part
            source.cache.put(tile, np.ascontiguousarray(np.moveaxis(begun.values, -1, 0)))


class _Begun(NamedTuple):
    """A tile before its evaluation: (h, w, C) values, which of them are to do, and where those (n, 3) points are."""

    values: NDArray[np.float32]
    todo: NDArray[np.bool_]
    points: NDArray[np.float64]


def _begun(source: Source, tile: Tile) -> _Begun:
    """Start a tile; the fine pass takes over the samples of the pass before, which lie on its lattice."""
    request = tile.request(source.pyramid)
    values = np.full((*request.shape[1:], source.sampler.n_channels), np.nan, np.float32)
    previous = source.cache.get(at_stride(tile, 2)) if tile.stride == 1 else None
    if previous is not None:
        values[::2, ::2] = np.moveaxis(previous, 0, -1)
    points = request.points()
    todo = source.needed(tile, points).reshape(values.shape[:2]) & np.isnan(values[..., 0])
    return _Begun(values, todo, points[todo.ravel()])
