"""Opening files in napari: diffusion scans, masks and other NIfTI images, and field files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning
from numpy.typing import NDArray

from ..acquisition import Acquisition
from ..errors import InputError
from ..io.beside import has_protocol
from ..io.files import readable_file, user_path
from ..io.gradients import read_gradients
from ..io.nifti import grid_of, open_image, read_map, read_volumes
from .arrival import stand_upright
from .layer_origin import KEY, ScanOrigin, VolumeOrigin
from .world_volumes import place_in_world

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str | Sequence[str]], list[LayerData]]

_BRIGHTEST = 99.8  # percentile shown as white: a few vessels may saturate
_MASK_OPACITY = 0.35


def nifti_reader(path: str | Sequence[str]) -> Reader | None:
    """Offer to read a NIfTI image (npe2 reader)."""
    return read_nifti if isinstance(path, str) and path.lower().endswith((".nii", ".nii.gz")) else None


def field_reader(path: str | Sequence[str]) -> Reader | None:
    """Offer to read a field file (npe2 reader)."""
    from ..results import FIELD_SUFFIX

    return read_field if isinstance(path, str) and path.lower().endswith(FIELD_SUFFIX) else None


def read_nifti(path: str | Sequence[str]) -> list[LayerData]:
    """Read a NIfTI image as a layer in scanner millimetres.

    Parameters
    ----------
    path
        A 4-D image is a diffusion scan if b-values lie beside it; without, it opens as a plain image and says
        so. A 3-D image of zeros and ones opens as a mask, any other as an image.

    Returns
    -------
    One layer, whose metadata say what it is.

    Raises
    ------
    InputError
        If the file is missing, damaged, or neither 3-D nor 4-D.
    """
    file = user_path(str(path))
    image = open_image(file, "image")
    if image.ndim not in (3, 4):
        raise InputError(file, f"has {image.ndim} dimensions.", "Give a 3-D or 4-D image.")
    affine = grid_of(image).affine
    if image.ndim == 3 or image.shape[3] == 1:
        return [_volume_layer(file, read_map(file, "image", grid_of(image))[0], affine)]
    origin = ScanOrigin(file, _acquisition(file, image.shape[3], affine))
    return [scan_layer(_name(file), read_volumes(image), affine, origin)]


def scan_layer(name: str, signal: NDArray[np.float32], affine: NDArray[np.float64], origin: ScanOrigin) -> LayerData:
    """Describe the layer of a scan.

    Parameters
    ----------
    name
        Of the layer.
    signal
        (X, Y, Z, V).
    affine
        (4, 4) from voxel indices to RAS millimetres.
    origin
        What the dock widget needs to fit it.
    """
    data, options = place_in_world(signal, affine)
    stand_upright(origin)
    volume = 0 if origin.acquisition is None else int(np.argmin(origin.acquisition.b))
    limits = _limits(signal[..., volume])
    return data, {"name": name, "contrast_limits": limits, "metadata": {KEY: origin}, **options}, "image"


def read_field(path: str | Sequence[str]) -> list[LayerData]:
    """Read a field file: its maps as layers, and on top of them the zoom layer, alive, without the scan.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind, or from a newer version.
    """
    from ..inr.field_file import open_field
    from .field_layers import map_layers, zoom_when_added

    file = readable_file(str(path), "field file")
    field = open_field(file)
    layers = map_layers(field, field.maps())
    zoom_when_added(field)
    return layers


def _acquisition(file: Path, n_volumes: int, affine: NDArray[np.float64]) -> Acquisition | None:
    """The protocol, or None with a word to the user on why the scan cannot be fitted as it is."""
    if not has_protocol(file):
        show_warning(
            f"{file.name}: no b-values (.bval, .btens, _xps.mat or .b) lie beside it, so it opens as an ordinary 4-D "
            "image. To fit it, name its side-cars under Data in the Standard Model INR widget."
        )
        return None
    try:
        return read_gradients(file, n_volumes, affine).acquisition
    except InputError as error:
        show_warning(f"{error} Until then it opens as an ordinary 4-D image.")
        return None


def _volume_layer(file: Path, values: NDArray[np.float32], affine: NDArray[np.float64]) -> LayerData:
    origin = VolumeOrigin(file, bool(np.isin(values, (0, 1)).all()))
    data, options = place_in_world(values, affine, order=0 if origin.binary else 1)
    options |= {"name": _name(file), "metadata": {KEY: origin}}
    stand_upright(origin)
    if origin.binary:
        return np.nan_to_num(data).astype(np.uint8), options | {"opacity": _MASK_OPACITY}, "labels"
    return data, options | {"contrast_limits": _limits(values)}, "image"


def _limits(values: NDArray[np.float32]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    high = float(np.percentile(finite, _BRIGHTEST)) if finite.size else 1.0
    low = min(0.0, float(finite.min())) if finite.size else 0.0
    return low, high if high > low else low + 1.0


def _name(file: Path) -> str:
    return file.name.removesuffix(".gz").removesuffix(".nii")
