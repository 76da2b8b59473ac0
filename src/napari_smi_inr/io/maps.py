"""Parameter maps and FODs as NIfTI with JSON side-cars, named as BIDS names diffusion models (BEP016)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..parameters import FOD, PARAMETERS, Parameter
from .files import output_file, output_folder
from .nifti import write_image
from .sidecar import write_sidecar

MODEL = {
    "Model": {
        "Description": "Standard Model of white matter: sticks and zeppelins along a fibre orientation distribution",
        "URL": "https://doi.org/10.1038/s42003-025-09399-5",
    }
}
"""What a side-car says of the model behind a map, unless it is told otherwise."""


PROTOCOL = "Protocol"
"""Part of a record that tells under ``"Weak"`` which parameters the protocol hardly constrains."""


def map_name(label: str, prefix: str = "", desc: str = "") -> str:
    """Name the file of one map, such as ``sub-01_model-sm_desc-nlls_param-f_dwimap.nii.gz``."""
    return f"{prefix}{'_' if prefix else ''}model-sm_{f'desc-{desc}_' if desc else ''}param-{label}_dwimap.nii.gz"


def save_maps(
    maps: Mapping[str, NDArray[np.floating]],
    affine: NDArray[np.float64],
    folder: str | Path,
    record: Mapping[str, Any],
    prefix: str = "",
    desc: str = "",
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
    desc
        BIDS ``desc-<label>``, which tells fits of one scan apart.

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
    named = {symbol: target / map_name(PARAMETERS[symbol].label, prefix, desc) for symbol in maps}
    return [save_map(symbol, values, affine, named[symbol], record) for symbol, values in maps.items()]


def save_map(
    symbol: str, values: NDArray[np.floating], affine: NDArray[np.float64], path: str | Path, record: Mapping[str, Any]
) -> Path:
    """Write one scalar map with its JSON under a name of one's own.

    Parameters
    ----------
    symbol
        Di, De, Dp, f, S0 or p2.
    values, affine, record
        As in :func:`save_maps`.
    path
        Ends in .nii or .nii.gz; its folder is made if missing.

    Returns
    -------
    The path written.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    target = output_file(path)
    write_image(target, values, affine, described=True)
    write_sidecar(target, {**about(PARAMETERS[symbol], record), **MODEL, **record})
    return target


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
    target = output_file(path)
    meaning = about_fod(fod.shape[3])
    write_image(target, np.nan_to_num(fod), affine, described=True)
    write_sidecar(target, {**meaning, **MODEL, **record})
    return target


def about_fod(n_coefficients: int) -> dict[str, Any]:
    """Say what FOD coefficients are, for their side-car.

    Raises
    ------
    InputError
        If their number belongs to no even lmax.
    """
    return {
        "Description": "fibre orientation distribution, real spherical harmonic coefficients",
        "Units": "1/sr",
        "OrientationEncoding": {
            "Type": "sh",
            "EncodingAxis": 3,
            "Reference": "xyz",
            "SphericalHarmonicBasis": "MRtrix3",
            "SphericalHarmonicDegree": _degree(n_coefficients),
            "AntipodalSymmetry": True,
        },
    }


def about(parameter: Parameter, record: Mapping[str, Any]) -> dict[str, str]:
    """Say what a map of a parameter shows, for its side-car, and where the protocol hardly constrains it, so."""
    told = {"Description": parameter.name, "Units": parameter.unit or "1"}
    if parameter.symbol in record.get(PROTOCOL, {}).get("Weak", ()):
        told["Caution"] = f"{parameter.symbol} is only weakly identified by this protocol; see {PROTOCOL}."
    return told


def _degree(n_coefficients: int) -> int:
    for lmax in range(0, 32, 2):
        if (lmax + 1) * (lmax + 2) // 2 == n_coefficients:
            return lmax
    raise InputError(FOD, f"has {n_coefficients} coefficients, which fits no even lmax.", "Give 1, 6, 15, 28 or 45.")
