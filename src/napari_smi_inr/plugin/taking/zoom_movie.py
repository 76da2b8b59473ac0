"""A movie that flies from the whole slice to the present view, every frame complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info

from ...errors import InputError, require_library
from ...io.files import output_file
from .._qt.bit_by_bit import run_through
from .._qt.clipboard import ask_for_file
from ..napari_compat import camera, unwrapped
from .picture import Picture, Resolution, Steps, picture_steps
from .take_away import bit_by_bit

if TYPE_CHECKING:
    import napari

EXTRA = "movie"
"""Of this package: what MP4 files need."""

FORMATS = (".mp4", ".gif")

_KINDS = "MP4 (*.mp4);;GIF (*.gif)"
_MARGIN = 0.95  # of the canvas that the whole slice fills
_CLOSER = 1.05  # than the whole slice must be the view at the end


@dataclass(frozen=True)
class View:
    """Where a 2-D camera looks: (vertical, horizontal) centre [mm], and pixels per millimetre."""

    centre: tuple[float, float]
    zoom: float


@dataclass(frozen=True)
class Flight:
    """How to fly.

    Attributes
    ----------
    seconds
        From the first view to the last.
    rest
        Seconds to stay at either end.
    fps
        Frames a second.
    factor
        Pixels of the movie per logical pixel of the canvas.
    """

    seconds: float = 6.0
    rest: float = 1.0
    fps: int = 25
    factor: float = 1.0

    def shares(self) -> list[float]:
        """Shares of the way, 0 to 1, one a frame; gentle at both ends."""
        moving = np.linspace(0, 1, max(round(self.seconds * self.fps), 2))
        still = round(self.rest * self.fps)
        eased = moving * moving * (3 - 2 * moving)
        return [*[0.0] * still, *(float(s) for s in eased), *[1.0] * still]


def between(start: View, end: View, share: float) -> View:
    """Give the view at a share of the way: the zoom grows evenly, and the target moves straight to the middle."""
    zoom = start.zoom * (end.zoom / start.zoom) ** share
    moved = (1 - start.zoom / zoom) / (1 - start.zoom / end.zoom) if end.zoom != start.zoom else share
    (v0, h0), (v1, h1) = start.centre, end.centre
    return View((v0 + moved * (v1 - v0), h0 + moved * (h1 - h0)), zoom)


def whole_slice(viewer: Any) -> View:
    """Give the view that shows all of what is in the slice.

    Raises
    ------
    InputError
        If the viewer shows no plane.
    """
    bare = unwrapped(viewer)
    if bare.dims.ndisplay != 2 or not len(bare.layers):
        raise InputError("view", "shows no plane.", "Show a zoom layer in 2-D and zoom in; then make the movie.")
    low, high = (np.asarray(end, float)[list(bare.dims.displayed)] for end in bare.layers.extent.world)
    size = np.array(unwrapped(bare.canvas).viewbox_size(bare.layers), float)
    centre = (low + high) / 2
    return View((float(centre[0]), float(centre[1])), float(_MARGIN * np.min(size / np.maximum(high - low, 1e-9))))


def movie_steps(viewer: Any, path: str | Path, flight: Flight = Flight()) -> Steps:
    """Make a movie from the whole slice to the present view; the canvas flies along, and comes back.

    Parameters
    ----------
    viewer
        A napari viewer with a window, in 2-D and zoomed in.
    path
        Ends in .mp4 (which needs the extra ``movie``) or .gif; appears whole or not at all.
    flight
        How to fly.

    Returns
    -------
    Steps that yield the share that is done, and return the path.

    Raises
    ------
    InputError
        If the viewer is not zoomed in, a library is missing, or the file cannot be written.
    """
    target = _target(path)
    view = camera(viewer)
    start, kept = whole_slice(viewer), (tuple(view.center), float(view.zoom))
    end = View((float(kept[0][-2]), float(kept[0][-1])), kept[1])
    if end.zoom < _CLOSER * start.zoom:
        raise InputError("view", "shows the whole slice already.", "Zoom in to where the movie is to end.")
    shares = flight.shares()
    try:
        with _writing(target, flight.fps) as append:
            known: dict[float, Picture] = {}
            for number, share in enumerate(shares):
                if share not in known:
                    known = {share: (yield from _frame(viewer, between(start, end, share), flight, number, shares))}
                append(known[share])
                yield number / len(shares)
    finally:
        view.zoom, view.center = kept[1], kept[0]
    return target


def _frame(viewer: Any, place: View, flight: Flight, number: int, shares: list[float]) -> Steps:
    view = camera(viewer)

    def go() -> None:
        view.zoom = place.zoom
        view.center = (*tuple(view.center)[:-2], *place.centre)

    while True:
        go()
        steps = picture_steps(viewer, Resolution(flight.factor))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                picture: Picture = end.value
                break
            yield number / len(shares)
        if np.allclose((view.zoom, *tuple(view.center)[-2:]), (place.zoom, *place.centre)):
            return picture  # else someone has moved it meanwhile


def save_zoom_movie(viewer: Any, path: str | Path, flight: Flight = Flight()) -> Path:
    """Make a movie from the whole slice to the present view, and wait for it (see :func:`movie_steps`)."""
    made: Path = run_through(movie_steps(viewer, path, flight))
    return made


def zoom_movie(viewer: napari.viewer.Viewer, path: Path | None = None, flight: Flight = Flight()) -> None:
    """Make a movie from the whole slice to the present view in the background; asks for the file if need be."""
    target = path or ask_for_file(viewer, "Save a zoom movie", "zoom.mp4", _KINDS)
    if target is not None:
        bit_by_bit(
            viewer,
            partial(movie_steps, viewer, target, flight),
            "Making a zoom movie",
            lambda made: show_info(f"The movie is done: {made}"),
        )


def _target(path: str | Path) -> Path:
    target = output_file(path)
    if target.suffix.lower() not in FORMATS:
        raise InputError(target, "is no name for a movie.", f"End it in {' or '.join(FORMATS)}.")
    if target.suffix.lower() == ".mp4":
        require_library("imageio_ffmpeg", "MP4 movies", EXTRA)
    return target


@contextmanager
def _writing(target: Path, fps: int) -> Iterator[Any]:
    """Write frames beside the movie's place, and move them there when they are whole."""
    import imageio.v2 as imageio  # comes with napari

    part = target.with_name(f".{os.getpid()}.part.{target.name}")
    gif = target.suffix.lower() == ".gif"
    options = {"duration": 1000 / fps, "loop": 0} if gif else {"fps": fps, "quality": 8, "macro_block_size": 2}
    try:
        with imageio.get_writer(part, **options) as writer:
            yield partial(_append, writer, gif)
        part.replace(target)
    except OSError as error:
        fault = f"cannot be written: {error.strerror or error}."
        raise InputError(target, fault, "Choose a folder you may write to, with room on its disk.") from None
    finally:
        part.unlink(missing_ok=True)


def _append(writer: Any, gif: bool, picture: Picture) -> None:
    writer.append_data(picture if gif else _even(picture))


def _even(picture: Picture) -> Picture:
    """Drop the last row or column of an odd number: most codecs take even ones alone."""
    height, width, _ = picture.shape
    return picture[: height // 2 * 2, : width // 2 * 2]
