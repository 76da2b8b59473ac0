"""Screenshots that wait until everything in them is complete, for whoever takes many: movies, scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._qt.bit_by_bit import run_through
from ..napari_compat import camera, unwrapped
from .picture import Resolution, picture_steps, pixel_ratio
from .take_away import save_picture


class PatientViewer:
    """A napari viewer whose screenshots of the canvas show everything as it finally is; the rest is the viewer's."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._viewer, name)

    @property
    def camera(self) -> Any:
        """The viewer's camera, under the name it had before napari 0.9."""
        return camera(self._viewer)

    def screenshot(
        self,
        path: str | Path | None = None,
        *,
        size: tuple[int, int] | None = None,
        scale: float | None = None,
        canvas_only: bool = True,
        flash: bool = False,
    ) -> NDArray[np.uint8]:
        """Take a picture once it is complete.

        Parameters
        ----------
        path
            Where to save it, if anywhere; ends in .png or .tif.
        size
            Height and width [pixels]: what is in view is enlarged until it fills their width.
        scale
            Instead: how many times finer than the screen. Unlike napari's, both show what the canvas shows.
        canvas_only, flash
            Only the canvas is taken, and without a flash.

        Returns
        -------
        (H, W, 4) picture.
        """
        if not canvas_only:
            raise NotImplementedError("Only the canvas can wait; take the window with the viewer itself.")
        factor = size[1] / unwrapped(self._viewer.canvas).size[1] if size else (scale or 1) * pixel_ratio(self._viewer)
        picture = run_through(picture_steps(self._viewer, Resolution(factor)))
        if path is not None:
            save_picture(picture, path, Resolution(factor).dots_per_inch(self._viewer))
        return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


@contextmanager
def exact_frames(viewer: Any) -> Iterator[PatientViewer]:
    """Have every screenshot wait for what it shows; the window lives meanwhile, but takes no input.

    Give what it yields to whoever takes the pictures in place of the viewer::

        with exact_frames(viewer) as patient:
            animation = napari_animation.Animation(patient)
            animation.capture_keyframe()
            viewer.scene.camera.zoom *= 20
            animation.capture_keyframe(steps=60)
            animation.animate("zoom.mp4")

    Parameters
    ----------
    viewer
        A napari viewer with a window.
    """
    view = camera(viewer)
    kept = view.center, view.zoom
    try:
        yield PatientViewer(viewer)
    finally:
        view.zoom, view.center = kept[1], kept[0]
