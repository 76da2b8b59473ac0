"""Parameter maps and FODs as NIfTI with JSON side-cars, named as BIDS names diffusion models (BEP016)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..parameters import FOD, PARAMETERS
from .files import output_folder, replacing
from .nifti import write_image

_MODEL = {
    "Description": "Standard Model of white matter, fitted as an implicit neural representation",
    "URL": "https://doi.org/10.1038/s42003-025-09399-5",
}


def map_name(label: str, prefix: str = "") -> str:
    """Name the file of one map, such as ``sub-01_model-sm_param-f_dwimap.nii.gz``."""
    return f"{prefix}{'_' if prefix else ''}model-sm_param-{label}_dwimap.nii.gz"


def save_maps(
    maps: Mapping[str, NDArray[np.floating]],
    affine: NDArray[np.float64],
    folder: str | Path,
    record: Mapping[str, Any],
    prefix: str = "",
) -> list[Path]:
    """Write one NIfTI and one JSON a scalar map.

    Parameters
    ----------
    maps
        (X, Y, Z) by symbol (Di, De, Dp, f, S0, p2); NaN outside the mask is kept.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    folder
        Made if missing.
    record
        What the maps came from (config, seed, versions, input checksums), kept in every side-car.
    prefix
        BIDS entities before ``model-sm``, such as ``sub-01``.

    Returns
    -------
    The NIfTI files, in the order of the maps.

    Raises
    ------
    InputError
        If a symbol is unknown or the folder cannot be written to.
    """
    unknown = sorted(set(maps) - set(PARAMETERS))
    if unknown:
        raise InputError("maps", f"have unknown parameters {unknown}.", f"Known ones are {', '.join(PARAMETERS)}.")
    target = output_folder(folder)
    paths = []
    for symbol, values in maps.items():
        parameter = PARAMETERS[symbol]
        path = target / map_name(parameter.label, prefix)
        about = {"Description": parameter.name, "Units": parameter.unit or "1"}
        _write_with_sidecar(path, values, affine, about, record)
        paths.append(path)
    return paths


def save_fod(
    fod: NDArray[np.floating], affine: NDArray[np.float64], path: str | Path, record: Mapping[str, Any]
) -> Path:
    """Write FOD coefficients as MRtrix reads them: its SH basis, scanner axes, 0 outside the mask.

    Parameters
    ----------
    fod
        (X, Y, Z, C) coefficients, C = (lmax+1)(lmax+2)/2; NaN becomes 0.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    path
        The NIfTI file; :func:`map_name` of ``"fod"`` is the BIDS name. Its folder is made if missing.
    record
        As in :func:`save_maps`.

    Returns
    -------
    The path written.

    Raises
    ------
    InputError
        If the number of coefficients belongs to no even lmax, or the file cannot be written.
    """
    target = output_folder(Path(path).parent) / Path(path).name
    about = {
        "Description": "fibre orientation distribution, real spherical harmonic coefficients",
        "Units": "1/sr",
        "OrientationEncoding": {
            "Type": "sh",
            "EncodingAxis": 3,
            "Reference": "xyz",
            "SphericalHarmonicBasis": "MRtrix3",
            "SphericalHarmonicDegree": _degree(fod.shape[3]),
            "AntipodalSymmetry": True,
        },
    }
    _write_with_sidecar(target, np.nan_to_num(fod), affine, about, record)
    return target


def _degree(n_coefficients: int) -> int:
    for lmax in range(0, 32, 2):
        if (lmax + 1) * (lmax + 2) // 2 == n_coefficients:
            return lmax
    raise InputError(FOD, f"has {n_coefficients} coefficients, which fits no even lmax.", "Give 1, 6, 15, 28 or 45.")


def _write_with_sidecar(
    path: Path,
    values: NDArray[np.floating],
    affine: NDArray[np.float64],
    about: Mapping[str, Any],
    record: Mapping[str, Any],
) -> None:
    """Write the image, then its JSON; a side-car never describes a map that is not there."""
    write_image(path, values, affine)
    text = json.dumps({**about, "Model": _MODEL, **record}, indent=2, ensure_ascii=False)
    with replacing(path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")) as stream:
        stream.write((text + "\n").encode())
