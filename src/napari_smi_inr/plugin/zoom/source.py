"""A field as the viewer sees it: what to evaluate, how finely, how far out, and what is known so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...sampling.field import Field
from ...sampling.sampler import TARGET_SECONDS, Sampler
from .channels import Channels
from .edge import Edge, screen_door
from .frame import enlarged
from .pyramid import Pyramid
from .resident import Resident
from .smoothness import Smoothness
from .tile_cache import TileCache
from .view_state import MARGIN, STRIDES, PlaneView, Tile

LIVE_SECONDS = 0.06
"""Time that one picture of a field may take while the fit goes on."""

_LINEAR = 6
"""Levels finer than the finest that is evaluated, each by sqrt(2), from which on lines between samples are as good as
polynomials: with an eighth of the spacing."""

_DIAGONAL = 2**0.5


class Rim(NamedTuple):
    """How a view fades out: (rows, columns) opacity, and which pixels to keep where a pixel has none."""

    opacity: NDArray[np.float32]
    kept: NDArray[np.bool_]


@dataclass(eq=False)
class Source:
    """Replaced as a whole when a better fit arrives.

    Attributes
    ----------
    channels
        What is evaluated.
    sampler
        Evaluates it.
    pyramid
        Levels of the layers.
    resident
        The coarsest level in memory.
    cache
        Tiles known.
    edge
        How far beyond the mask it is shown.
    smoothness
        From which level on evaluating shows nothing more.
    live
        Whether a newer one is soon to follow, because a fit is under way.
    reached
        Counts how often the edge has moved outward: images drawn before lack a rim.
    """

    channels: Channels
    sampler: Sampler
    pyramid: Pyramid
    resident: Resident
    cache: TileCache
    edge: Edge
    smoothness: Smoothness
    live: bool = False
    reached: int = 0
    _rims: list[tuple[Any, Rim | None]] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, shown: Field, pyramid: Pyramid, edge: Edge | None = None, live: bool = False) -> Source:
        """Begin with a field of which nothing is known yet."""
        channels = Channels(shown)
        return cls(
            channels,
            Sampler(channels),
            pyramid,
            Resident(pyramid, len(channels.parameters)),
            TileCache(),
            edge or Edge.of(shown.affine),
            Smoothness(channels, pyramid),
            live,
        )

    def followed_by(self, shown: Field) -> Source:
        """Go on, for the time being, with a later state of the fit.

        The resident volume stays as it was, as only planes never seen are drawn from it; unless the later state is
        another field altogether, fitted to other voxels or with another detail.
        """
        before = self.channels.field
        alike = getattr(before, "detail", None) == getattr(shown, "detail", None)
        if not alike or not np.array_equal(before.mask, shown.mask):
            return Source.of(shown, self.pyramid, self.edge, live=True)
        channels = Channels(shown)
        sampler = Sampler(channels)
        sampler.batch_size = self.sampler.batch_size
        known = (self.pyramid, self.resident, TileCache(), self.edge, self.smoothness)
        return Source(channels, sampler, *known, live=True, reached=self.reached)

    def strides(self, n_pixels: int) -> tuple[int, ...]:
        """Passes over an image of so many pixels; of a live one, the finest that there is time for."""
        if not self.live:
            return STRIDES
        seconds = n_pixels * TARGET_SECONDS / self.sampler.batch_size
        return next(((s,) for s in reversed(STRIDES) if seconds / s**2 <= LIVE_SECONDS), STRIDES[:1])

    @property
    def limit(self) -> int:
        """Finest level that is evaluated: finer ones are interpolated from it."""
        return self.smoothness.level

    def evaluated(self, view: PlaneView) -> PlaneView:
        """Give the view to evaluate in order to draw one: itself, unless the field shows nothing more there."""
        if view.level >= self.limit or not all(view.shape):
            return view
        return view.at_level(self.pyramid, self.limit)

    def interpolated(self, view: PlaneView) -> PlaneView:
        """Give the view to interpolate smoothly in order to draw one: itself, unless straight lines do for the rest."""
        level = self.limit - _LINEAR
        if view.level >= level or not all(view.shape):
            return view
        return view.at_level(self.pyramid, level)

    def needed(self, tile: Tile, points_mm: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(N,) which points of a tile are shown, or needed to interpolate what is."""
        pixel = float(max(self.pyramid.step(tile.level)[axis] for axis in range(3) if axis != tile.axis))
        samples = tile.stride if tile.stride > 1 else 0.0
        if 0 < tile.level == self.limit:
            samples = max(samples, MARGIN)
        distance = self.sampler.inside.distance(points_mm)
        return distance > -(self.edge.end + samples * pixel * _DIAGONAL)

    def move_edge(self, edge: Edge) -> None:
        """Show more or less around the mask; more has to be evaluated anew."""
        if edge.end > self.edge.end:
            self.cache.clear()
            self.reached += 1
        self.edge = edge

    def measure_smoothness(self) -> None:
        """Take the next step in finding the level from which on interpolation is as good."""
        self.smoothness.measure(self.sampler)

    def rim(self, view: PlaneView) -> Rim | None:
        """How opaque the field is at the pixels of a view, the same for all its parameters; None: fully, everywhere."""
        if not all(view.shape):
            return None
        key = (view, self.edge, self.resident.edge)
        for known, rim in self._rims:
            if known == key:
                return rim
        rim = self._find_rim(view)
        self._rims = [*self._rims[-3:], (key, rim)]
        return rim

    def _find_rim(self, view: PlaneView) -> Rim | None:
        distances = self.resident.distances(view.axis, view.plane)
        if distances is None:
            opacity = np.zeros(view.shape, np.float32)
        elif self._around(view, distances).min(initial=np.inf) >= -self.edge.reach:
            return None
        else:
            opacity = self.edge.opacity(enlarged(distances, self.pyramid, view))
        return Rim(opacity, screen_door(opacity, view))

    def _around(self, view: PlaneView, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cut out of a resident plane what the pixels of a view are interpolated from."""
        cut = []
        for axis, positions, n in zip(view.in_plane, view.positions(self.pyramid), plane.shape, strict=True):
            ends = np.clip(self.pyramid.index(self.pyramid.coarsest, axis, positions[[0, -1]]), 0, n - 1)
            cut.append(slice(int(ends[0]), int(np.ceil(ends[1])) + 1))
        return plane[tuple(cut)]
