"""Rays through star-shaped surfaces: where they run, and how deep below a surface their points lie."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..signal_model.spherical_harmonics import real_sh

_STEP = 1.5  # degrees between the directions at which radii are known


class Rays(NamedTuple):
    """Points along the rays through the pixels of one glyph, nearest to the viewer first.

    Attributes
    ----------
    across, up, depth
        (w,), (h,) and (t,) their coordinates.
    norm
        (w, h, t) their distances from the middle.
    radius
        (w·h·t, D) weights that interpolate the radius in the direction of each point from a table of D.
    """

    across: NDArray[np.float32]
    up: NDArray[np.float32]
    depth: NDArray[np.float32]
    norm: NDArray[np.float32]
    radius: Any

    @classmethod
    def through(cls, width: int, height: int) -> Rays:
        """Lay rays through the middles of the pixels of a picture."""
        unit, steps = min(width, height) / 2, int(np.clip(min(width, height) / 4, 14, 24))
        across, up = ((np.arange(n) + 0.5 - n / 2).astype(np.float32) / unit for n in (width, height))
        even = np.linspace(1, -1, 2 * steps + 1, dtype=np.float32)
        # lobes are thin near the middle, and small glyphs are there only
        depth: NDArray[np.float32] = (np.sign(even) * np.abs(even) ** 1.5).astype(np.float32)
        x, y, z = np.meshgrid(across, up, depth, indexing="ij")
        norm = np.sqrt(x * x + y * y + z * z)
        return cls(across, up, depth, norm, _weights(x.ravel(), y.ravel(), z.ravel(), norm.ravel()))

    def depth_below(self, table: NDArray[np.float32]) -> NDArray[np.float32]:
        """(G, w, h, t) how far below the surfaces, whose radii stand in a (D, G) table, each point lies."""
        radius = np.ascontiguousarray((self.radius @ np.maximum(table, 0)).T)
        depth: NDArray[np.float32] = radius.reshape(-1, *self.norm.shape)
        depth -= self.norm
        return depth

    def slope(
        self, depth: NDArray[np.float32], g: NDArray[Any], i: NDArray[Any], j: NDArray[Any], k: NDArray[Any]
    ) -> NDArray[np.float64]:
        """(n, 3) slope of a depth to the right, upwards and towards the viewer, between the neighbours of points."""
        w, h, t = depth.shape[1:]
        west, east = np.maximum(i - 1, 0), np.minimum(i + 1, w - 1)
        south, north = np.maximum(j - 1, 0), np.minimum(j + 1, h - 1)
        near, far = np.maximum(k - 1, 0), np.minimum(k + 1, t - 1)
        rises = (
            (depth[g, east, j, k] - depth[g, west, j, k]) / (self.across[east] - self.across[west]),
            (depth[g, i, north, k] - depth[g, i, south, k]) / (self.up[north] - self.up[south]),
            (depth[g, i, j, near] - depth[g, i, j, far]) / (self.depth[near] - self.depth[far]),
        )
        return np.stack(rises, axis=-1).astype(np.float64)


def _table_size() -> tuple[int, int]:
    """Colatitudes, from towards the viewer to away, and azimuths of the table of radii."""
    return round(180 / _STEP) + 1, round(360 / _STEP)


@lru_cache(maxsize=2)
def table_basis(frame: bytes, lmax: int) -> NDArray[np.float32]:
    """(D, C) SH in the directions of the table, as seen in a (3, 3) frame; panels and sizes of glyphs share it."""
    axes = np.frombuffer(frame, np.float64).reshape(3, 3)
    return np.asarray(real_sh(_table_directions() @ axes, lmax), np.float32)


def _table_directions() -> NDArray[np.float64]:
    """(D, 3) directions of the table: right, up, towards the viewer."""
    rows, columns = _table_size()
    polar, azimuth = np.meshgrid(np.linspace(0, np.pi, rows), np.arange(columns) * (2 * np.pi / columns), indexing="ij")
    sine = np.sin(polar)
    return np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), np.cos(polar)], axis=-1).reshape(-1, 3)


def _weights(x: NDArray[Any], y: NDArray[Any], z: NDArray[Any], norm: NDArray[Any]) -> Any:
    """Bilinear interpolation in the table; points further than 1 from the middle have no radius."""
    rows, columns = _table_size()
    points = norm <= 1.0
    x, y, z, length = x[points], y[points], z[points], np.maximum(norm[points], 1e-6)
    row = np.arccos(np.clip(z / length, -1, 1)) * np.float32((rows - 1) / np.pi)
    column = (np.arctan2(y, x) * np.float32(columns / (2 * np.pi))) % columns
    top, left = np.minimum(row.astype(np.int32), rows - 2), column.astype(np.int32) % columns
    down, right = row - top, np.clip(column - left, 0, 1)
    next_ = (left + 1) % columns
    data = np.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right], axis=1)
    where = np.stack([left, next_, left + columns, next_ + columns], axis=1) + (top * columns)[:, None]
    starts = np.concatenate([[0], np.cumsum(4 * points)])
    return csr_matrix((data.ravel(), where.ravel(), starts), shape=(norm.size, rows * columns))
