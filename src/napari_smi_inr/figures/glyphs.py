"""Pictures of FODs as star-shaped surfaces: numpy only, all glyphs of a panel at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..signal_model.spherical_harmonics import half_sphere, lmax_of, real_sh
from .rays import Rays, table_basis

LIGHT = np.array([-0.45, 0.55, 0.70])
"""Where the light comes from: right, up, towards the viewer."""

REACH = 4 / 3
"""Largest radius of a glyph in a mosaic, in half edges of its cell; further ones overlap too much to tell apart."""

_AMBIENT, _RIM = 0.5, 0.45  # light from everywhere; what is left of it where the surface turns away
_OVERSAMPLING = 2  # rays an edge of a pixel
_CHUNK = 1_000_000  # points of space at which radii are held at once
_PEAK_DIRECTIONS = 1000
_SIZES = 4  # pixels by which the radii of pictures differ


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
    rays = Rays.through(width * _OVERSAMPLING, height * _OVERSAMPLING)
    basis = table_basis(axes.tobytes(), lmax_of(fod.shape[1]))
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
    margin = int(np.ceil(REACH * min(wide, tall)))
    sheet = np.zeros((nx * wide + 2 * margin, ny * tall + 2 * margin, 4), np.float32)
    for (x, y), picture in _glyphs(np.asarray(fods), frame, min(wide, tall)):
        edge = picture.shape[0]
        left, low = margin + x * wide + (wide - edge) // 2, margin + y * tall + (tall - edge) // 2
        below, opacity = sheet[left : left + edge, low : low + edge], picture[..., 3:]
        below[..., :3] = picture[..., :3] * opacity + below[..., :3] * (1 - opacity)
        below[..., 3:] = opacity + below[..., 3:] * (1 - opacity)
    colour, opacity = sheet[..., :3], sheet[..., 3:]
    straight: NDArray[np.float32] = np.concatenate([colour / np.maximum(opacity, 1e-6), opacity], axis=-1)
    return straight[margin:-margin, margin:-margin].clip(0, 1)


def _glyphs(
    fods: NDArray[np.floating], frame: NDArray[np.floating], cell: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    """Place (2,) and picture of each glyph, no larger than it needs to be: most are smaller than the largest."""
    radius = np.minimum(1.04 * peaks(fods), REACH)
    half = _SIZES * np.ceil(radius * cell / 2 / _SIZES).astype(int)
    odd = cell % 2  # so that the middle of the picture falls on the middle of the cell
    for size in np.unique(half[half > 0]):
        there, edge = np.argwhere(half == size), 2 * int(size) + odd
        yield from zip(there, render_glyphs(fods[tuple(there.T)] * (cell / edge), frame, edge, edge), strict=True)


def _shaded(rays: Rays, table: NDArray[np.float32], frame: NDArray[np.float64]) -> NDArray[np.float32]:
    """(G, w, h, 4) premultiplied colours of the glyphs whose radii stand in a (D, G) table."""
    depth = rays.depth_below(table)
    g, i, j = np.nonzero(depth.max(axis=-1) > 0)
    k = np.argmax(depth[g, i, j] > 0, axis=-1)
    before = np.maximum(k - 1, 0)
    inner, outer = depth[g, i, j, k], depth[g, i, j, before]
    part = np.where(k > 0, inner / np.maximum(inner - outer, 1e-9), 0.0)[:, None]  # of a step, back to the surface
    slope = (1 - part) * rays.slope(depth, g, i, j, k) + part * rays.slope(depth, g, i, j, before)
    normal = -slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-12)
    light = np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    shade = (_AMBIENT + (1 - _AMBIENT) * light) * (_RIM + (1 - _RIM) * np.sqrt(np.clip(normal[:, 2], 0, 1)))
    z = rays.depth[k] + part[:, 0] * (rays.depth[before] - rays.depth[k])
    points = np.stack([rays.across[i], rays.up[j], z], axis=-1) @ frame
    picture = np.zeros((*depth.shape[:3], 4), np.float32)
    picture[g, i, j, :3] = direction_colours(points) * shade[:, None]
    picture[g, i, j, 3] = 1.0
    return picture


def _smaller(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the rays through each pixel, with straight (not premultiplied) colours."""
    n, w, h, _ = picture.shape
    s = _OVERSAMPLING
    mean: NDArray[np.float32] = picture.reshape(n, w // s, s, h // s, s, 4).mean(axis=(2, 4))
    mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
    return mean
