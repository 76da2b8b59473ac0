"""Arguments several commands share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError

SCAN = "The scan"

Mask = Annotated[
    Path | None,
    typer.Option(
        metavar="NIFTI",
        help="Voxels to fit (non-zero), on the scan's grid. Without it: all that is brighter than the background.",
        rich_help_panel=SCAN,
    ),
]
Scans = Annotated[
    list[Path],
    typer.Argument(
        metavar="DWI...",
        help="4-D diffusion scan (.nii, .nii.gz), or several series of one subject to be fitted as one.",
    ),
]
Bval = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="TEXT",
        help="b-values, if not beside the scan by name. Of several series: this and the next three once for each.",
        rich_help_panel=SCAN,
    ),
]
Bvec = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="TEXT", help="Directions (FSL convention), if not beside the scan by name.", rich_help_panel=SCAN
    ),
]
Bdelta = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT",
        help="b-tensor shapes, one a volume: 1 linear, 0 spherical, -0.5 planar. Or the number itself, or LTE, STE, "
        "PTE, for all volumes. If neither given nor beside the scan: all linear.",
        rich_help_panel=SCAN,
    ),
]
Gradients = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Instead of the three: b-tensors (six or nine numbers a volume), md-dMRI's xps.mat, or a table of MRtrix "
        "(x y z b, scanner axes). The former two are found beside the scan, too.",
        rich_help_panel=SCAN,
    ),
]
B0Threshold = Annotated[
    float | None,
    typer.Option(
        "--b0-threshold",
        metavar="B",
        help="Largest b-value that counts as b = 0, in s/mm². (default: 50)",
        rich_help_panel=SCAN,
    ),
]
BvecAxes = Annotated[
    str | None,
    typer.Option(
        metavar="AXES",
        help="Where the true x, y and z stand in the directions' file: -x,y,z where x is flipped, y,x,z where x and y "
        "are swapped, or auto to go by the fibres. (default: as in the file)",
        rich_help_panel=SCAN,
    ),
]
Noise = Annotated[
    str | None,
    typer.Option(
        metavar="SIGMA",
        help="Standard deviation of the noise in the scan's units: a number, a NIfTI map on its grid, or how to "
        "estimate it: mppca (random matrix theory) or b0 (differences of repeated b = 0 volumes).",
        rich_help_panel=SCAN,
    ),
]
GradDev = Annotated[
    Path | None,
    typer.Option(
        metavar="NIFTI",
        help="Non-uniformity of the gradients (grad_dev of FSL/HCP, graddev of QSIPrep), on the scan's grid; never "
        "taken unasked.",
        rich_help_panel=SCAN,
    ),
]


def setting_value(text: str) -> Any:
    """A setting's value as typed: as in JSON, or a plain word; its own table checks it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def setting_pairs(given: list[str], taken: Iterable[str]) -> dict[str, Any]:
    """Settings written as NAME=VALUE, values as in JSON or as plain words.

    Raises
    ------
    InputError
        If it is not written like that, or there is an option for it (`taken`).
    """
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError("--set", f"{text!r} is not NAME=VALUE.", "Write for instance --set tolerance=1e-6.")
        if name in taken:
            option = name.replace("_", "-")
            raise InputError("--set", f"{name} has an option of its own.", f"Write --{option} {value}.")
        pairs[name] = setting_value(value)
    return pairs
