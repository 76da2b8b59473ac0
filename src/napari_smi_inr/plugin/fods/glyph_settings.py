"""What the user wants to see of the FODs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Show = Literal["off", "glyphs", "peaks"]
ScaleBy = Literal["uniform", "f", "amplitude"]

FINEST, COARSEST = 0.1, 4.0
"""Spacing of the points, in voxels."""

CLOSEST_PIXELS = 26.0
"""Distance of the points on the screen that following the zoom aims for, at least."""


@dataclass(frozen=True)
class GlyphSettings:
    """How FODs are drawn.

    Attributes
    ----------
    show
        Surfaces, lines along the peaks, or nothing.
    follow_zoom
        Choose the spacing by what there is room for on the screen.
    spacing
        Distance between points, in voxels, where it does not follow the zoom.
    size
        Of the largest usual glyph, over half the distance between points.
    scale_by
        What a glyph's radius stands for: nothing, f, or the FOD's largest amplitude.
    least_p2
        No FOD where p2 is smaller.
    map_opacity
        How much of the maps beneath remains to be seen, 0 to 1.
    """

    show: Show = "off"
    follow_zoom: bool = True
    spacing: float = 1.0
    size: float = 1.0
    scale_by: ScaleBy = "uniform"
    least_p2: float = 0.0
    map_opacity: float = 0.6
