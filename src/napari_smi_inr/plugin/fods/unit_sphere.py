"""Triangulated unit spheres of any fineness, with the SH basis and its slope on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from ...signal_model.spherical_harmonics import real_sh

_GOLDEN = (1 + 5**0.5) / 2
_STEP = 1e-3  # radians over which slopes are taken; they are exact to about 1e-5


@dataclass(frozen=True, eq=False)
class UnitSphere:
    """An icosahedron whose faces are divided: directions as evenly spread as triangles allow.

    Attributes
    ----------
    directions
        (V, 3) unit vectors; with each, its opposite.
    faces
        (F, 3) vertex numbers, anticlockwise as seen from outside.
    """

    directions: NDArray[np.float64]
    faces: NDArray[np.int32]

    def neighbours(self) -> NDArray[np.int32]:
        """(V, 6) vertices joined to each by an edge; the twelve that have five name one of them twice."""
        found: list[dict[int, None]] = [{} for _ in self.directions]
        for a, b, c in self.faces:
            for one, other in ((a, b), (b, c), (c, a)):
                found[one][int(other)] = found[other][int(one)] = None
        return np.array([(list(f) + list(f))[:6] for f in found], np.int32)


@lru_cache(maxsize=16)
def unit_sphere(frequency: int) -> UnitSphere:
    """Divide each edge of an icosahedron into ``frequency`` parts: 10 f² + 2 vertices and 20 f² faces."""
    corners = _icosahedron()
    i, j = (a.ravel() for a in np.meshgrid(*[np.arange(frequency + 1)] * 2, indexing="ij"))
    inside = i + j <= frequency
    weights = np.stack([i, j, frequency - i - j], axis=1)[inside] / frequency
    points = (weights @ corners[ConvexHull(corners).simplices]).reshape(-1, 3)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    _, first = np.unique(np.round(points, 6) + 0.0, axis=0, return_index=True)
    directions = points[first]
    faces = ConvexHull(directions).simplices.astype(np.int32)
    a, b, c = (directions[faces[:, k]] for k in range(3))
    inward = np.einsum("fi,fi->f", np.cross(b - a, c - a), a + b + c) < 0
    faces[inward] = faces[inward][:, ::-1]
    return UnitSphere(directions, faces)


@lru_cache(maxsize=16)
def tangents(frequency: int) -> NDArray[np.float64]:
    """(2, V, 3) unit vectors along the sphere, square to its directions and to each other."""
    n = unit_sphere(frequency).directions
    helper = np.eye(3)[np.argmin(np.abs(n), axis=1)]
    first = np.cross(n, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(n, first)])


@lru_cache(maxsize=16)
def basis(frequency: int, lmax: int) -> NDArray[np.float32]:
    """(C, 3, V) SH in the sphere's directions, and their slopes [1/rad] along its two :func:`tangents`."""
    n = unit_sphere(frequency).directions
    parts = [real_sh(n, lmax)]
    for t in tangents(frequency):
        ahead, behind = (np.cos(_STEP) * n + s * np.sin(_STEP) * t for s in (1, -1))
        parts.append((real_sh(ahead, lmax) - real_sh(behind, lmax)) / (2 * _STEP))
    return np.ascontiguousarray(np.stack(parts).transpose(2, 0, 1), np.float32)


def _icosahedron() -> NDArray[np.float64]:
    signs = [(a, b) for a in (-1, 1) for b in (-_GOLDEN, _GOLDEN)]
    return np.array([np.roll((0, a, b), turn) for turn in range(3) for a, b in signs], np.float64)
