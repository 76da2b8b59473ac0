"""The zoom layer: a field, sampled at the resolution of the screen wherever one looks."""

from __future__ import annotations

from typing import Any

from ...sampling.field import Field
from .session import session_for


def add_zoom_layer(viewer: Any, field: Field, parameter: str, **options: Any) -> Any:
    """Show one parameter of a field in napari, at any zoom, in any plane.

    The layer is an ordinary multiscale image whose pixels are computed when they are looked at: at once from a copy at
    about the voxels' resolution, then finer and finer from the field itself, on a background thread. All layers of one
    field in one viewer share that thread and what it has computed.

    Parameters
    ----------
    viewer
        A napari viewer. Its world is taken as scanner millimetres in (z, y, x) order.
    field
        Anything that follows the :class:`~napari_smi_inr.sampling.field.Field` protocol.
    parameter
        One of ``field.parameters``.
    **options
        Passed on to ``viewer.add_image`` (``name``, ``visible``, ``colormap``, ``contrast_limits``, ``opacity`` …).

    Returns
    -------
    napari.layers.Image
        The layer. Removing it, or closing the viewer, ends the background work.

    Raises
    ------
    InputError
        If the field has no such parameter.
    """
    return session_for(viewer, field).add(parameter, **options)
