"""Where a field fades out: fully shown inside its mask, a little beyond if wished, and then less and less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sampling.coordinates import voxel_sizes
from .view_state import PlaneView

FADE_VOXELS = 0.5
"""Width of the fading rim, in smallest voxel edges."""


@dataclass(frozen=True)
class Edge:
    """How far beyond its mask a field is shown.

    Attributes
    ----------
    reach
        Distance beyond the mask up to which it is shown in full [mm].
    fade
        Width of the rim over which it then fades to nothing [mm].
    """

    reach: float
    fade: float

    @classmethod
    def of(cls, affine: NDArray[np.floating], reach: float = 0.0) -> Edge:
        """Fade over half a voxel."""
        return cls(reach, FADE_VOXELS * float(voxel_sizes(affine).min()))

    @property
    def end(self) -> float:
        """Distance beyond the mask where nothing is left [mm]."""
        return self.reach + self.fade

    def opacity(self, distance: NDArray[np.float32]) -> NDArray[np.float32]:
        """From 1 to 0, smoothly, at distances from the edge of the mask [mm], negative outside."""
        opaque = distance >= -self.reach
        opacity = opaque.astype(np.float32)
        rim = (distance > -self.end) & ~opaque  # few pixels: the rest is not worth a polynomial
        share = (distance[rim] + np.float32(self.end)) / np.float32(self.fade)
        opacity[rim] = share * share * (3 - 2 * share)
        return opacity


def screen_door(opacity: NDArray[np.float32], view: PlaneView) -> NDArray[np.bool_]:
    """Which pixels of a view to keep, so that about as much of it is seen as it is opaque.

    napari's images of numbers have no opacity of their own pixel by pixel. So pixels are left out one by one, in a
    pattern that looks even (interleaved gradient noise: Jimenez, SIGGRAPH 2014) and stays in place as the view moves.
    More are kept than are to be seen: the graphics card interpolates, and one left out takes its neighbours along.
    """
    shown = opacity >= 1
    fading = np.flatnonzero(~shown & (opacity > 0))
    rows, columns = np.divmod(fading, view.shape[1])
    along_rows, along_columns = (
        _fraction(step * np.arange(*span)).astype(np.float32)
        for step, span in ((0.00583715, view.rows), (0.06711056, view.columns))
    )
    noise = _fraction(np.float32(52.9829189) * _fraction(along_rows[rows] + along_columns[columns]))
    shown.ravel()[fading] = opacity.ravel()[fading] > noise * noise * noise
    return shown


def _fraction(values: NDArray[Any]) -> NDArray[Any]:
    fraction: NDArray[Any] = values - np.floor(values)
    return fraction
