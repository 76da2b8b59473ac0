"""FODs as lit surfaces: triangles with a colour at each corner, for all glyphs of a view at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...sampling.coordinates import world_to_napari
from ...signal_model.spherical_harmonics import lmax_of
from .unit_sphere import basis, tangents, unit_sphere

LIGHT = np.array([-0.45, 0.60, 0.66])
"""Where the light comes from: left, up, towards the viewer."""

SMALLEST = 0.06
"""Part of a glyph's radius below which its surface is left out: all lobes meet in one point there."""

EDGE = np.float32(1e-3)
"""Distance kept from the ends of the sliders [mm]: more than rounding, less than anyone sees."""

_AMBIENT, _BRIGHT = 0.46, 1.25  # light from everywhere; exposure
_PALE = 0.1  # white in every colour
_SHINE, _GLOSS = 0.28, 22  # strength and sharpness of highlights
_RIM, _HOLLOW = 0.5, 0.6  # light left where the surface turns away, and near a glyph's middle
_COARSEST, _FINEST = 3, 16  # frequencies of spheres on which an FOD can still, and can at best, be recognised
_TRIED = 48  # glyphs
_CHUNK = 128  # glyphs built at a time: short steps leave the window its share of the interpreter


@dataclass(frozen=True, eq=False)
class Frame:
    """How a view looks at the world: unit vectors in RAS.

    Attributes
    ----------
    right, up
        Along the screen.
    towards
        To the viewer.
    """

    right: NDArray[np.float64]
    up: NDArray[np.float64]
    towards: NDArray[np.float64]

    @property
    def light(self) -> NDArray[np.float64]:
        """(3,) direction of the light in RAS."""
        light = LIGHT @ np.stack([self.right, self.up, self.towards])
        return np.asarray(light / np.linalg.norm(light), np.float64)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in napari's world.

    Attributes
    ----------
    vertices
        (N, 3) positions (z, y, x) [mm].
    faces
        (M, 3) vertex numbers, in the order in which they are to be painted.
    colours
        (N, 4) red, green, blue and opacity.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colours: NDArray[np.float32]

    @classmethod
    def empty(cls) -> Mesh:
        """No triangle."""
        return cls(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 4), np.float32))

    @classmethod
    def joined(cls, parts: list[Mesh]) -> Mesh:
        """One after another."""
        if not parts:
            return cls.empty()
        starts = np.cumsum([0, *(len(p.vertices) for p in parts[:-1])])
        faces = [p.faces + np.int32(start) for p, start in zip(parts, starts, strict=True)]
        return cls(
            np.concatenate([p.vertices for p in parts]),
            np.concatenate(faces),
            np.concatenate([p.colours for p in parts]),
        )

    def within(self, low: NDArray[np.floating], high: NDArray[np.floating]) -> Mesh:
        """Cut it off at a box between two corners (z, y, x) [mm], safely on this side of them."""
        if not len(self.vertices):
            return self
        inner = np.asarray(low, np.float32) + EDGE, np.asarray(high, np.float32) - EDGE
        if (self.vertices.min(0) >= inner[0]).all() and (self.vertices.max(0) <= inner[1]).all():
            return self
        outside = np.zeros(len(self.faces), bool)
        for beyond in (self.vertices < low - EDGE, self.vertices > high + EDGE):
            outside |= np.any(np.all(beyond[self.faces], axis=1), axis=1)
        return Mesh(np.clip(self.vertices, *inner), self.faces[~outside], self.colours)


def direction_colours(directions: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3) red, green and blue: how far directions (..., 3) run right-left, front-back and up-down."""
    length = np.linalg.norm(directions, axis=-1, keepdims=True)
    return np.asarray(np.abs(directions) / np.maximum(length, 1e-12), np.float64)


def amplitudes(fod: NDArray[np.floating], frequency: int = 8) -> NDArray[np.float32]:
    """(N,) largest value of FODs (N, C) over the directions of a sphere; 0 where they have none above it."""
    values = np.asarray(fod, np.float32) @ basis(frequency, lmax_of(fod.shape[1]))[:, 0]
    return np.asarray(values.max(axis=1, initial=0.0), np.float32)


def fineness(fod: NDArray[np.floating], radius_pixels: float, frame: Frame, most_faces: int, *, flat: bool) -> int:
    """Choose the sphere's frequency: finer for glyphs large on the screen, as long as all faces remain few enough.

    Parameters
    ----------
    fod
        (G, C) SH coefficients of all glyphs; a few of them tell how many faces of a glyph are to be seen.
    radius_pixels
        Of the largest glyph.
    frame, flat
        As for :func:`glyph_mesh`.
    most_faces
        Of all glyphs.
    """
    if not len(fod):
        return _COARSEST
    few = fod[:: max(1, len(fod) // _TRIED)]
    tried = glyph_mesh(few, np.zeros((len(few), 3)), np.ones(len(few)), frame, _COARSEST, flat=flat)
    share = max(len(tried.faces), 1) / (len(few) * _COARSEST**2)  # faces of a glyph, over the frequency squared
    affordable = np.sqrt(most_faces / (share * len(fod)))
    wanted = 2.0 + 1.1 * np.sqrt(max(radius_pixels, 0.0))
    return int(np.clip(np.floor(min(wanted, affordable)), _COARSEST, _FINEST))


def glyph_mesh(
    fod: NDArray[np.floating],
    centres: NDArray[np.floating],
    radii: NDArray[np.floating],
    frame: Frame,
    frequency: int,
    *,
    flat: bool,
    pixel: float = 0.0,
) -> Mesh:
    """Build the surfaces r(n) = max(0, P(n)), scaled to given largest radii.

    Parameters
    ----------
    fod
        (G, C) SH coefficients in scanner axes.
    centres
        (G, 3) RAS [mm].
    radii
        (G,) largest radius of each glyph [mm].
    frame
        The view: light comes from its upper left.
    frequency
        Of the sphere (:func:`~.unit_sphere.unit_sphere`).
    flat
        Press the glyphs into the plane through their centres, as they look from the viewer: what faces away is left
        out, and what is nearer comes later.
    pixel
        Size of a pixel [mm]: flat faces much smaller than it are left out.

    Returns
    -------
    The triangles, those of a flat mesh in painting order.
    """
    chunks = range(0, len(fod), _CHUNK)
    build = _Builder(frame, frequency, flat, pixel)
    return Mesh.joined(
        [build(fod[c : c + _CHUNK], centres[c : c + _CHUNK], radii[c : c + _CHUNK]) for c in chunks] if len(fod) else []
    )


class _Builder:
    """What glyphs of one view share."""

    def __init__(self, frame: Frame, frequency: int, flat: bool, pixel: float) -> None:
        sphere = unit_sphere(frequency)
        self._frame, self._frequency, self._flat, self._pixel = frame, frequency, flat, pixel
        self._directions = sphere.directions.astype(np.float32)
        self._tangents = tangents(frequency).astype(np.float32)
        colours = direction_colours(sphere.directions).astype(np.float32)
        self._colours = _PALE + (1 - _PALE) * colours  # pure blue is too dark to show its shape
        # Along a line of sight, points of a star-shaped surface lie on one side of the middle, and the nearer of two
        # is the one whose direction is closer to the viewer's: one order of faces is right for every glyph.
        depth = sphere.directions[sphere.faces].sum(axis=1) @ frame.towards
        self._faces = sphere.faces[np.argsort(depth)] if flat else sphere.faces
        self._screen = np.stack([frame.right, frame.up], axis=1).astype(np.float32)  # (3, 2)

    def __call__(self, fod: NDArray[np.floating], centres: NDArray[np.floating], radii: NDArray[np.floating]) -> Mesh:
        table = basis(self._frequency, lmax_of(fod.shape[1]))
        n_sh, _, n = table.shape
        values = (np.asarray(fod, np.float32) @ table.reshape(n_sh, -1)).reshape(len(fod), 3, n)
        values /= np.maximum(values[:, 0].max(axis=1), 1e-12)[:, None, None]
        radius = np.maximum(values[:, 0], 0.0)  # (G, V), at most 1
        points = radius[..., None] * self._directions  # (G, V, 3)
        colours = self._lit(values, radius)
        scale = np.asarray(radii, np.float32)[:, None, None]
        keep = self._visible(points, radius, np.asarray(radii, np.float32))
        placed = points * scale
        if self._flat:
            towards = self._frame.towards.astype(np.float32)
            placed -= (placed @ towards)[..., None] * towards
        placed = placed + np.asarray(centres)[:, None]
        return self._packed(placed, colours, keep)

    def _lit(self, values: NDArray[np.float32], radius: NDArray[np.float32]) -> NDArray[np.float32]:
        """(G, V, 3) colours of the vertices: the surface r(n) n has its normal along r n - grad r."""
        first, second = self._tangents
        normal = radius[..., None] * self._directions - values[:, 1, :, None] * first - values[:, 2, :, None] * second
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
        towards, light = self._frame.towards.astype(np.float32), self._frame.light.astype(np.float32)
        half = (light + towards) / np.linalg.norm(light + towards)
        facing = np.clip(normal @ towards, 0.0, 1.0)
        shade = _AMBIENT + (1 - _AMBIENT) * np.clip(normal @ light, 0.0, 1.0)
        if self._flat:
            shade *= _RIM + (1 - _RIM) * np.sqrt(facing)
        shade *= _HOLLOW + (1 - _HOLLOW) * np.sqrt(radius)
        shine = _SHINE * np.clip(normal @ half, 0.0, 1.0) ** _GLOSS * np.sqrt(radius)
        lit = self._colours * shade[..., None] * _BRIGHT + shine[..., None]
        return np.asarray(np.minimum(lit, 1.0), np.float32)

    def _visible(
        self, points: NDArray[np.float32], radius: NDArray[np.float32], radii: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """(G, F) faces worth drawing."""
        keep: NDArray[np.bool_] = np.any((radius > SMALLEST)[:, self._faces], axis=2)
        if self._flat:
            screen = points @ self._screen  # (G, V, 2)
            a, b, c = (screen[:, self._faces[:, k]] for k in range(3))
            b, c = b - a, c - a
            twice_area = b[..., 0] * c[..., 1] - b[..., 1] * c[..., 0]
            unit = (self._pixel / np.maximum(radii, 1e-12)) ** 2
            keep &= twice_area > np.maximum(0.1 * unit, 1e-7)[:, None]
        return keep

    def _packed(self, points: NDArray[np.floating], colours: NDArray[np.float32], keep: NDArray[np.bool_]) -> Mesh:
        """Keep only the vertices that faces name."""
        n = points.shape[1]
        glyph, face = np.nonzero(keep)
        faces = self._faces[face] + (glyph * n).astype(np.int32)[:, None]
        used = np.zeros(points.shape[0] * n, bool)
        used[faces] = True
        number = np.cumsum(used, dtype=np.int32) - 1
        vertices = world_to_napari(points.reshape(-1, 3)[used])
        rgba = np.ones((len(vertices), 4), np.float32)
        rgba[:, :3] = colours.reshape(-1, 3)[used]
        return Mesh(vertices.astype(np.float32), number[faces], rgba)
