"""Panels of FOD glyphs over a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .canvas import new_figure, place, text_width, write
from .fod_grid import FodGrid, cut_region, filled, fod_grids
from .glyphs import REACH, direction_colours, mosaic, peaks
from .pictures import nice_length, note, show
from .planes import Extent, View, VoxelBox
from .style import DPI, FAINT, INK, NOTE, SMALL, TITLE, method_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Normalise = Literal["panel", "common", "each"]

_WIDTH, _GAP, _MARGIN, _HEAD, _LEGEND, _DISC = 12.0, 0.12, 0.12, 0.45, 0.95, 0.6  # inches
_SHARPEST = 96  # pixels an edge of a cell; a single glyph needs no more
_USUAL = 75  # per cent of the glyphs that stay within their cell


def draw_fods(
    panels: Mapping[str, NDArray[np.floating] | FodGrid],
    affine: NDArray[np.floating],
    background: NDArray[np.floating] | None = None,
    *,
    axis: str = "coronal",
    index: int | None = None,
    box: VoxelBox | None = None,
    scale: float = 1.0,
    normalise: Normalise = "panel",
    subtitles: Mapping[str, str] | None = None,
    radiological: bool = False,
    columns: int | None = None,
) -> Figure:
    """Draw FODs of one plane as lit surfaces, coloured by direction, side by side.

    Parameters
    ----------
    panels
        By title (method, lmax, …): (X, Y, Z, C) FODs on the grid of `affine`, or a :class:`~.fod_grid.FodGrid` on a
        finer one, such as :func:`~.fod_grid.sample_fods` gives. Orthonormal real SH, MRtrix basis, scanner axes;
        voxels of zero or NaN stay empty, negative lobes are cut.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    background
        (X, Y, Z) map shown in grey behind the glyphs, on the grid of `affine`; needed if every panel is a FodGrid.
    axis
        Orientation of the plane: ``"sagittal"``, ``"coronal"`` or ``"axial"``.
    index
        Which plane, counted along its voxel axis; by default the one with most FODs.
    box
        The region in voxels (see :data:`~.planes.VoxelBox`); by default that with FODs on the grid of `affine`.
    scale
        Radius of a usual glyph, which three in four do not exceed, over half the smaller edge of its cell. The
        strongest reach over into the next, but for no more than a third of that edge.
    normalise
        What sets the size: the FODs of each ``"panel"``, those of all of them (``"common"``), or those of ``"each"``
        voxel alone.
    subtitles
        Small words below a title, by title.
    radiological
        Show the patient's right on the left.
    columns
        Panels in a row; by default such that they are large.

    Raises
    ------
    InputError
        If there is no panel or no FOD in the region, arrays do not fit each other, the plane or the region is not in
        the volume, or matplotlib is not installed.
    """
    grids = fod_grids(panels, affine)
    view, here, box = _place(grids, affine, _shape(panels, background, grids), axis, index, box, radiological)
    region = view.extent(box)
    cuts = {title: cut_region(grid, title, view, here, box) for title, grid in grids.items()}
    radii = _radii({title: fods for title, (fods, _) in cuts.items()}, normalise, scale)
    across = min(columns or _columns(len(panels), region), len(panels))
    rows = -(-len(panels) // across)
    width = (_WIDTH - _LEGEND - (across - 1) * _GAP) / across if len(panels) > 1 else _WIDTH / 2
    height = width * (region[3] - region[2]) / (region[1] - region[0])
    figure = new_figure(2 * _MARGIN + across * width + (across - 1) * _GAP + _LEGEND, rows * (_HEAD + height) + _MARGIN)
    for number, (title, fods) in enumerate(radii.items()):
        row, column = divmod(number, across)
        axes = place(figure, _MARGIN + column * (width + _GAP), _HEAD + row * (_HEAD + height), width, height)
        _backdrop(axes, background, view, here, region)
        extent = cuts[title][1]
        cell = (extent[1] - extent[0]) / fods.shape[0], (extent[3] - extent[2]) / fods.shape[1]
        pixels = min(round(width * DPI * cell[0] / (region[1] - region[0])), _SHARPEST)
        picture = mosaic(fods, view.frame, cell, pixels)
        axes.imshow(np.swapaxes(picture, 0, 1), origin="lower", extent=extent, interpolation="bilinear", zorder=2)
        axes.set(xlim=region[:2], ylim=region[2:])
        words = (subtitles or {}).get(title)
        size = TITLE if text_width(method_title(title), TITLE) < width else NOTE
        axes.set_title(method_title(title), fontsize=size, fontweight="bold", color=INK, pad=17 if words else 5)
        if words:
            note(axes, words)
    _legend(figure, view, width / (region[1] - region[0]))
    return figure


def _shape(
    panels: Mapping[str, NDArray[np.floating] | FodGrid], background: NDArray[np.floating] | None,
    grids: Mapping[str, FodGrid],
) -> tuple[int, ...]:  # fmt: skip
    """Shape of the scan's grid, which everything given on it must have."""
    shapes = {t: np.shape(p)[:3] for t, p in panels.items() if not isinstance(p, FodGrid)}
    if background is not None:
        shapes["background"] = np.shape(background)
    if len(set(shapes.values())) > 1:
        raise InputError("panels", f"have shapes {shapes}.", "Give all on one grid, or a FodGrid with its own affine.")
    if not shapes:
        raise InputError("panels", "are all on grids of their own.", "Give the background map on the grid of affine.")
    return next(iter(shapes.values()))


def _place(
    grids: Mapping[str, FodGrid], affine: NDArray[np.floating], shape: tuple[int, ...], axis: str, index: int | None,
    box: VoxelBox | None, radiological: bool,
) -> tuple[View, int, VoxelBox]:  # fmt: skip
    """Find the plane to show, and the region: by default where there are FODs on the scan's own grid."""
    view = View.of(axis, affine, shape, radiological)
    there = [filled(grid.fod) for grid in grids.values() if grid.affine is affine]
    mask = np.any(there, axis=0) if there else np.ones(view.shape, bool)
    here = view.fullest(mask) if index is None else view.check(index)
    return view, here, view.box_around(mask, here) if box is None else box


def _radii(
    glyphs: Mapping[str, NDArray[np.float64]], normalise: Normalise, scale: float
) -> dict[str, NDArray[np.float64]]:
    """Scale FODs to radii in half edges of a cell."""
    heights = {title: peaks(fod) * filled(fod) for title, fod in glyphs.items()}
    usual = {title: np.percentile(h[h > 0], _USUAL) if h.any() else 0.0 for title, h in heights.items()}
    if not any(usual.values()):
        raise InputError("panels", "hold no FOD in the region.", "Choose another plane or region.")
    sized = {}
    for title, fod in glyphs.items():
        height = np.where(heights[title] > 0, heights[title], np.inf)
        unit = max(usual.values()) if normalise == "common" else usual[title]
        radius = np.full(height.shape, scale) if normalise == "each" else np.minimum(scale * height / unit, REACH)
        sized[title] = fod * np.where(np.isfinite(height), radius / height, 0.0)[..., None]
    return sized


def _columns(n: int, region: Extent) -> int:
    """Fewest panels in a row that make a page no higher than wide, with hardly a place left empty."""
    aspect = (region[3] - region[2]) / (region[1] - region[0])
    fits = (c for c in range(1, n) if -(-n // c) * aspect / c <= 1.0 and -n % c <= c // 3)
    return next(fits, n)


def _backdrop(axes: Axes, background: NDArray[np.floating] | None, view: View, index: int, region: Extent) -> None:
    """Show the map in pale greys, on which colours of every direction stand out."""
    picture = view.picture(np.full(view.shape, np.nan) if background is None else background, index)
    finite = picture[np.isfinite(picture)]
    low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
    span = max(float(high - low), 1e-12)
    show(axes, picture, view.extent(), region, "gray", (float(low) - 2.2 * span, float(high) + 0.25 * span))


def _legend(figure: Figure, view: View, inches_per_mm: float) -> None:
    """A disc of directions in their colours, as seen from where the panels are, and a bar of length."""
    left = figure.get_figwidth() - _LEGEND + 0.14
    axes = place(figure, left, _HEAD + 0.2, _DISC, _DISC)
    y, x = np.mgrid[-1:1:121j, -1:1:121j]
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    disc = np.dstack([direction_colours(np.stack([x, y, z], axis=-1) @ view.frame), x**2 + y**2 <= 1])
    axes.imshow(disc, origin="lower", extent=(0, 1, 0, 1), interpolation="antialiased")
    axes.set_axis_off()
    for x_, y_, letter in zip((-0.16, 1.16, 0.5, 0.5), (0.5, 0.5, -0.17, 1.17), view.letters, strict=True):
        axes.text(x_, y_, letter, transform=axes.transAxes, ha="center", va="center", fontsize=NOTE, color=FAINT)
    length = nice_length(_DISC * 1.3 / inches_per_mm)
    wide = length * inches_per_mm
    bar = place(figure, left + (_DISC - wide) / 2, _HEAD + _DISC + 0.5, wide, 0.03)
    bar.set(facecolor=INK, xticks=[], yticks=[])
    write(figure, left + _DISC / 2, _HEAD + _DISC + 0.65, f"{length} mm", SMALL, ha="center")
