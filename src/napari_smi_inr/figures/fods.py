"""Panels of FOD glyphs over a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sampling.coordinates import world_to_voxel
from ..signal_model.spherical_harmonics import P00, lmax_of
from .canvas import new_figure, place
from .fod_grid import FodGrid
from .glyphs import peaks, render_glyphs
from .pictures import scale_bar, show
from .planes import Extent, View, VoxelBox
from .style import DPI, FAINT, NOTE, TITLE, method_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Normalise = Literal["panel", "common", "each"]

_GAP, _MARGIN, _HEAD, _LEGEND = 0.12, 0.12, 0.42, 0.95  # inches
_USUAL = 90  # per cent of the glyphs that are not shrunk to fit


def draw_fods(
    panels: Mapping[str, NDArray[np.floating] | FodGrid],
    affine: NDArray[np.floating],
    background: NDArray[np.floating] | None = None,
    *,
    axis: str = "coronal",
    index: int | None = None,
    box: VoxelBox | None = None,
    scale: float = 0.95,
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
        (X, Y, Z) map shown in grey behind the glyphs, on the grid of `affine`.
    axis
        Orientation of the plane: ``"sagittal"``, ``"coronal"`` or ``"axial"``.
    index
        Which plane, counted along its voxel axis; by default the one with most FODs.
    box
        The region in voxels (see :data:`~.planes.VoxelBox`); all of the plane by default.
    scale
        Radius of the largest glyphs over half the smaller edge of their cell.
    normalise
        What sets the size: the FODs of each ``"panel"``, those of all of them (``"common"``), or those of ``"each"``
        voxel alone. The strongest tenth is shrunk to fit its cell.
    subtitles
        Small words below a title, by title.
    radiological
        Show the patient's right on the left.
    columns
        Panels in a row; all of them by default.

    Raises
    ------
    InputError
        If there is no panel or no FOD in the region, arrays do not fit each other, the plane or the region is not in
        the volume, or matplotlib is not installed.
    """
    grids = _grids(panels, affine)
    first = next(iter(grids.values()))
    main = View.of(axis, affine, _native_shape(panels, background, first), radiological)
    here = main.fullest(_filled(first.fod)) if index is None and first.affine is affine else index
    here = main.shape[main.axes[0]] // 2 if here is None else main.check(here)
    region = main.extent(box)
    glyphs = {title: _in_region(grid, main, here, box) for title, grid in grids.items()}
    sized = _sized(glyphs, normalise, scale)
    rows, across = _arrangement(len(panels), columns)
    width, height = _panel_size(region, across)
    figure = new_figure(2 * _MARGIN + across * width + (across - 1) * _GAP + _LEGEND, _MARGIN + rows * (_HEAD + height))
    for number, (title, fods) in enumerate(sized.items()):
        row, column = divmod(number, across)
        left, top = _MARGIN + column * (width + _GAP), _HEAD + row * (_HEAD + height)
        axes = place(figure, left, top, width, height)
        _background(axes, background, main, here, region)
        picture = _mosaic(fods, main, width)
        axes.imshow(np.swapaxes(picture, 0, 1), origin="lower", extent=region, interpolation="antialiased", zorder=2)
        axes.set(xlim=region[:2], ylim=region[2:])
        axes.set_title(method_title(title), fontsize=TITLE, fontweight="bold", pad=4)
        if number == 0:
            scale_bar(axes, region)
    _legend(figure, main)
    return figure


def _grids(panels: Mapping[str, NDArray[np.floating] | FodGrid], affine: NDArray[np.floating]) -> dict[str, FodGrid]:
    if not panels:
        raise InputError("panels", "is empty.", "Give the FODs of at least one panel.")
    grids = {t: p if isinstance(p, FodGrid) else FodGrid(np.asarray(p), affine) for t, p in panels.items()}
    for title, grid in grids.items():
        try:
            if grid.fod.ndim != 4:
                raise ValueError(f"{grid.fod.ndim} axes are not the four of (X, Y, Z, coefficients)")
            lmax_of(grid.fod.shape[3])
        except ValueError as fault:
            raise InputError(title, f"has shape {grid.fod.shape}: {fault}.", "Give (X, Y, Z, C) FODs.") from None
    return grids


def _filled(fod: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(...) where there is an FOD."""
    return np.asarray(np.isfinite(fod).all(axis=-1) & (fod[..., 0] > 0.01 * P00))


def _native_shape(
    panels: Mapping[str, NDArray[np.floating] | FodGrid], background: NDArray[np.floating] | None, first: FodGrid
) -> tuple[int, ...]:
    """Shape of the scan's grid, which everything given on it must have."""
    shapes = {t: np.shape(p)[:3] for t, p in panels.items() if not isinstance(p, FodGrid)}
    if background is not None:
        shapes["background"] = np.shape(background)
    if len(set(shapes.values())) > 1:
        raise InputError("panels", f"have shapes {shapes}.", "Give all on one grid, or a FodGrid with its own affine.")
    return next(iter(shapes.values()), first.fod.shape[:3])


def _in_region(grid: FodGrid, main: View, index: int, box: VoxelBox | None) -> NDArray[np.float64]:
    """(across, up, C) FODs of the plane of a grid nearest to the one shown, within the region."""
    view = View.of(main.name, grid.affine, grid.fod.shape[:3], main.letters[0] == "R")
    ranges = main.box_in_plane(index, box)
    corners = world_to_voxel(view.affine, ranges)
    through, (a, b) = view.axes[0], view.axes[1:]
    plane = int(np.clip(np.rint(corners[:, through].mean()), 0, view.shape[through] - 1))
    picture = np.nan_to_num(view.picture(grid.fod, plane))
    limits = [sorted(np.rint(corners[:, axis] + 0.5).astype(int)) for axis in (a, b)]
    cut = []
    for (low, high), axis, flip in zip(limits, (a, b), view.flipped, strict=True):
        n = view.shape[axis]
        low, high = max(low, 0), min(high, n)
        cut.append(slice(n - high, n - low) if flip else slice(low, high))
    return np.asarray(picture[cut[0], cut[1]], np.float64)


def _sized(
    glyphs: Mapping[str, NDArray[np.float64]], normalise: Normalise, scale: float
) -> dict[str, NDArray[np.float64]]:
    """Scale FODs to radii in units of half a cell."""
    heights = {title: peaks(fod) * _filled(fod) for title, fod in glyphs.items()}
    usual = {title: np.percentile(h[h > 0], _USUAL) if h.any() else 0.0 for title, h in heights.items()}
    if not any(usual.values()):
        raise InputError("panels", "hold no FOD in the region.", "Choose another plane or region.")
    sized = {}
    for title, fod in glyphs.items():
        unit = max(usual.values()) if normalise == "common" else usual[title]
        largest = np.maximum(heights[title], 1e-12 if normalise == "each" else unit)
        sized[title] = fod * np.where(heights[title] > 0, scale / np.maximum(largest, 1e-12), 0.0)[..., None]
    return sized


def _arrangement(n: int, columns: int | None) -> tuple[int, int]:
    across = min(n, columns or n)
    return -(-n // across), across


def _panel_size(region: Extent, across: int) -> tuple[float, float]:
    width = min(4.6, (12.4 - _LEGEND - across * _GAP) / across)
    return width, width * (region[3] - region[2]) / (region[1] - region[0])


def _background(axes: Axes, background: NDArray[np.floating] | None, view: View, index: int, region: Extent) -> None:
    if background is None:
        background = np.full(view.shape, np.nan)
    picture = view.picture(background, index)
    finite = picture[np.isfinite(picture)]
    low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
    show(axes, picture, view.extent(), region, "gray", (low, high))


def _mosaic(fods: NDArray[np.float64], view: View, width: float) -> NDArray[np.float32]:
    """(across, up, 4) picture of all the glyphs of a panel."""
    nx, ny, c = fods.shape
    pixels = max(6, round(1.5 * width * DPI / nx))
    tall = max(6, round(pixels * view.size[1] / view.size[0]))
    there = np.flatnonzero(np.any(fods.reshape(-1, c) != 0, axis=1))
    tiles = np.zeros((nx * ny, pixels, tall, 4), np.float32)
    tiles[there] = render_glyphs(fods.reshape(-1, c)[there], view.frame, pixels, tall)
    return tiles.reshape(nx, ny, pixels, tall, 4).transpose(0, 2, 1, 3, 4).reshape(nx * pixels, ny * tall, 4)


def _legend(figure: Figure, view: View) -> None:
    """A sphere in the colours of its directions, as seen from where the panels are."""
    left = figure.get_figwidth() - _LEGEND + 0.12
    axes = place(figure, left, _HEAD + 0.25, 0.62, 0.62)
    ball = render_glyphs(np.array([[np.sqrt(4 * np.pi) * 0.97]]), view.frame, 160, 160)[0]
    axes.imshow(np.swapaxes(ball, 0, 1), origin="lower", extent=(0, 1, 0, 1), interpolation="antialiased")
    axes.set_axis_off()
    left_, right, bottom, top = view.letters
    for x, y, letter in ((-0.16, 0.5, left_), (1.16, 0.5, right), (0.5, -0.16, bottom), (0.5, 1.16, top)):
        axes.text(x, y, letter, transform=axes.transAxes, ha="center", va="center", fontsize=NOTE, color=FAINT)
