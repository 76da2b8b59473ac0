"""Memory for evaluated tiles: least recently used ones go first."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from .view_state import STRIDES, Tile

LIMIT_BYTES = 256 << 20


class TileCache:
    """Values of tiles, all parameters together; safe to use from several threads."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._tiles: OrderedDict[Tile, NDArray[np.float32]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __contains__(self, tile: Tile) -> bool:
        return tile in self._tiles

    def __len__(self) -> int:
        return len(self._tiles)

    def get(self, tile: Tile) -> NDArray[np.float32] | None:
        """(C, h, w) samples of a tile, if known."""
        with self._lock:
            if tile in self._tiles:
                self._tiles.move_to_end(tile)
            return self._tiles.get(tile)

    def finest(self, tile: Tile) -> tuple[Tile, NDArray[np.float32]] | None:
        """Give the finest known version of a tile, at whatever stride."""
        for stride in reversed(STRIDES):
            version = at_stride(tile, stride)
            samples = self.get(version)
            if samples is not None:
                return version, samples
        return None

    def put(self, tile: Tile, samples: NDArray[np.float32]) -> None:
        """Remember (C, h, w) samples; the tile's coarser versions have served."""
        if np.isnan(samples).all():  # nothing to show there: keep the knowledge, not the numbers
            samples = np.broadcast_to(np.float32(np.nan), samples.shape)
        with self._lock:
            for stride in STRIDES:
                if stride >= tile.stride:
                    self._forget(at_stride(tile, stride))
            self._tiles[tile] = samples
            self._bytes += _cost(samples)
            while self._bytes > self._limit and len(self._tiles) > 1:
                self._forget(next(iter(self._tiles)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._tiles.clear()
            self._bytes = 0

    def _forget(self, tile: Tile) -> None:
        samples = self._tiles.pop(tile, None)
        self._bytes -= 0 if samples is None else _cost(samples)


def at_stride(tile: Tile, stride: int) -> Tile:
    """Give the same square at another sampling."""
    return Tile(*tile[:-1], stride)


def _cost(samples: NDArray[np.float32]) -> int:
    return samples.nbytes if any(samples.strides) else 0  # a broadcast NaN takes no room
