"""The one sampler: evaluates a field in chunks sized by time, and can be told to stop between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .field import Field
from .mask import SmoothMask
from .request import SampleRequest

TARGET_SECONDS = 0.02
"""Aim for one batch: long enough to be efficient, short enough to be dropped at once."""

FIRST_BATCH = 2048
LARGEST_BATCH = 1 << 17
CHUNK = 1 << 16
"""Lattice points whose positions are held at once."""


class Sampler:
    """Evaluates a field inside its mask; everywhere else the value is NaN and costs nothing.

    The batch size follows the field's speed, so that each batch takes about :data:`TARGET_SECONDS`.

    Parameters
    ----------
    field
        Anything that follows the :class:`~napari_smi_inr.sampling.field.Field` protocol.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self.inside = SmoothMask(field.mask, field.affine)
        self.batch_size = FIRST_BATCH
        self.evaluated = 0
        self.longest_batch = 0.0

    @property
    def n_channels(self) -> int:
        """Columns of every result."""
        return len(self.field.parameters)

    def evaluate(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, C) values at (N, 3) points [mm] in one batch, mask or not; its duration sets the next batch size."""
        start = time.perf_counter()
        values = np.asarray(self.field.sample(points_mm), np.float32)
        self._adapt(len(points_mm), time.perf_counter() - start)
        return values

    def at(
        self,
        points_mm: NDArray[np.floating],
        cancelled: Callable[[], bool] = lambda: False,
        where: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float32] | None:
        """Values at (N, 3) points [mm] as (N, C), NaN outside the mask; ``None`` if cancelled between batches.

        With (N,) ``where``, at those points instead, inside or outside.
        """
        values = np.full((len(points_mm), self.n_channels), np.nan, np.float32)
        inside = np.flatnonzero(self.inside(points_mm) if where is None else where)
        for first in self._batch_starts(len(inside)):
            if cancelled():
                return None
            batch = inside[first : first + self.batch_size]
            values[batch] = self.evaluate(points_mm[batch])
        return values

    def sample(
        self, request: SampleRequest, cancelled: Callable[[], bool] = lambda: False
    ) -> NDArray[np.float32] | None:
        """Values on a lattice.

        Parameters
        ----------
        request
            Where.
        cancelled
            Asked before every batch.

        Returns
        -------
        (…, C) values in the shape of the request, NaN outside the mask; ``None`` if cancelled.
        """
        values = np.empty((request.size, self.n_channels), np.float32)
        done = 0
        for part, piece in self.stream(request, cancelled):
            values[part] = piece
            done = part.stop
        return values.reshape(*request.shape, self.n_channels) if done == request.size else None

    def stream(
        self, request: SampleRequest, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Values of consecutive stretches of a lattice, for one too large to hold at once.

        Yields
        ------
        slice, (n, C) values
            Which points of the lattice, and their values; ends early once ``cancelled()`` is true.
        """
        for start in range(0, request.size, CHUNK):
            points = request.points(start, start + CHUNK)
            values = self.at(points, cancelled)
            if values is None:
                return
            yield slice(start, start + len(points)), values

    def _batch_starts(self, n: int) -> Iterator[int]:
        """Yield the start of each batch; their size may change in between, as ``evaluate`` adapts it."""
        start = 0
        while start < n:
            size = self.batch_size
            yield start
            start += size

    def _adapt(self, n_points: int, seconds: float) -> None:
        self.evaluated += n_points
        self.longest_batch = max(self.longest_batch, seconds)
        if n_points < min(self.batch_size, FIRST_BATCH) // 2:
            return  # too few to tell the speed from the overhead
        ideal = n_points * TARGET_SECONDS / max(seconds, 1e-6)
        self.batch_size = int(np.clip(ideal, max(64, self.batch_size // 2), min(2 * self.batch_size, LARGEST_BATCH)))
