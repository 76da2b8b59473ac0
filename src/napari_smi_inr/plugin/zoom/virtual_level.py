"""Array-likes that napari slices as if they were the levels of an image pyramid in memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .view_state import TILE, PlaneView
from .zoom_image import ZoomImage

MAX_ARRAY = 50_000_000
"""Largest number of samples that may be turned into one array."""


class VirtualLevel:
    """One level of a zoom layer. napari indexes it twice: a region first, which stays lazy, then one plane of it."""

    dtype = np.dtype(np.float32)

    def __init__(self, image: ZoomImage, level: int) -> None:
        self.image, self.level = image, level
        self.depth = (4,) if image.colours else ()
        self.shape: tuple[int, ...] = (*image.pyramid.shapes[level], *self.depth)
        self.ndim = len(self.shape)
        # napari then asks for whole tiles, and for none while panning within them
        self.chunks = (TILE,) * 3 + self.depth

    @property
    def size(self) -> int:
        """Number of samples, as a Python integer because it may exceed 64 bits when multiplied."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        region = Region(self, tuple((0, n) for n in self.shape[:3]))
        items = _items(key)
        if all(isinstance(item, slice) for item in items):
            return Region(self, tuple(_span(item, n) for item, n in zip(items, self.shape[:3], strict=True)))
        return region.take(items, self.image.backdrop)  # whole planes: napari's thumbnail, or someone's script

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:, :, :], dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> VirtualLevel:
        return self  # a duplicated layer shows the same field


class Region:
    """A box of a level, not yet read."""

    dtype = VirtualLevel.dtype

    def __init__(self, level: VirtualLevel, spans: tuple[tuple[int, int], ...]) -> None:
        self.level, self.spans = level, spans
        self.ndim = level.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples along each axis, and of a colour."""
        return tuple(stop - start for start, stop in self.spans) + self.level.depth

    @property
    def size(self) -> int:
        """Number of samples."""
        return int(np.prod(self.shape, dtype=object))

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        return self.take(_items(key), self.level.image.read)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:, :, :], dtype)

    def take(self, items: tuple[Any, ...], read: Any) -> NDArray[np.float32]:
        """Read one plane with ``read``, or the volume when no axis is singled out."""
        sliced = [axis for axis in range(3) if not isinstance(items[axis], slice) or items[axis] != slice(None)]
        if not sliced:
            return self._volume()
        axis = sliced[0]
        item = items[axis]
        if isinstance(item, slice):  # a slab, as napari asks for when it projects: its middle plane stands for it
            start, stop = _span(item, self.shape[axis])
            return np.expand_dims(self._plane(axis, (start + max(stop - 1, start)) // 2, read), axis)
        plane = self._plane(axis, int(item), read)
        rest: list[Any] = [item for other, item in enumerate(items) if other != axis]
        return plane if rest == [slice(None)] * 2 else plane[tuple(rest)]  # colours last, all of them

    def _plane(self, axis: int, index: int, read: Any) -> NDArray[np.float32]:
        rows, columns = (span for other, span in enumerate(self.spans) if other != axis)
        level, image = self.level.level, self.level.image
        position = image.exact_plane(level, axis, self.spans[axis][0] + index)
        image_plane: NDArray[np.float32] = read(PlaneView(axis, position, level, rows, columns))
        return image_plane

    def _volume(self) -> NDArray[np.float32]:
        if self.size > MAX_ARRAY:
            raise ValueError(
                f"{self.size:,} samples are too many for one array; "
                "sample the field to a file instead (`smi-inr sample`), or use a coarser level."
            )
        volume = self.level.image.volume()
        pyramid = self.level.image.pyramid
        if self.level.level == pyramid.coarsest and self.shape == volume.shape:
            return volume
        for axis, (start, stop) in enumerate(self.spans):
            positions = pyramid.centre(self.level.level, axis, np.arange(start, stop))
            nearest = np.rint(pyramid.index(pyramid.coarsest, axis, positions)).astype(int)
            volume = volume.take(np.clip(nearest, 0, volume.shape[axis] - 1), axis)
        return volume


def _items(key: Any) -> tuple[Any, ...]:
    """Complete an index to three entries; a fourth, of colours, takes them all."""
    items = key if isinstance(key, tuple) else (key,)
    if any(item is Ellipsis for item in items):
        where = [item is Ellipsis for item in items].index(True)
        items = items[:where] + (slice(None),) * (4 - len(items)) + items[where + 1 :]
    return (items + (slice(None),) * (3 - len(items)))[:3]


def _span(item: slice, n: int) -> tuple[int, int]:
    """Half-open range of a slice with step one; empty ones, which napari makes while axes change, included."""
    start, stop, _ = item.indices(n)
    return int(start), int(max(start, stop))
