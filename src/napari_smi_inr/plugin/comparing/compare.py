"""Comparing maps in a viewer: what menus, the command palette and keys call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import napari

from ..napari_compat import unwrapped
from .comparison import Comparison, Mode

STEP = 0.02
"""How far a key moves the line, as a fraction of the canvas."""

_CYCLE = {Mode.OFF: Mode.SWIPE, Mode.FLICKER: Mode.SWIPE, Mode.SWIPE: Mode.SIDE, Mode.SIDE: Mode.OFF}

_comparisons: WeakKeyDictionary[Any, Comparison] = WeakKeyDictionary()


def comparison_in(viewer: Any) -> Comparison:
    """Give the comparison of a viewer; it is off until something is compared."""
    if unwrapped(viewer) not in _comparisons:
        _comparisons[unwrapped(viewer)] = Comparison(viewer)
    return _comparisons[unwrapped(viewer)]


def cycle_comparison(viewer: napari.viewer.Viewer) -> None:
    """Go from no comparison to the swipe, to side by side, and back."""
    comparison = comparison_in(viewer)
    comparison.show(_CYCLE[comparison.mode])


def next_opponent(viewer: napari.viewer.Viewer) -> None:
    """Compare with the next: nearest, linear, cubic, and the other fits in the viewer."""
    comparison = comparison_in(viewer)
    if comparison.mode is Mode.OFF:
        comparison.show(Mode.SWIPE)
        return
    known = comparison.opponents
    if comparison.opponent in known:
        comparison.choose(opponent=known[(known.index(comparison.opponent) + 1) % len(known)])
    elif known:
        comparison.choose(opponent=known[0])


def flicker(viewer: napari.viewer.Viewer) -> None:
    """Show the other of the two maps in the same place, where the eye finds the smallest difference."""
    comparison_in(viewer).flip()


def flicker_while_held(viewer: napari.viewer.Viewer) -> Iterator[None]:
    """Show the other of the two maps for as long as a key is held, then the first again."""
    comparison = comparison_in(viewer)
    comparison.flip()
    yield
    if comparison.mode is Mode.FLICKER:
        comparison.flip()


def line_back(viewer: napari.viewer.Viewer) -> None:
    """Move the line of the swipe to the left, or upwards."""
    _nudge(viewer, -STEP)


def line_on(viewer: napari.viewer.Viewer) -> None:
    """Move the line of the swipe to the right, or downwards."""
    _nudge(viewer, STEP)


def turn_line(viewer: napari.viewer.Viewer) -> None:
    """Let the line of the swipe lie if it stands, and stand if it lies."""
    comparison = comparison_in(viewer)
    comparison.turn_line(not comparison.line.upright)


def end_comparison(viewer: napari.viewer.Viewer) -> None:
    """Put the viewer back as it was before the comparison."""
    comparison_in(viewer).end()


def _nudge(viewer: Any, step: float) -> None:
    comparison = comparison_in(viewer)
    across = comparison.across()
    if comparison.mode is Mode.SWIPE and across is not None and comparison.line.position is not None:
        fraction = across.fraction(comparison.line.position) + step
        comparison.move_line(across.at_fraction(min(max(fraction, 0.0), 1.0)))
