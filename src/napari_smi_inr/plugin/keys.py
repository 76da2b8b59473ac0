"""Keys on the canvas: Shift with a letter that napari leaves free."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from .napari_compat import unwrapped
from .preferences import preferences

KEYS = {
    "Shift-E": "explore:open_explorer",
    "Shift-I": "inspecting.inspector:inspect_here",
    "Shift-G": "fods.fod_overlay:toggle_glyphs",
    "Shift-K": "fods.fod_overlay:toggle_peaks",
    "Shift-C": "comparing.compare:cycle_comparison",
    "Shift-N": "comparing.compare:next_opponent",
    "Shift-T": "comparing.compare:turn_line",
    "Shift-Left": "comparing.compare:line_back",
    "Shift-Right": "comparing.compare:line_on",
    "Shift-S": "taking.take_away:save_view",
    "Shift-Down": "cohort.open_cohort:next_scan",
    "Shift-Up": "cohort.open_cohort:previous_scan",
}
"""What each key does, by module and function; imported when it is first pressed."""

FLICKER = "Shift-F"
"""Shows the other of two compared maps while it is held."""


def bind_keys(viewer: Any) -> None:
    """Bind them in a viewer, except to keys that mean something there already; unless the user wants none."""
    if not preferences().keys:
        return
    target = unwrapped(viewer)
    actions: dict[str, Callable[[Any], Any]] = {key: _action(name) for key, name in KEYS.items()}
    for key, action in {**actions, FLICKER: _hold}.items():
        if key.replace("-", "+") not in {str(known) for known in target.keymap}:
            target.bind_key(key, action)


def _action(name: str) -> Callable[[Any], None]:
    module, function = name.split(":")

    def act(viewer: Any) -> None:
        getattr(import_module(f".{module}", __package__), function)(viewer)

    act.__name__ = function  # napari asks every bound function for its name
    return act


def _hold(viewer: Any) -> Iterator[None]:
    from .comparing.compare import flicker_while_held

    yield from flicker_while_held(viewer)
