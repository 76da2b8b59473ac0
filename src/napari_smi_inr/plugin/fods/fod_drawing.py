"""From a view and the user's wishes to triangles or lines: all the work that is done off the main thread."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...parameters import FOD
from ...sampling.coordinates import voxel_to_world, world_to_napari
from ...sampling.mask import SmoothMask
from ..visible import VisiblePlane
from .fod_lattice import Lattice
from .fod_peaks import find_peaks
from .glyph_mesh import EDGE, Frame, Mesh, amplitudes, direction_colours, fineness, glyph_mesh
from .glyph_settings import CLOSEST_PIXELS, COARSEST, FINEST, GlyphSettings

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate

MOST = 1000
"""FODs drawn at once; more are too small to be told apart on a screen, and too many for a machine without a GPU."""

MOST_SOLID = 400
"""The same in 3-D, where a glyph is seen from all sides, and has about three times the triangles."""

MOST_FACES = 60_000
"""Triangles drawn at once: what software OpenGL takes in without the window being felt to stop."""

REACH = 4 / 3
"""Largest radius, in half distances between points: further ones overlap too much to tell apart."""

_SAMPLE = 2000  # voxels that say what is usual in a fit
_USUAL = 90  # per cent of the voxels that do not exceed it
_ROOM = 0.94  # so that neighbours of the usual size do not touch


@dataclass(frozen=True, eq=False)
class FodSource:
    """A fit, and what drawing its FODs needs to know of it.

    Attributes
    ----------
    field
        The fit.
    """

    field: Estimate

    @cached_property
    def mask(self) -> SmoothMask:
        """Where there are FODs."""
        return SmoothMask(self.field.mask, self.field.affine)

    @cached_property
    def lattice(self) -> Lattice:
        """Where they are drawn."""
        return Lattice.of(self.field.affine, self.field.mask.shape)

    @cached_property
    def usual(self) -> tuple[float, float]:
        """Largest usual f and FOD amplitude, the same wherever one looks, so that sizes can be compared."""
        voxels = np.argwhere(self.field.mask)
        chosen = voxels[np.random.default_rng(0).permutation(len(voxels))[:_SAMPLE]]
        values = self.field.evaluate(voxel_to_world(self.field.affine, chosen))
        f, height = values["f"], amplitudes(values[FOD])
        return float(np.nanpercentile(f, _USUAL)), float(np.nanpercentile(height, _USUAL))


@dataclass(frozen=True)
class View:
    """What is to be drawn: planes, and how they are seen.

    Attributes
    ----------
    planes
        One in 2-D, three in 3-D.
    flat
        Whether it is a 2-D view.
    right, up, towards
        Unit vectors of the screen in RAS.
    background
        Colour of the canvas, red, green and blue: maps are dimmed towards it.
    box
        Corners (z, y, x) [mm] nothing may reach beyond, so that the sliders keep their range; None without a limit.
    """

    planes: tuple[VisiblePlane, ...]
    flat: bool
    right: tuple[float, ...]
    up: tuple[float, ...]
    towards: tuple[float, ...]
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    box: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    @property
    def frame(self) -> Frame:
        """The unit vectors as arrays."""
        return Frame(np.array(self.right), np.array(self.up), np.array(self.towards))


@dataclass(frozen=True)
class Request:
    """One drawing to be made; equal requests give equal drawings."""

    source: FodSource
    settings: GlyphSettings
    view: View


@dataclass(frozen=True, eq=False)
class Lines:
    """Line segments in napari's world.

    Attributes
    ----------
    starts, steps
        (N, 3) beginnings, and ends relative to them (z, y, x) [mm].
    colours
        (N, 4).
    width
        [mm].
    """

    starts: NDArray[np.float32]
    steps: NDArray[np.float32]
    colours: NDArray[np.float32]
    width: float


@dataclass(frozen=True, eq=False)
class Drawing:
    """What came of a request.

    Attributes
    ----------
    request
        What was asked.
    content
        Surfaces or lines.
    count
        FODs drawn.
    spacing
        Between them, in voxels.
    step
        The same [mm].
    raised
        Whether the spacing had to be larger than what was asked, because they would have been too many.
    """

    request: Request
    content: Mesh | Lines
    count: int
    spacing: float
    step: float
    raised: bool


def draw(request: Request) -> Drawing:
    """Evaluate the FODs in view, and make surfaces or lines of them."""
    source, settings, view = request.source, request.settings, request.view
    points, spacing, wanted = _points(source, settings, view)
    step = min(source.lattice.step(plane, spacing) for plane in view.planes)
    values = source.field.evaluate(points)
    kept = np.isfinite(values[FOD]).all(axis=1) & (values["p2"] >= settings.least_p2)
    points, fod, f = points[kept], values[FOD][kept], values["f"][kept]
    radii = _radii(source, settings, fod, f) * (step / 2)
    pixel = view.planes[0].pixel
    content: Mesh | Lines
    if settings.show == "peaks":
        content = _peak_lines(points, fod, radii, view, pixel)
    else:
        content = _surfaces(points, fod, radii, view, pixel)
        if view.flat:
            content = Mesh.joined([_veil(source.lattice, settings, view), content])
        if view.box is not None:
            content = content.within(np.array(view.box[0]), np.array(view.box[1]))
    return Drawing(request, content, len(points), spacing, step, spacing > wanted)


def _points(source: FodSource, settings: GlyphSettings, view: View) -> tuple[NDArray[np.float64], float, float]:
    """(N, 3) RAS points of all planes inside the mask, no more than allowed; spacing used, spacing wanted."""
    most = MOST if view.flat else MOST_SOLID
    wanted = _following(source.lattice, view) if settings.follow_zoom else settings.spacing
    # every second, third … point where there would be too many; halvings only while the zoom is followed
    for thinning in (2**k for k in count()) if settings.follow_zoom else count(1):
        spacing = wanted * thinning
        if sum(source.lattice.count(plane, spacing) for plane in view.planes) <= 16 * most:
            points = np.concatenate([source.lattice.points(plane, spacing) for plane in view.planes])
            points = points[source.mask(points)] if len(points) else points
            if len(points) <= most:
                break
    return points, spacing, wanted


def _following(lattice: Lattice, view: View) -> float:
    """Smallest of 4, 2, 1, 1/2 … voxels that leaves every point some room on the screen."""
    spacing = COARSEST
    pixel = max(plane.pixel for plane in view.planes)
    while spacing / 2 >= FINEST and min(lattice.step(p, spacing / 2) for p in view.planes) >= CLOSEST_PIXELS * pixel:
        spacing /= 2
    return spacing


def _radii(
    source: FodSource, settings: GlyphSettings, fod: NDArray[np.float32], f: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N,) largest radii in half distances between points."""
    if settings.scale_by == "uniform":
        relative = np.ones(len(fod), np.float32)
    elif settings.scale_by == "f":
        relative = f / max(source.usual[0], 1e-6)
    else:
        relative = amplitudes(fod) / max(source.usual[1], 1e-6)
    largest = REACH * max(settings.size, 1.0)
    return np.asarray(np.clip(_ROOM * settings.size * relative, 0.0, largest), np.float32)


def _surfaces(
    points: NDArray[np.float64], fod: NDArray[np.float32], radii: NDArray[np.float32], view: View, pixel: float
) -> Mesh:
    largest = float(radii.max(initial=0.0)) / pixel
    frequency = fineness(fod, largest, view.frame, MOST_FACES, flat=view.flat)
    return glyph_mesh(fod, points, radii, view.frame, frequency, flat=view.flat, pixel=pixel)


def _veil(lattice: Lattice, settings: GlyphSettings, view: View) -> Mesh:
    """Two triangles in the colour of the canvas over the whole plane: they dim what is beneath, whatever it is."""
    if settings.map_opacity >= 1:
        return Mesh.empty()
    (plane,) = view.planes
    corners = np.empty((4, 3), np.float32)
    corners[:, plane.axis] = plane.position
    for axis, ends in zip(plane.displayed, ((0, 0, 1, 1), (0, 1, 1, 0)), strict=True):
        corners[:, axis] = np.where(ends, lattice.high[axis], lattice.low[axis])
    colours = np.tile(np.array([*view.background, 1 - settings.map_opacity], np.float32), (4, 1))
    return Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32), colours)


def _peak_lines(
    points: NDArray[np.float64], fod: NDArray[np.float32], radii: NDArray[np.float32], view: View, pixel: float
) -> Lines:
    """Lines centred on the points, as long as the glyphs' lobes would be."""
    directions, heights = find_peaks(fod)
    relative = heights / np.maximum(heights.max(axis=1, keepdims=True, initial=0.0), 1e-12)
    row, peak = np.nonzero(heights > 0)
    chosen = directions[row, peak]
    half = world_to_napari(chosen * (radii[row] * relative[row, peak])[:, None])
    if view.flat:
        half[:, view.planes[0].axis] = 0.0  # napari cuts lines where they begin
    colours = np.ones((len(row), 4), np.float32)
    colours[:, :3] = direction_colours(chosen)
    middle = world_to_napari(points[row])
    width = float(np.clip(0.2 * np.median(radii) / pixel, 1.8, 9.0) * pixel) if len(radii) else pixel
    before, after = (_within_box(middle, sign * half, view) for sign in (-1, 1))
    order = np.argsort(-relative[row, peak], kind="stable")  # the shorter on top of the longer
    starts, steps = (middle + before)[order], (after - before)[order]
    return Lines(starts.astype(np.float32), steps.astype(np.float32), colours[order], width)


def _within_box(starts: NDArray[np.float64], steps: NDArray[np.float64], view: View) -> NDArray[np.float64]:
    """(N, 3) steps, shortened where they would lead out of the view's box."""
    if view.box is None:
        return steps
    low, high = np.array(view.box[0]) + EDGE, np.array(view.box[1]) - EDGE
    room = np.where(steps > 0, high - starts, starts - low)
    part = np.where(steps != 0, np.maximum(room, 0.0) / np.maximum(np.abs(steps), 1e-12), 1.0)
    return np.asarray(steps * part.min(axis=1, keepdims=True, initial=1.0), np.float64)
