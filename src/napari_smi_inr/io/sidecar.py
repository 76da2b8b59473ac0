"""JSON side-cars: what stands beside every file that is written, and how it is read again."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import InputError
from .files import readable_file, replacing

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
_LARGEST = 1 << 24  # bytes; no side-car is this big
_DEEPEST = 16  # objects and lists within one another; ours have four


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on most."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def sidecar_path(image: Path) -> Path:
    """Name the JSON that belongs to a NIfTI image."""
    return image.with_name(image.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def write_sidecar(image: Path, told: Mapping[str, Any]) -> Path:
    """Write the JSON beside an image; do it last, so that it never describes an image that is not there.

    Parameters
    ----------
    image
        The NIfTI file.
    told
        What to say of it. Who made it is added, and the :data:`CONVENTIONS`.

    Returns
    -------
    The JSON file.
    """
    made = {"GeneratedBy": {"Name": PROGRAM, "Version": version(PROGRAM)}}
    text = json.dumps({**told, "Conventions": CONVENTIONS, **made}, indent=2, ensure_ascii=False)
    path = sidecar_path(image)
    with replacing(path) as stream:
        stream.write((text + "\n").encode())
    return path


def read_sidecar(path: str | Path) -> dict[str, Any]:
    """Read a JSON object, which may have been written by anyone.

    Raises
    ------
    InputError
        If the file is missing, too large, or no JSON object.
    """
    file = readable_file(path, "JSON side-car")
    if file.stat().st_size > _LARGEST:
        raise InputError(file, "is too large for a side-car.", "Give the .json beside a map.")
    try:
        found = json.loads(file.read_bytes(), parse_constant=_no_number)
        _require_shallow(found)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or nested without end
        reason = str(error).splitlines()[0]
        raise InputError(file, f"is not readable as JSON ({reason}).", "Mend it, or fetch a fresh copy.") from None
    if not isinstance(found, dict):
        raise InputError(file, f"holds a JSON {type(found).__name__}, not an object.", "Give the .json beside a map.")
    return found


def is_ours(told: Mapping[str, Any]) -> bool:
    """Whether a side-car is of this program, and not that of another tool beside a file of the same name."""
    maker = told.get("GeneratedBy")
    by_name = isinstance(maker, Mapping) and maker.get("Name") == PROGRAM
    return by_name or {"Fit", "Provenance"} <= set(told)  # the latter before side-cars named their maker


def _require_shallow(value: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _require_shallow(item, depth + 1)


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number in JSON")
