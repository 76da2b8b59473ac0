"""The one look of every figure: inks, sizes of type, colours and markers of the methods, and how names are written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..parameters import PARAMETERS

INK, FAINT, LINE = "#1b1b1f", "#6d6d78", "#c8c8d0"
"""Text and marks; what stands behind them; rules and ticks."""

PAPER, BACKDROP = "#ffffff", "#e4e4ea"
"""The page, which shows where a map has no value; and the same in maps whose middle is white."""

MARK = "#00a8c8"
"""Frames around a region, legible on magma, viridis and grey alike."""

TITLE, LABEL, NOTE, SMALL = 12.0, 10.0, 9.0, 8.0
"""Sizes of type [points]: names of panels, of axes, captions, and ticks."""

DPI = 160
"""Pixels an inch of a figure written to a raster file."""

DENSITY, DIVERGING = "magma_r", "RdBu_r"
"""Colormaps of point densities and of differences."""

_METHOD_TITLES = {"inr": "INR", "nlls": "NLLS", "smi": "SMI", "nn": "NN", "truth": "truth"}
"""Short names of the methods as figures write them."""

_SYMBOLS = {
    "Di": r"$D_\mathrm{i}$",
    "De": r"$D_\mathrm{e}$",
    "Dp": r"$D_\mathrm{p}$",
    "f": r"$f$",
    "S0": r"$S_0$",
    "p2": r"$p_2$",
}


class Look(NamedTuple):
    """How one series is drawn.

    Attributes
    ----------
    colour
        Of lines, markers and bars; told apart by colour-blind readers too (Okabe and Ito's palette).
    marker
        In matplotlib's letters, so that the series differ in print without colour.
    """

    colour: str
    marker: str


METHOD_LOOKS = {
    "inr": Look("#0072b2", "o"),
    "nlls": Look("#d55e00", "s"),
    "smi": Look("#009e73", "^"),
    "nn": Look("#cc79a7", "D"),
}
"""Colours and markers of the methods, the same in every figure."""

_OTHERS = (Look("#e69f00", "v"), Look("#56b4e9", "P"), Look(INK, "X"), Look("#8c6d31", "<"), Look("#7f7f8a", ">"))


def method_title(name: str) -> str:
    """A method's name as figures write it; one that is not known stays as it is."""
    return _METHOD_TITLES.get(name.lower(), name)


def symbol_text(symbol: str, unit: bool = False) -> str:
    """A parameter's symbol with its index lowered, and its unit if asked for; other words stay as they are."""
    words = _SYMBOLS.get(symbol, symbol)
    known = PARAMETERS.get(symbol)
    return f"{words} [{known.unit}]" if unit and known and known.unit else words


def series_looks(names: Iterable[str]) -> dict[str, Look]:
    """Give each series its look: the methods their own, any other the next that is free."""
    free = iter(_OTHERS * 4)
    return {name: METHOD_LOOKS.get(name.lower()) or next(free) for name in names}
