"""A picture of the view, at the screen's resolution or a printer's: taken when everything in it is complete."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..napari_compat import camera, main_window, unwrapped
from .fine_view import Cast
from .overlay_scale import enlarged_overlays, strengthen_scale_bar
from .settled import is_settled

Picture = NDArray[np.uint8]

Steps = Generator[float, None, Any]
"""Something done bit by bit on the main thread: yields the share that is done, returns the result."""

SCREEN_DPI = 96.0
"""What a logical pixel of the screen is taken for."""

MAX_SIDE = 16384
"""Longest side of a picture [pixels] that graphics drivers draw."""

MAX_PIXELS = 40_000_000
"""Most pixels of a picture: A4 at 600 dpi, and as much as fits in memory several times over."""

PATIENCE = 60.0
"""Seconds without progress after which a picture is given up."""

_INCH = 2.54  # cm


@dataclass(frozen=True)
class Resolution:
    """How fine a picture is.

    Attributes
    ----------
    factor
        Pixels per logical pixel of the canvas; None: as many as the screen has.
    dpi
        Pixels per inch of paper, kept in the file; None: that at which it is as large as on the screen.
    width_cm
        Width on paper; with ``dpi`` in place of ``factor``.
    """

    factor: float | None = None
    dpi: float | None = None
    width_cm: float | None = None

    @classmethod
    def on_paper(cls, dpi: float, width_cm: float) -> Resolution:
        """Make a picture of a given width on paper."""
        if not (dpi > 0 and width_cm > 0):
            raise InputError("resolution", f"is {dpi:g} dpi at {width_cm:g} cm.", "Give two positive numbers.")
        return cls(None, dpi, width_cm)

    def scale(self, viewer: Any) -> float:
        """Pixels of the picture per logical pixel of the canvas."""
        if self.dpi is not None and self.width_cm is not None:
            return self.dpi * self.width_cm / _INCH / float(unwrapped(viewer.canvas).size[1])
        return self.factor if self.factor is not None else pixel_ratio(viewer)

    def dots_per_inch(self, viewer: Any) -> float:
        """Pixels per inch of paper."""
        return self.dpi if self.dpi is not None else SCREEN_DPI * self.scale(viewer)

    def size(self, viewer: Any) -> tuple[int, int]:
        """Height and width of the picture [pixels].

        Raises
        ------
        InputError
            If it has no pixels, or too many.
        """
        scale = self.scale(viewer)
        height, width = (round(float(n) * scale) for n in unwrapped(viewer.canvas).size)
        if min(height, width) < 1:
            raise InputError("picture", f"would have {width} x {height} pixels.", "Choose a finer resolution.")
        if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
            remedy = f"Choose a coarser one: {MAX_PIXELS / 1e6:.0f} million pixels, {MAX_SIDE} a side at most."
            raise InputError("picture", f"would have {width} x {height} pixels.", remedy)
        return height, width


SCREEN = Resolution()


def pixel_ratio(viewer: Any) -> float:
    """Pixels of the screen per logical pixel."""
    window = main_window(viewer)
    return float(window.devicePixelRatioF()) if window is not None else 1.0


def picture_steps(viewer: Any, resolution: Resolution = SCREEN) -> Steps:
    """Take a picture of the canvas with all that is on it, once it is complete.

    The canvas is drawn twice at the picture's size, and never seen at it: in a rehearsal the zoom layers learn what
    will be asked of them; what that is, the worker evaluates while the window lives; then the picture is taken. Should
    the view change meanwhile, all begins anew.

    Parameters
    ----------
    viewer
        A napari viewer with a window.
    resolution
        Of the picture.

    Returns
    -------
    Steps that yield the share that is done, and return the (H, W, 3) picture.

    Raises
    ------
    InputError
        If the picture would be too large, or is not complete in the end.
    """
    watch = _Watch()
    while True:
        yield from _settled(viewer, watch)
        cast = Cast(viewer)
        _shoot(viewer, resolution, cast)
        for share in cast.learn():
            watch.see(share)
            yield share
        yield from _settled(viewer, watch)  # what else is computed for the view, such as glyphs
        picture = _shoot(viewer, resolution, cast)
        if cast.ready:
            return picture
        watch.see(None)


def _settled(viewer: Any, watch: _Watch) -> Steps:
    while not is_settled(viewer):
        watch.see(None)
        yield 0.0


def _shoot(viewer: Any, resolution: Resolution, cast: Cast) -> Picture:
    """Draw the canvas at the picture's size and leave it as it was; one event of the window."""
    size = resolution.size(viewer)
    view = camera(viewer)
    centre, zoom = view.center, float(view.zoom)
    factor = resolution.scale(viewer) / pixel_ratio(viewer)
    with enlarged_overlays(viewer, factor), cast.on_stage():
        view.zoom = zoom * factor
        try:
            shot = np.asarray(viewer.screenshot(size=size, flash=False))
        finally:
            view.zoom, view.center = zoom, centre
    if max(abs(a - b) for a, b in zip(shot.shape, size, strict=False)) > 2:
        fault = f"has {shot.shape[1]} x {shot.shape[0]} pixels in place of {size[1]} x {size[0]}."
        raise InputError("picture", fault, "The graphics driver draws no larger ones; choose a coarser resolution.")
    picture = np.ascontiguousarray(shot[..., :3])
    strengthen_scale_bar(picture, viewer, factor, pixel_ratio(viewer))
    return picture


class _Watch:
    """Loses patience with what makes no progress."""

    def __init__(self) -> None:
        self._share: float | None = None
        self._since = time.monotonic()

    def see(self, share: float | None) -> None:
        """Look at the progress, if any can be told."""
        if share is not None and share != self._share:
            self._share, self._since = share, time.monotonic()
        elif time.monotonic() - self._since > PATIENCE:
            remedy = "Wait until the fit has ended and nothing moves, or choose a coarser resolution."
            raise InputError("picture", f"is not complete after {PATIENCE:.0f} s.", remedy)
