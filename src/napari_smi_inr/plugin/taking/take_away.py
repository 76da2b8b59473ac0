"""Copy and save the view: what menus, keys and the section call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.utils.notifications import show_error, show_info

from ...errors import InputError
from ...io.files import output_file, replacing
from .._qt.bit_by_bit import BitByBit, run_through
from .._qt.clipboard import ask_for_file, copy_picture
from ..fitting.fit_controller import explain
from ..helper import Attempt, Helper
from ..napari_compat import unwrapped
from .picture import SCREEN, Picture, Resolution, Steps, picture_steps

if TYPE_CHECKING:
    import napari

FINE = Resolution(factor=3.0)
"""Of a picture for print."""

FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF"}
"""Of a picture, by the ending of its name."""

_KINDS = "PNG (*.png);;TIFF (*.tif *.tiff)"

_under_way: WeakKeyDictionary[Any, BitByBit] = WeakKeyDictionary()


def take_view(viewer: Any, resolution: Resolution = SCREEN) -> Picture:
    """Take a picture of the canvas, complete to the last tile, and wait for it.

    Parameters
    ----------
    viewer
        A napari viewer with a window.
    resolution
        Of the picture, e.g. ``Resolution(factor=3)`` or ``Resolution.on_paper(dpi=300, width_cm=17)``.

    Returns
    -------
    (H, W, 3) picture.

    Raises
    ------
    InputError
        If the picture would be too large, or is not complete in the end.
    """
    picture: Picture = run_through(picture_steps(viewer, resolution))
    return picture


def copy_view(viewer: napari.viewer.Viewer, resolution: Resolution = SCREEN) -> None:
    """Copy a picture of the canvas to the clipboard, once everything in it is complete."""

    def copy(picture: Picture) -> None:
        copy_picture(picture, resolution.dots_per_inch(viewer))
        show_info(f"Copied the view: {picture.shape[1]} x {picture.shape[0]} pixels.")

    bit_by_bit(viewer, partial(picture_steps, viewer, resolution), "Copying the view", copy)


def save_view(viewer: napari.viewer.Viewer, resolution: Resolution = FINE, path: Path | None = None) -> None:
    """Save a picture of the canvas as PNG or TIFF, once everything in it is complete; asks for the file if need be."""
    target = path or ask_for_file(viewer, "Save the view", "view.png", _KINDS)
    if target is None:
        return

    def save(picture: Picture) -> None:
        def told(result: Attempt) -> None:
            if result.error is not None:
                show_error(explain(result.error, "The view could not be saved"))
            else:
                show_info(f"Saved {picture.shape[1]} x {picture.shape[0]} pixels to {target}.")

        Helper(partial(save_picture, picture, target, resolution.dots_per_inch(viewer)), told).start()

    bit_by_bit(viewer, partial(picture_steps, viewer, resolution), "Saving the view", save)


def save_picture(picture: Picture, path: str | Path, dpi: float) -> Path:
    """Write a picture with its size on paper; the file appears whole or not at all.

    Parameters
    ----------
    picture
        (H, W, 3).
    path
        Ends in .png, .tif or .tiff.
    dpi
        Pixels per inch of paper.

    Raises
    ------
    InputError
        If the name has another ending, or the file cannot be written.
    """
    from PIL import Image

    target = output_file(path)
    kind = FORMATS.get(target.suffix.lower())
    if kind is None:
        raise InputError(target, "is no name for a picture.", f"End it in {', '.join(FORMATS)}.")
    more = {"compression": "tiff_deflate"} if kind == "TIFF" else {}
    with replacing(target) as stream:
        Image.fromarray(picture).save(stream, format=kind, dpi=(dpi, dpi), **more)
    return target


def bit_by_bit(viewer: Any, steps: Callable[[], Steps], title: str, done: Callable[[Any], None]) -> BitByBit | None:
    """Do something with the view step by step, one such thing at a time, and tell of what goes wrong.

    Parameters
    ----------
    viewer
        Whose view.
    steps
        Makes the steps.
    title
        What is being done, as the activity dock says it.
    done
        Called with the result.

    Returns
    -------
    What can be cancelled; None if something of the kind is under way.
    """
    before = _under_way.get(unwrapped(viewer))
    if before is not None and before.running:
        show_info("A picture of this view is being made already; it can be cancelled in the activity dock.")
        return None

    def told(result: Attempt) -> None:
        try:
            if result.error is not None:
                raise result.error
            done(result.value)
        except Exception as error:  # nothing may reach napari's event loop
            show_error(explain(error, f"{title} failed"))

    _under_way[unwrapped(viewer)] = job = BitByBit(viewer, steps(), title, told)
    return job


def cancel_all(viewer: Any) -> None:
    """End whatever is being made of a view."""
    job = _under_way.pop(unwrapped(viewer), None)
    if job is not None:
        job.cancel()
