"""Pictures on the clipboard, and files asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtGui import QGuiApplication, QImage
from qtpy.QtWidgets import QFileDialog

from ..napari_compat import main_window

_INCH = 0.0254  # m


def copy_picture(picture: NDArray[np.uint8], dpi: float) -> None:
    """Put an (H, W, 3) picture on the clipboard."""
    height, width, _ = picture.shape
    image = QImage(np.ascontiguousarray(picture).tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    for put in (image.setDotsPerMeterX, image.setDotsPerMeterY):
        put(round(dpi / _INCH))
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setImage(image.copy())  # which owns its pixels


def ask_for_file(viewer: Any, title: str, name: str, kinds: str) -> Path | None:
    """Ask the user where to save; None if they think better of it.

    Parameters
    ----------
    viewer
        Over whose window to ask.
    title
        Of the dialog.
    name
        Proposed.
    kinds
        Qt's list of file types, e.g. ``"PNG (*.png);;TIFF (*.tif)"``; the ending of the chosen one is added if missing.
    """
    file, kind = QFileDialog.getSaveFileName(main_window(viewer), title, name, kinds)
    if not file:
        return None
    endings = kind.split("*")[1:] or kinds.split("*")[1:]
    ending = endings[0].split(")")[0].split(" ")[0]
    known = [e.split(")")[0].split(" ")[0] for e in kinds.split("*")[1:]]
    return Path(file if file.lower().endswith(tuple(known)) else file + ending)
