"""Pieces that every figure of maps is put together from: pictures with sides, frames, bars of length and of colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import PARAMETERS
from .planes import Extent
from .style import FAINT, INK, LABEL, LINE, MARK, NOTE, PAPER, SMALL, symbol_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_NICE_LENGTHS = (1, 2, 5, 10, 20, 50, 100)  # mm
_OUTLIERS = 0.5  # percent, at either end of values that set a contrast

Limits = tuple[float, float]
"""Values at the dark and at the bright end of a colour bar."""


def contrast(symbol: str, values: NDArray[np.floating]) -> Limits:
    """Contrast of a parameter's maps: its usual one, or what the values span where it has none."""
    known = PARAMETERS.get(symbol)
    if known and known.display:
        return known.display
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [_OUTLIERS, 100 - _OUTLIERS])
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def symmetric(values: NDArray[np.floating]) -> Limits:
    """Contrast of a difference: the same on either side of zero, wide enough for all but the outliers."""
    largest = float(np.percentile(np.abs(values[np.isfinite(values)]), 100 - 2 * _OUTLIERS)) or 1.0
    return -largest, largest


def colormap(symbol: str) -> str:
    """Name of a parameter's colormap."""
    return PARAMETERS[symbol].colormap if symbol in PARAMETERS else "viridis"


def show(
    axes: Axes, picture: NDArray[np.floating], extent: Extent, box: Extent, cmap: str, limits: Limits,
    backdrop: str = PAPER,
) -> AxesImage:  # fmt: skip
    """Show an (across, up) picture where it lies [mm], as far as a box reaches; the backdrop shows where it is NaN."""
    image = axes.imshow(
        picture.T, origin="lower", extent=extent, interpolation="nearest", cmap=cmap, vmin=limits[0], vmax=limits[1],
    )  # fmt: skip
    axes.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[], facecolor=backdrop)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def name_sides(axes: Axes, letters: tuple[str, str, str, str]) -> None:
    """Write in the upper corners what lies to the left and to the right; figures always show the upper end upwards."""
    for x, letter, ha in ((0.02, letters[0], "left"), (0.98, letters[1], "right")):
        text = axes.text(x, 0.98, letter, transform=axes.transAxes, ha=ha, va="top", fontsize=NOTE, color=FAINT)
        _halo(text, 2.0)


def frame(axes: Axes, box: Extent, colour: str = MARK) -> None:
    """Draw a frame around a region."""
    from matplotlib.patches import Rectangle

    corner, width, height = (box[0], box[2]), box[1] - box[0], box[3] - box[2]
    axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=1.4))


def nice_length(longest: float) -> int:
    """Find the longest round length up to another [mm], or the shortest of them."""
    return max(n for n in _NICE_LENGTHS if n <= longest or n == _NICE_LENGTHS[0])


def scale_bar(axes: Axes, box: Extent) -> None:
    """Draw a bar of a round length, about a quarter of the picture, legible on any colour."""
    width, height = box[1] - box[0], box[3] - box[2]
    length = nice_length(0.3 * width)
    left, bottom = box[0] + 0.04 * width, box[2] + 0.04 * height
    (line,) = axes.plot([left, left + length], [bottom, bottom], color=INK, linewidth=2.5, solid_capstyle="butt")
    _halo(line, 4.5)
    above = bottom + 0.025 * height
    text = axes.text(left + length / 2, above, f"{length} mm", ha="center", va="bottom", fontsize=SMALL, color=INK)
    _halo(text, 2.0)


def colour_bar(figure: Figure, image: AxesImage, cax: Axes, symbol: str, words: str = "", upright: bool = True) -> None:
    """Draw a colour bar with the symbol and unit of a parameter."""
    bar = figure.colorbar(image, cax=cax, orientation="vertical" if upright else "horizontal")
    bar.set_label(words + symbol_text(symbol, unit=True), color=INK, fontsize=LABEL)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, color=LINE, labelcolor=FAINT, length=2.5, width=0.8)


def note(axes: Axes, words: str) -> None:
    """Write a caption between a picture and its title."""
    axes.annotate(
        words,
        (0.5, 1.0),
        (0, 3),
        "axes fraction",
        "offset points",
        ha="center",
        va="bottom",
        fontsize=NOTE,
        color=FAINT,
    )


def _halo(artist: Any, width: float) -> None:
    from matplotlib.patheffects import withStroke

    artist.set_path_effects([withStroke(linewidth=width, foreground=PAPER)])
