"""The residual map of a fit as a layer, in place among its maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..dataset import DiffusionDataset
from .layer_origin import KEY, ResidualOrigin, origin_of
from .napari_compat import show_colorbar, show_name, unwrapped
from .world_volumes import place_in_world

if TYPE_CHECKING:
    from ..estimation.estimate import Estimate
    from ..estimation.residual import Residual

_SHOWN = (0.5, 2.0)
"""Contrast in units of the noise: around one nothing stands out."""

_BRIGHTEST = 99.5  # percentile shown brightest where the unit is S0


def add_residual_layer(viewer: Any, field: Estimate, residual: Residual) -> Any:
    """Show a residual map on top; one of the same fit that is there already is shown anew.

    Parameters
    ----------
    viewer
        A napari viewer.
    field, residual
        The fit, and what it leaves unexplained.

    Returns
    -------
    The layer.
    """
    data, place = place_in_world(residual.values, field.affine, order=0)
    layers = unwrapped(viewer).layers
    for layer in layers:
        origin = origin_of(layer)
        if isinstance(origin, ResidualOrigin) and origin.field is field:
            layer.data, layer.visible = data, True
            layers.move(layers.index(layer), len(layers))
            layers.selection.active = layer
            return layer
    unit = "noise σ" if residual.unit == "noise" else "S0"
    finite = residual.values[np.isfinite(residual.values)]
    brightest = float(np.percentile(finite, _BRIGHTEST)) if finite.size else 1.0
    options = {
        "name": f"residual · {field.config.method} [{unit}]",
        "colormap": "inferno",
        "contrast_limits": _SHOWN if residual.unit == "noise" else (0.0, max(brightest, 1e-6)),
        "metadata": {KEY: ResidualOrigin(field)},
    }
    layer = viewer.add_image(data, **options | place)
    layer.contrast_limits_range = (0.0, max(float(finite.max(initial=0.0)), layer.contrast_limits[1]))
    show_colorbar(layer)
    show_name(layer)
    return layer


def is_scan_of(dataset: DiffusionDataset, field: Estimate) -> bool:
    """Whether a dataset was read from the very file that a field was fitted to, which its record names."""
    name = dataset.read_from.get("dwi")
    fitted = field.record.get("inputs", {})
    same_file = name in fitted and fitted[name] == dataset.checksums.get(str(name))
    return same_file and dataset.shape == field.mask.shape
