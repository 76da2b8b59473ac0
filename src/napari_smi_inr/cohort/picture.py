"""Maps of one scan as a small picture, drawn where they were fitted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..figures import draw_maps
from ..io.files import output_folder, replacing

if TYPE_CHECKING:
    from ..estimation.estimate import Estimate
    from ..estimation.residual import Residual

RESIDUAL = "residual"
_DPI = 64  # a row of seven maps about 830 pixels wide
_LIMITS = {"noise": (0.0, 3.0)}


def save_picture(path: Path, field: Estimate, residual: Residual) -> str:
    """Draw one plane of every map and of the residual; returns what went wrong, if anything did.

    A fit need not be lost for the want of a picture.

    Parameters
    ----------
    path
        The PNG file; its folder is made if missing.
    field, residual
        The fit, and what it leaves unexplained.
    """
    try:
        shown = {**field.maps(), RESIDUAL: residual.values}
        limits = {RESIDUAL: _LIMITS[residual.unit]} if residual.unit in _LIMITS else None
        figure = draw_maps({"": shown}, field.affine, list(shown), limits=limits)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI)
        output_folder(path.parent)
        with replacing(path) as file:
            file.write(stream.getvalue())
    except InputError as error:
        return f"No picture: {error}"
    return ""
