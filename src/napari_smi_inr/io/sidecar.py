"""JSON side-cars: what stands beside every file that is written, and how it is read again."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .files import replacing, sidecar_of

PROGRAM = "napari-smi-inr"
"""Name of this package, as side-cars tell it."""

CONVENTIONS = {
    "Space": "scanner, RAS millimetres, by the affine of the scan",
    "OutsideMask": "NaN in maps, 0 in the FOD",
    "Diffusivities": "µm²/ms; b in ms/µm² (1 ms/µm² = 1000 s/mm²)",
    "FOD": "orthonormal real spherical harmonics, MRtrix basis, scanner axes; p00 = 1/sqrt(4 pi)",
    "p2": "sqrt(4 pi / 5) ||p_2m||",
}
"""Units, basis and axes of everything that is written."""

_PACKAGES = (PROGRAM, "torch", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on most."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def write_sidecar(image: Path, told: Mapping[str, Any]) -> Path:
    """Write the JSON beside an image; do it last, so that it never describes an image that is not there.

    Parameters
    ----------
    image
        The NIfTI file.
    told
        What to say of it; what is not a number is null. Who made it is added, and the :data:`CONVENTIONS`.

    Returns
    -------
    The JSON file.
    """
    return write_json(sidecar_of(image), {**told, "Conventions": CONVENTIONS})


def write_json(path: Path, told: Mapping[str, Any]) -> Path:
    """Write a JSON file that says who made it; it appears whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    made = {"GeneratedBy": {"Name": PROGRAM, "Version": version(PROGRAM)}}
    text = json.dumps(strict({**told, **made}), indent=2, ensure_ascii=False)
    with replacing(path) as stream:
        stream.write((text + "\n").encode())
    return path


def strict(value: Any) -> Any:
    """The same value without NaN and infinity, which JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def is_ours(told: Mapping[str, Any]) -> bool:
    """Whether a side-car is of this program, and not that of another tool beside a file of the same name."""
    maker = told.get("GeneratedBy")
    by_name = isinstance(maker, Mapping) and maker.get("Name") == PROGRAM
    return by_name or {"Fit", "Provenance"} <= set(told)  # the latter before side-cars named their maker
