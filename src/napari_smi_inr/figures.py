"""Figures for papers and for the demo; matplotlib loads when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .io.files import output_folder, replacing
from .metrics import rmse
from .parameters import PARAMETERS
from .sampling.coordinates import nearest_voxel_axes, voxel_sizes
from .sampling.field import Field
from .sampling.grid_field import GridField
from .sampling.request import SampleRequest
from .sampling.sampler import Sampler

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]
"""A region of a plane: first and last along its two axes [mm]."""

_INK, _FAINT = "#1b1b1f", "#8a8a94"
_MARK = "#38d9f5"
_NICE_LENGTHS = (1, 2, 5, 10, 20, 50, 100)  # mm


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of a plane.

    Attributes
    ----------
    title, subtitle
        What it is, and how fine.
    values
        (nx, ny), NaN outside the mask.
    error
        Root mean square error against the truth; None where there is nothing to compare.
    """

    title: str
    subtitle: str
    values: NDArray[np.float32]
    error: float | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """One plane of one parameter: as measured, made finer in three ways, and as it truly is.

    Attributes
    ----------
    parameter
        Its symbol.
    extent
        Left, right, bottom and top of the plane [mm], from its corner.
    filled
        The part of it that the mask fills, with a margin.
    sides
        What lies to the left and to the right: L, R, A, P, S or I.
    panels
        From the native map to the truth.
    """

    parameter: str
    extent: Box
    filled: Box
    sides: tuple[str, str]
    panels: tuple[Panel, ...]


def require_matplotlib() -> None:
    """Make sure that figures can be drawn.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        remedy = 'Install it: python -m pip install "napari-smi-inr[figures]".'
        raise InputError("matplotlib", "is not installed, and figures need it.", remedy)


def compare_interpolation(
    field: Field,
    maps: Mapping[str, NDArray[np.floating]],
    truth: Field,
    parameter: str = "p2",
    factor: int = 8,
    plane: int | None = None,
) -> Comparison:
    """Sample a plane of a field finely and set it against interpolation of its voxel map and against the truth.

    Parameters
    ----------
    field
        The fitted field.
    maps
        (X, Y, Z) its maps on the scan's grid.
    truth
        What it should be, such as a phantom's.
    parameter
        Symbol of the map.
    factor
        How much finer the plane's grid is along each axis.
    plane
        Index along the third voxel axis; the middle by default.

    Returns
    -------
    Comparison
        Errors are taken over every fine point inside the mask.

    Raises
    ------
    InputError
        If the plane lies outside the volume.
    """
    shape, size = field.mask.shape, voxel_sizes(field.affine)
    plane = shape[2] // 2 if plane is None else plane
    if not 0 <= plane < shape[2]:
        raise InputError("plane", f"{plane} is not one of the {shape[2]} planes.", "Count from 0.")
    flat = np.array(field.affine)
    flat[:3, 3] += plane * flat[:3, 2]
    fine = SampleRequest.over_volume(flat, (shape[0], shape[1], 1), factor)
    request = SampleRequest(_centred(fine.affine, fine.shape[2]), (fine.shape[0], fine.shape[1], 1))
    native = {parameter: maps[parameter]}
    ways = {
        "linear": GridField(native, field.affine, field.mask, "linear"),
        "cubic": GridField(native, field.affine, field.mask, "cubic"),
        "INR": field,
    }
    exact = _plane(truth, parameter, request)
    finer = {name: _plane(way, parameter, request) for name, way in ways.items()}
    where = np.isfinite(exact) & np.all([np.isfinite(values) for values in finer.values()], axis=0)
    voxel, fineness = f"{size[0]:.3g} mm voxels", f"{factor}×"
    panels = [Panel("fitted map", voxel, np.asarray(maps[parameter][:, :, plane], np.float32))]
    panels += [Panel(name, fineness, values, rmse(values[where], exact[where])) for name, values in finer.items()]
    return Comparison(
        parameter=parameter,
        extent=(0.0, float(shape[0] * size[0]), 0.0, float(shape[1] * size[1])),
        filled=_filled(field.mask[:, :, plane], size),
        sides=_sides(field.affine),
        panels=(*panels, Panel("truth", fineness, exact)),
    )


def draw_comparison(comparison: Comparison, detail: Box | None = None) -> Figure:
    """Draw the pictures of a comparison side by side, with a second row that enlarges a region.

    Parameters
    ----------
    comparison
        From :func:`compare_interpolation`.
    detail
        The region to enlarge [mm from the corner of the plane]; no second row without one.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    boxes = [comparison.filled] + ([detail] if detail else [])
    ratios = [(b[3] - b[2]) / (b[1] - b[0]) for b in boxes]
    n, side = len(comparison.panels), 2.35
    height = side * sum(ratios) + 0.9
    figure = Figure(figsize=(side * n + 0.9, height), facecolor="white", dpi=160)
    grid = figure.add_gridspec(
        len(boxes), n + 1, width_ratios=[1.0] * n + [0.05], height_ratios=ratios, wspace=0.04, hspace=0.05,
        left=0.01, right=0.935, bottom=0.12 / height, top=1 - 0.62 / height,
    )  # fmt: skip
    limits = _limits(comparison)
    for row, box in enumerate(boxes):
        for column, panel in enumerate(comparison.panels):
            axes = figure.add_subplot(grid[row, column])
            image = _show(axes, comparison, panel, box, limits)
            if row == 0:
                _caption(axes, panel)
                if detail:
                    _frame(axes, detail)
            if column == 0:
                _scale_bar(axes, box)
        if row == 0:
            _name_sides(figure.axes[0], comparison.sides)
    bar = figure.colorbar(image, cax=figure.add_subplot(grid[:, n]))
    bar.set_label(PARAMETERS[comparison.parameter].title, color=_INK, fontsize=11)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, color=_FAINT, labelcolor=_INK)
    return figure


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure whole or not at all; its format follows the name.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    target = output_folder(Path(path).parent) / Path(path).name
    with replacing(target) as stream:
        figure.savefig(stream, format=target.suffix.lstrip("."))
    return target


def _plane(field: Field, parameter: str, request: SampleRequest) -> NDArray[np.float32]:
    values = Sampler(field).sample(request)
    assert values is not None  # nobody cancels
    return values[:, :, 0, field.parameters.index(parameter)]


def _filled(mask: NDArray[np.bool_], size: NDArray[np.float64]) -> Box:
    """The rectangle around a plane's mask [mm], half a voxel wider; all of the plane if the mask is empty there."""
    edges = []
    for axis in (0, 1):
        inside = np.flatnonzero(mask.any(axis=1 - axis))
        first, last = (inside[0], inside[-1] + 1) if inside.size else (0, mask.shape[axis])
        edges += [(first - 0.5) * float(size[axis]), (last + 0.5) * float(size[axis])]
    return edges[0], edges[1], edges[2], edges[3]


def _sides(affine: NDArray[np.float64]) -> tuple[str, str]:
    """What lies at the low and at the high end of the first voxel axis."""
    world = nearest_voxel_axes(affine).index(0)
    low, high = ("LR", "PA", "IS")[world]
    return (low, high) if affine[world, 0] > 0 else (high, low)


def _centred(affine: NDArray[np.float64], thickness: int) -> NDArray[np.float64]:
    """The affine of the fine plane next to the middle of the coarse one."""
    moved = np.array(affine)
    moved[:3, 3] += (thickness // 2) * moved[:3, 2]
    return moved


def _limits(comparison: Comparison) -> tuple[float, float]:
    """Contrast from the truth: zero, where the parameter starts there, to its brightest structures."""
    truth = comparison.panels[-1].values
    low, high = np.nanpercentile(truth, [0.2, 99.8])
    bounds = PARAMETERS[comparison.parameter].bounds
    return (0.0 if bounds and low < 0.25 * high else float(low)), float(high)


def _show(axes: Axes, comparison: Comparison, panel: Panel, box: Box, limits: tuple[float, float]) -> Any:
    colormap = PARAMETERS[comparison.parameter].colormap
    image = axes.imshow(
        panel.values.T, origin="lower", extent=comparison.extent, interpolation="nearest",
        cmap=colormap, vmin=limits[0], vmax=limits[1],
    )  # fmt: skip
    axes.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def _caption(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, color=_INK, fontsize=12, fontweight="bold", pad=19)
    words = panel.subtitle + (f" · RMSE {panel.error:.2g}" if panel.error is not None else "")
    axes.text(0.5, 1.02, words, transform=axes.transAxes, ha="center", va="bottom", fontsize=9, color=_FAINT)


def _name_sides(axes: Axes, sides: tuple[str, str]) -> None:
    for x, letter in zip((0.02, 0.98), sides, strict=True):
        align = "left" if x < 0.5 else "right"
        axes.text(x, 0.98, letter, transform=axes.transAxes, ha=align, va="top", fontsize=9, color=_FAINT)


def _frame(axes: Axes, box: Box) -> None:
    from matplotlib.patches import Rectangle

    corner, width, height = (box[0], box[2]), box[1] - box[0], box[3] - box[2]
    axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=_MARK, linewidth=1.1))


def _scale_bar(axes: Axes, box: Box) -> None:
    """A bar of a round length, about a quarter of the picture, legible on any colour."""
    from matplotlib.patheffects import withStroke

    width, height = box[1] - box[0], box[3] - box[2]
    length = max(n for n in _NICE_LENGTHS if n <= 0.3 * width or n == _NICE_LENGTHS[0])
    left, bottom = box[0] + 0.04 * width, box[2] + 0.04 * height
    halo = [withStroke(linewidth=4.5, foreground="white")]
    ends = [left, left + length]
    axes.plot(ends, [bottom, bottom], color=_INK, linewidth=2.5, solid_capstyle="butt", path_effects=halo)
    middle, above = left + length / 2, bottom + 0.025 * height
    axes.text(
        middle,
        above,
        f"{length} mm",
        ha="center",
        fontsize=8,
        color=_INK,
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )
