"""Pictures of FODs as star-shaped surfaces: numpy only, all glyphs of a panel at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..signal_model.spherical_harmonics import half_sphere, lmax_of, real_sh

LIGHT = np.array([-0.45, 0.55, 0.70])
"""Where the light comes from: right, up, towards the viewer."""

_AMBIENT, _RIM = 0.38, 0.55
_STEP = 1.5  # degrees between the directions at which radii are known
_OVERSAMPLING = 2  # rays an edge of a pixel
_CHUNK = 24_000_000  # points of space at which radii are held at once
_PEAK_DIRECTIONS = 1000


def peaks(fod: NDArray[np.floating]) -> NDArray[np.float64]:
    """(...,) largest value of FODs (..., C) over 1000 directions; 0 where they have none above it."""
    basis = real_sh(half_sphere(_PEAK_DIRECTIONS), lmax_of(fod.shape[-1]))
    return np.asarray(np.max(np.asarray(fod, np.float64) @ basis.T, axis=-1, initial=0.0))


def direction_colours(directions: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3) red, green and blue: how far directions (..., 3) run right-left, front-back and up-down."""
    length = np.linalg.norm(directions, axis=-1, keepdims=True)
    return np.asarray(np.abs(directions) / np.maximum(length, 1e-12), np.float64)


def render_glyphs(
    fod: NDArray[np.floating], frame: NDArray[np.floating], width: int, height: int
) -> NDArray[np.float32]:
    """Look at the surfaces r(n) = max(0, P(n)) along one direction.

    Rays run through every pixel; where a ray first enters the surface, the colour is that of the point's direction from
    the glyph's middle, lit from the upper left.

    Parameters
    ----------
    fod
        (G, C) SH coefficients in scanner axes. A radius of 1 reaches the nearer edge of the picture; what reaches
        further is cut.
    frame
        (3, 3) unit vectors in scanner axes: to the right, upwards, and towards the viewer.
    width, height
        Pixels of each picture.

    Returns
    -------
    (G, width, height, 4) red, green, blue and opacity from 0 to 1, rising to the right and upwards.
    """
    fod, axes = np.asarray(fod, np.float32), np.asarray(frame, np.float64)
    rays = _Rays.through(width * _OVERSAMPLING, height * _OVERSAMPLING)
    basis = real_sh(_table_directions() @ axes, lmax_of(fod.shape[1])).astype(np.float32)
    pictures = [_smaller(_shaded(rays, basis @ part.T, axes)) for part in _chunks(fod, rays.norm.size)]
    return np.concatenate(pictures) if pictures else np.zeros((0, width, height, 4), np.float32)


class _Rays(NamedTuple):
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
    def through(cls, width: int, height: int) -> _Rays:
        unit, steps = min(width, height) / 2, int(np.clip(min(width, height), 24, 96))
        across, up = ((np.arange(n) + 0.5 - n / 2).astype(np.float32) / unit for n in (width, height))
        depth = np.linspace(1, -1, steps, dtype=np.float32)
        x, y, z = np.meshgrid(across, up, depth, indexing="ij")
        norm = np.sqrt(x * x + y * y + z * z)
        return cls(across, up, depth, norm, _weights(x.ravel(), y.ravel(), z.ravel(), norm.ravel()))


def _table_size() -> tuple[int, int]:
    """Colatitudes, from towards the viewer to away, and azimuths of the table of radii."""
    return round(180 / _STEP) + 1, round(360 / _STEP)


def _table_directions() -> NDArray[np.float64]:
    """(D, 3) directions of the table: right, up, towards the viewer."""
    rows, columns = _table_size()
    polar, azimuth = np.meshgrid(np.linspace(0, np.pi, rows), np.arange(columns) * (2 * np.pi / columns), indexing="ij")
    sine = np.sin(polar)
    return np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), np.cos(polar)], axis=-1).reshape(-1, 3)


def _weights(x: NDArray[Any], y: NDArray[Any], z: NDArray[Any], norm: NDArray[Any]) -> Any:
    """Bilinear interpolation in the table; points further than 1 from the middle have no radius."""
    rows, columns = _table_size()
    points = np.flatnonzero(norm <= 1.0)
    row = np.arccos(np.clip(z[points] / np.maximum(norm[points], 1e-6), -1, 1)) * (rows - 1) / np.pi
    column = (np.arctan2(y[points], x[points]) % (2 * np.pi)) * columns / (2 * np.pi)
    top, left = np.minimum(row.astype(int), rows - 2), column.astype(int)
    down, right = row - top, column - left
    data, where = [], []
    for i, a in ((0, 1 - down), (1, down)):
        for j, b in ((0, 1 - right), (1, right)):
            data.append(a * b)
            where.append((top + i) * columns + (left + j) % columns)
    shape = (norm.size, rows * columns)
    entries = np.concatenate(data).astype(np.float32), (np.tile(points, 4), np.concatenate(where))
    return csr_matrix(entries, shape=shape)


def _chunks(fod: NDArray[np.float32], points: int) -> Iterator[NDArray[np.float32]]:
    size = max(1, _CHUNK // points)
    for start in range(0, len(fod), size):
        yield fod[start : start + size]


def _shaded(rays: _Rays, table: NDArray[np.float32], frame: NDArray[np.float64]) -> NDArray[np.float32]:
    """(G, w, h, 4) premultiplied colours of the glyphs whose radii stand in a (D, G) table."""
    inside = (rays.radius @ np.maximum(table, 0)).reshape(*rays.norm.shape, -1) - rays.norm[..., None]
    hit = inside > 0
    glyph_first = np.moveaxis(hit, -1, 0)
    g, i, j = np.nonzero(glyph_first.any(axis=-1))
    k = np.argmax(glyph_first[g, i, j], axis=-1)
    slope = np.stack([_difference(inside, (i, j, k, g), axis) for axis in range(3)], axis=-1)
    normal = -slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-12)
    light = np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    shade = (_AMBIENT + (1 - _AMBIENT) * light) * (_RIM + (1 - _RIM) * np.sqrt(np.clip(normal[:, 2], 0, 1)))
    points = np.stack([rays.across[i], rays.up[j], rays.depth[k]], axis=-1) @ frame
    picture = np.zeros((table.shape[1], *rays.norm.shape[:2], 4), np.float32)
    picture[g, i, j, :3] = direction_colours(points) * shade[:, None]
    picture[g, i, j, 3] = 1.0
    return picture


def _difference(volume: NDArray[np.float32], at: tuple[NDArray[np.intp], ...], axis: int) -> NDArray[np.float32]:
    """Slope of a volume at some of its points along an axis, depth counted towards the viewer."""
    n = volume.shape[axis]
    low, high = list(at), list(at)
    low[axis], high[axis] = np.maximum(at[axis] - 1, 0), np.minimum(at[axis] + 1, n - 1)
    # the three axes differ in spacing by at most a few per cent of the picture's edge
    extent = 2.0 if axis == 2 else 2.0 * volume.shape[axis] / min(volume.shape[:2])
    sign = -1.0 if axis == 2 else 1.0
    rise = volume[tuple(high)] - volume[tuple(low)]
    return np.asarray(sign * rise * n / extent / np.maximum(high[axis] - low[axis], 1), np.float32)


def _smaller(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the rays through each pixel, with straight (not premultiplied) colours."""
    n, w, h, _ = picture.shape
    s = _OVERSAMPLING
    mean: NDArray[np.float32] = picture.reshape(n, w // s, s, h // s, s, 4).mean(axis=(2, 4))
    mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
    return mean
