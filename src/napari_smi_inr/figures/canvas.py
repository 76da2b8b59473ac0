"""The sheet a figure is drawn on: made without any window, laid out in inches, written to a file."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from ..errors import require_library
from ..io.files import output_file, replacing
from .style import DPI, FAINT, INK, LINE, NOTE, PAPER, SMALL, TITLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def require_matplotlib() -> None:
    """Make sure that figures can be drawn.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    require_library("matplotlib", "figures", "figures")


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of a size [inches], outside pyplot and its state.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor=PAPER, dpi=DPI)


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes to a figure, measured from its upper left corner [inches]."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def write(
    figure: Figure, left: float, top: float, words: str, size: float, *, colour: str = INK, bold: bool = False,
    ha: str = "left", va: str = "center", rotation: float = 0.0,
) -> None:  # fmt: skip
    """Write words on a figure at a place measured from its upper left corner [inches]."""
    across, down = figure.get_size_inches()
    figure.text(
        left / across, 1 - top / down, words, fontsize=size, color=colour, fontweight="bold" if bold else "normal",
        ha=ha, va=va, rotation=rotation,
    )  # fmt: skip


def text_width(words: str, size: float) -> float:
    """About how wide words are [inches]; on the safe side."""
    return 0.64 * size / 72 * max((len(line) for line in words.split("\n")), default=0)


def name_row(figure: Figure, middle: float, room: float, words: str) -> None:
    """Write the name of a row upwards along its left edge; smaller and in two lines where it is long.

    Parameters
    ----------
    figure
        The figure.
    middle, room
        Middle of the row from the top, and its height [inches].
    words
        The name.
    """
    size = TITLE
    if text_width(words, size) > room:
        size = NOTE
        words = "\n".join(wrap(words, max(8, int(room / text_width("n", size))), max_lines=2, placeholder=" …"))
    write(figure, 0.2, middle, words, size, bold=True, ha="center", rotation=90)


def tidy(axes: Axes) -> None:
    """Give the axes of a chart thin grey lines, small ticks and no frame on the right and at the top."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(color=LINE, linewidth=0.8)
    axes.tick_params(which="both", labelsize=SMALL, labelcolor=FAINT, color=LINE, width=0.8, length=3)
    axes.tick_params(which="minor", length=1.5)


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure whole or not at all; its format follows the name.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    target = output_file(path)
    with replacing(target) as stream:
        figure.savefig(stream, format=target.suffix.lstrip("."))
    return target
