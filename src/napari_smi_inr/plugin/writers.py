"""Saving layers: parameter maps, FOD and field file, all on the scan's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.maps import save_fod, save_map, save_maps
from ..results import FIELD_SUFFIX, record_of
from .field_layers import is_continuous
from .layer_origin import KEY, MapOrigin

FullLayerData = tuple[Any, dict[str, Any], str]


def write_maps(path: str, layers: Sequence[FullLayerData]) -> list[str]:
    """Write parameter maps as NIfTI with the scan's affine, each with a JSON side-car (npe2 writer).

    Parameters
    ----------
    path
        Of the map, if there is one layer; of several, the first part of each file's name.
    layers
        Voxel maps or zoom layers; both give the map on the scan's grid.

    Returns
    -------
    The NIfTI files.

    Raises
    ------
    InputError
        If a layer is no parameter map, or the files cannot be written.
    """
    origins = [_origin(layer) for layer in layers]
    if len(origins) == 1:
        field, symbol = origins[0].field, origins[0].symbol
        return [str(save_map(symbol, field.maps()[symbol], field.affine, path, record_of(field)))]
    base, written = Path(path), []
    prefix = base.name.removesuffix(".gz").removesuffix(".nii")
    for field in {id(o.field): o.field for o in origins}.values():
        wanted = {o.symbol: field.maps()[o.symbol] for o in origins if o.field is field}
        written += save_maps(wanted, field.affine, base.parent, record_of(field), prefix)
    return [str(p) for p in written]


def write_fod(path: str, layers: Sequence[FullLayerData]) -> list[str]:
    """Write the FOD behind a parameter map as MRtrix reads it (npe2 writer)."""
    field = _the_field(layers)
    return [str(save_fod(field.fod_map(), field.affine, path, record_of(field)))]


def write_field(path: str, layers: Sequence[FullLayerData]) -> list[str]:
    """Write the field behind a parameter map, to be opened again without the scan (npe2 writer)."""
    target = path if path.endswith(FIELD_SUFFIX) else path + FIELD_SUFFIX
    field = _the_field(layers)
    if not is_continuous(field):
        fault = f"come from a voxel-wise fit ({field.config.method}), which has no field file."
        raise InputError("layers", fault, "Save its maps as NIfTI instead.")
    field.save(target)
    return [target]


def _the_field(layers: Sequence[FullLayerData]) -> Any:
    fields = {id(field): field for field in (_origin(layer).field for layer in layers)}
    if len(fields) != 1:
        raise InputError("layers", f"come from {len(fields)} fits.", "Select the layers of one fit.")
    return next(iter(fields.values()))


def _origin(layer: FullLayerData) -> MapOrigin:
    options = layer[1]
    origin = options.get("metadata", {}).get(KEY)
    if not isinstance(origin, MapOrigin):
        remedy = "Select only maps or zoom layers of a fit."
        raise InputError(f"layer {options.get('name')!r}", "is no parameter map.", remedy)
    return origin
