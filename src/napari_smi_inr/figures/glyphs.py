"""Pictures of FODs as star-shaped surfaces: numpy only, all glyphs of a panel at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..signal_model.spherical_harmonics import half_sphere, lmax_of, real_sh

LIGHT = np.array([-0.45, 0.55, 0.70])
"""Where the light comes from: right, up, towards the viewer."""

REACH = 4 / 3
"""Largest radius of a glyph in a mosaic, in half edges of its cell; further ones overlap too much to tell apart."""

_AMBIENT, _RIM = 0.5, 0.45  # light from everywhere; what is left of it where the surface turns away
_STEP = 1.5  # degrees between the directions at which radii are known
_OVERSAMPLING = 2  # rays an edge of a pixel
_CHUNK = 8_000_000  # points of space at which radii are held at once
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
    size = max(1, _CHUNK // rays.norm.size)
    parts = [fod[start : start + size] for start in range(0, len(fod), size)]
    pictures = [_smaller(_shaded(rays, basis @ part.T, axes)) for part in parts]
    return np.concatenate(pictures) if pictures else np.zeros((0, width, height, 4), np.float32)


def mosaic(
    fods: NDArray[np.floating], frame: NDArray[np.floating], cell: tuple[float, float], pixels: int
) -> NDArray[np.float32]:
    """Draw a plane of glyphs, each in the middle of its cell.

    Parameters
    ----------
    fods
        (across, up, C) SH coefficients in scanner axes, in half the smaller edge of a cell up to :data:`REACH`; zero
        where there is none.
    frame
        (3, 3) unit vectors in scanner axes: to the right, upwards, and towards the viewer.
    cell
        Width and height of a cell, in any unit.
    pixels
        Of the width of a cell.

    Returns
    -------
    (width, height, 4) red, green, blue and opacity from 0 to 1, rising to the right and upwards.
    """
    nx, ny, _ = fods.shape
    wide = max(6, pixels)
    tall = max(6, round(wide * cell[1] / cell[0]))
    edge = 2 * int(np.ceil(REACH * min(wide, tall) / 2))
    there = np.argwhere(np.any(fods != 0, axis=-1))
    shrunk = fods[tuple(there.T)] * (min(wide, tall) / edge)
    sheet = np.zeros((nx * wide + 2 * edge, ny * tall + 2 * edge, 4), np.float32)
    for (x, y), picture in zip(there, render_glyphs(shrunk, frame, edge, edge), strict=True):
        left, low = edge + x * wide + (wide - edge) // 2, edge + y * tall + (tall - edge) // 2
        below = sheet[left : left + edge, low : low + edge]
        opacity = picture[..., 3:]
        below[..., :3] = picture[..., :3] * opacity + below[..., :3] * (1 - opacity)
        below[..., 3:] = opacity + below[..., 3:] * (1 - opacity)
    colour, opacity = sheet[..., :3], sheet[..., 3:]
    straight: NDArray[np.float32] = np.concatenate([colour / np.maximum(opacity, 1e-6), opacity], axis=-1)
    return straight[edge:-edge, edge:-edge].clip(0, 1)


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
        unit, steps = min(width, height) / 2, int(np.clip(min(width, height) / 4, 14, 24))
        across, up = ((np.arange(n) + 0.5 - n / 2).astype(np.float32) / unit for n in (width, height))
        even = np.linspace(1, -1, 2 * steps + 1, dtype=np.float32)
        # lobes are thin near the middle, and small glyphs are there only
        depth: NDArray[np.float32] = (np.sign(even) * np.abs(even) ** 1.5).astype(np.float32)
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


def _shaded(rays: _Rays, table: NDArray[np.float32], frame: NDArray[np.float64]) -> NDArray[np.float32]:
    """(G, w, h, 4) premultiplied colours of the glyphs whose radii stand in a (D, G) table."""
    depth = (rays.radius @ np.maximum(table, 0)).reshape(*rays.norm.shape, -1) - rays.norm[..., None]  # below surface
    g, i, j = np.nonzero(np.moveaxis(depth.max(axis=2) > 0, -1, 0))
    k = np.argmax(depth[i, j, :, g] > 0, axis=-1)
    before = np.maximum(k - 1, 0)
    inner, outer = depth[i, j, k, g], depth[i, j, before, g]
    part = np.where(k > 0, inner / np.maximum(inner - outer, 1e-9), 0.0)[:, None]  # of a step, back to the surface
    slope = (1 - part) * _slope(depth, rays, i, j, k, g) + part * _slope(depth, rays, i, j, before, g)
    normal = -slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-12)
    light = np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    shade = (_AMBIENT + (1 - _AMBIENT) * light) * (_RIM + (1 - _RIM) * np.sqrt(np.clip(normal[:, 2], 0, 1)))
    z = rays.depth[k] + part[:, 0] * (rays.depth[before] - rays.depth[k])
    points = np.stack([rays.across[i], rays.up[j], z], axis=-1) @ frame
    picture = np.zeros((table.shape[1], *rays.norm.shape[:2], 4), np.float32)
    picture[g, i, j, :3] = direction_colours(points) * shade[:, None]
    picture[g, i, j, 3] = 1.0
    return picture


def _slope(
    depth: NDArray[np.float32], rays: _Rays, i: NDArray[Any], j: NDArray[Any], k: NDArray[Any], g: NDArray[Any]
) -> NDArray[np.float64]:
    """(n, 3) slope to the right, upwards and towards the viewer, between the neighbours of points."""
    w, h, t, _ = depth.shape
    low_i, high_i, low_j, high_j = (
        np.maximum(i - 1, 0),
        np.minimum(i + 1, w - 1),
        np.maximum(j - 1, 0),
        np.minimum(j + 1, h - 1),
    )
    far, near = np.minimum(k + 1, t - 1), np.maximum(k - 1, 0)
    x, y, z = rays.across, rays.up, rays.depth
    return np.stack(
        [
            (depth[high_i, j, k, g] - depth[low_i, j, k, g]) / (x[high_i] - x[low_i]),
            (depth[i, high_j, k, g] - depth[i, low_j, k, g]) / (y[high_j] - y[low_j]),
            (depth[i, j, near, g] - depth[i, j, far, g]) / (z[near] - z[far]),
        ],
        axis=-1,
    )  # fmt: skip


def _smaller(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the rays through each pixel, with straight (not premultiplied) colours."""
    n, w, h, _ = picture.shape
    s = _OVERSAMPLING
    mean: NDArray[np.float32] = picture.reshape(n, w // s, s, h // s, s, 4).mean(axis=(2, 4))
    mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
    return mean
