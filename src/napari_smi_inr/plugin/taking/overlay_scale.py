"""Scale bar, colour bars, captions and letters, enlarged with the canvas so that a print looks like the screen."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..napari_compat import camera, overlays, unwrapped

_SIZES = ("font_size", "size", "tick_length", "padding")
"""What overlays measure in points and pixels."""

_BAR_PIXELS = 150
"""Longest scale bar that napari draws by itself."""

_ROUND = (1, 2, 5, 10, 15, 20, 25, 50, 75, 100, 125, 150, 200, 500, 750)
"""Lengths it may have, times a power of 1000."""

_BAR_WIDTH, _TICK_LENGTH = 3.0, 11.0
"""Of the scale bar's lines [pixels], whatever the size of its text."""


@contextmanager
def enlarged_overlays(viewer: Any, factor: float) -> Iterator[None]:
    """Enlarge whatever on the canvas is measured in pixels, for a picture taken within.

    Parameters
    ----------
    viewer
        A napari viewer, with its camera as on the screen.
    factor
        How much larger.
    """
    kept: list[tuple[Any, str, Any]] = []
    changed = abs(factor - 1) > 1e-6

    def put(model: Any, name: str, value: Any) -> None:
        kept.append((model, name, getattr(model, name)))
        setattr(model, name, value)

    try:
        bar = overlays(unwrapped(viewer)).scale_bar
        if changed and bar.length is None:
            put(bar, "length", round_length(_BAR_PIXELS / float(camera(viewer).zoom)))
        for model in _models(unwrapped(viewer)) if changed else ():
            for name in _SIZES:
                value = getattr(model, name, None)
                if value is not None:
                    put(model, name, tuple(factor * v for v in value) if isinstance(value, tuple) else factor * value)
        yield
    finally:
        for model, name, value in reversed(kept):
            setattr(model, name, value)


def _models(viewer: Any) -> list[Any]:
    """List what has sizes in pixels: overlays of the canvas and of layers, and the distance between them."""
    own = overlays(viewer)
    found = [own[name] for name in own if not name.startswith("_")]
    for layer in viewer.layers:
        found += [getattr(layer, name) for name in ("colorbar", "name_overlay", "text") if hasattr(layer, name)]
    return [*found, viewer.canvas.overlay_tiling]


def round_length(most: float) -> float:
    """Give the length napari's scale bar has where it may have ``most`` at most."""
    unit = 1000.0 ** math.floor(math.log(most, 1000))
    return _ROUND[max(bisect_left(_ROUND, most / unit) - 1, 0)] * unit


def strengthen_scale_bar(picture: NDArray[np.uint8], viewer: Any, factor: float, ratio: float) -> None:
    """Draw the lines of the scale bar ``factor`` times as strong, in place: napari draws them at one width.

    Only where it is found where it should be: at the bottom right, alone.

    Parameters
    ----------
    picture
        (H, W, 3) of the canvas, its overlays enlarged.
    viewer
        Its camera as on the screen.
    factor
        How much the overlays were enlarged.
    ratio
        Pixels of the screen per logical pixel.
    """
    bar = overlays(unwrapped(viewer)).scale_bar
    if factor <= 1 or not bar.visible:
        return
    zoom = float(camera(viewer).zoom)
    length = (bar.length or round_length(_BAR_PIXELS / zoom)) * zoom * factor * ratio
    pad_x, pad_y = (factor * ratio * p for p in unwrapped(viewer).canvas.overlay_tiling.padding)
    y = picture.shape[0] - pad_y - ratio * _TICK_LENGTH / 2
    right = picture.shape[1] - pad_x - ratio * _BAR_WIDTH / 2
    left = right - length
    if left < 0 or y < 0 or not _is_line(picture, int(y), left, right):
        return
    colour = picture[int(y), int((left + right) / 2)].copy()
    half, tick = factor * ratio * _BAR_WIDTH / 2, factor * ratio * _TICK_LENGTH / 2 if bar.ticks else 0.0
    for x0, x1, reach in ((left, right, half), (left, left, tick), (right, right, tick)):
        rows = slice(max(round(y - reach), 0), round(y + reach))
        picture[rows, max(round(x0 - half), 0) : round(x1 + half)] = colour


def _is_line(picture: NDArray[np.uint8], y: int, left: float, right: float) -> bool:
    """Whether a row is of one colour between two columns, and the rows around it are not of that colour."""
    columns = slice(math.ceil(left) + 4, math.floor(right) - 4)
    line, above = (picture[row, columns].astype(int) for row in (y, max(y - 6, 0)))
    if len(line) < 2:
        return False
    return bool(np.ptp(line, axis=0).max() <= 8 and np.abs(above - line[0]).max(axis=1).min() > 24)
