"""Gradient non-uniformity as an image: FSL's and the Human Connectome Project's ``grad_dev``, and QSIPrep's.

Nine volumes g1 … g9 hold a 3 x 3 matrix by columns, G = [[g1, g4, g7], [g2, g5, g8], [g3, g6, g9]], which acts on
FSL's directions: a gradient along v was (I + G) v (FSL's dtifit and xfibres; the HCP's own recipe). Some programs
store I + G itself. The diagonal tells which it is.

QSIPrep (from PennLINC/qsiprep#1106) writes ``<…>_graddev.nii.gz`` as TORTOISE's CreateGradientNonlinearityBMatrix makes
it: I + G, by columns as well (TORTOISE calls it "HCP format ordering"; QSIPrep's pages say "row-major", which is so of
the transposed matrix), but on the image's own axes, which are FSL's only where the affine's determinant is negative.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset import LARGEST_DEVIATION
from ..errors import InputError
from .files import sidecar_of, user_path
from .fsl_axes import fsl_axes, image_axes
from .json_text import read_json
from .nifti import Grid, grid_of, open_image, read_volumes, require_same_place

_NAMES = ("grad_dev.nii.gz", "grad_dev.nii")
QSIPREP_SUFFIX = "graddev"
"""With which QSIPrep's names of such images end."""

_QSIPREP_KEY = "GradientDeviationOrientation"
_NEAR = 0.25
"""How far the median of the diagonal may lie from 0 (deviations) or 1 (full matrices)."""


def read_deviation(path: str | Path, grid: Grid, mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], str]:
    """Read a ``grad_dev`` image.

    Parameters
    ----------
    path
        4-D NIfTI of nine volumes on the scan's grid: fractions, or full matrices.
    grid
        The scan's.
    mask
        (X, Y, Z) voxels to judge its convention by.

    Returns
    -------
    deviation
        (X, Y, Z, 3, 3) matrices L on gradients in scanner (RAS) axes.
    note
        Which convention it was, and how far b-values change in the mask.

    Raises
    ------
    InputError
        If the image is damaged, has not nine volumes, lies elsewhere than the scan (its axes may not be turned
        either: tools that turn images leave the matrices as they were), or holds neither fractions nor full
        matrices (percent, for one).
    """
    image = open_image(path, "gradient deviation")
    if image.ndim != 4 or image.shape[3] != 9:
        fault = f"is {' x '.join(map(str, image.shape))}; a gradient deviation has 9 volumes."
        raise InputError(path, fault, "Give the nine entries of each voxel's matrix, column by column, in one image.")
    require_same_place(path, "gradient deviation", grid_of(image), grid)
    values = read_volumes(image)
    full, own_axes = _is_full(values[mask], path), _is_of_qsiprep(Path(path))
    matrices = values.reshape(*values.shape[:3], 3, 3).swapaxes(-1, -2)  # stored by columns
    axes = image_axes(grid.affine) if own_axes else fsl_axes(grid.affine)
    with np.errstate(all="ignore"):  # outside the mask there may be anything
        if not full:
            matrices = matrices + np.eye(3, dtype=np.float32)
        deviation = np.asarray(axes @ matrices @ np.linalg.inv(axes), dtype=np.float32)
    kind = "full matrices (diagonal near 1)" if full else "deviations from uniform gradients (diagonal near 0)"
    whose = "the image's own axes, as QSIPrep writes them" if own_axes else "FSL's directions"
    return deviation, f"Gradient non-uniformity read as {kind} on {whose}; {_range(deviation[mask])}"


def deviation_to_fsl(deviation: NDArray[np.floating], affine: NDArray[np.float64]) -> NDArray[np.float32]:
    """(X, Y, Z, 9) ``grad_dev`` image, fractions in FSL's axes, from (X, Y, Z, 3, 3) matrices in scanner axes."""
    axes = fsl_axes(affine)
    matrices = np.linalg.inv(axes) @ deviation @ axes - np.eye(3)
    return matrices.swapaxes(-1, -2).reshape(*deviation.shape[:3], 9).astype(np.float32)


def unused_deviation(dwi: Path) -> str:
    """Say that a ``grad_dev`` image, or QSIPrep's, lies beside a scan unused.

    A correction that others leave out is not made unasked; and nothing ties ``grad_dev`` to this one scan.
    """
    entities = re.sub(r"_desc-[a-zA-Z0-9]+|_dwi$", "", dwi.name.removesuffix(".gz").removesuffix(".nii"))
    names = (*_NAMES, f"{entities}_{QSIPREP_SUFFIX}.nii.gz")
    beside = next((name for name in names if dwi.with_name(name).is_file()), None)
    if beside is None:
        return ""
    return f"{beside} lies beside the scan and was not used: give it as grad_dev to correct for non-uniform gradients."


def _is_of_qsiprep(path: Path) -> bool:
    """Whether an image follows QSIPrep's convention, by its name or by what its side-car tells."""
    if path.name.removesuffix(".gz").removesuffix(".nii").endswith(f"_{QSIPREP_SUFFIX}"):
        return True
    beside = sidecar_of(user_path(path))
    return beside.is_file() and _QSIPREP_KEY in read_json(beside, "JSON side-car")


def _is_full(values: NDArray[np.float32], path: str | Path) -> bool:
    """Tell full matrices from deviations by the diagonal of (N, 9) values."""
    known = values[np.isfinite(values).all(axis=1)]
    if not len(known):
        raise InputError(path, "has no finite value in the mask.", "Give one that covers the voxels to fit.")
    diagonal, largest = float(np.median(known[:, [0, 4, 8]])), float(np.abs(known).max())
    if abs(diagonal) <= _NEAR and largest <= LARGEST_DEVIATION:
        return False
    from_identity = float(np.abs(known - np.eye(3).reshape(-1)).max())
    if abs(diagonal - 1) <= _NEAR and from_identity <= LARGEST_DEVIATION:
        return True
    raise InputError(
        path,
        f"is neither a deviation (diagonal near 0) nor a full matrix (diagonal near 1) of plausible size: "
        f"in the mask its diagonal has median {diagonal:.3g} and its values reach {largest:.3g}.",
        "Give fractions; percent, as calc_grad_perc_dev makes, divided by 100.",
    )


def _range(matrices: NDArray[np.float32]) -> str:
    """By how much the b-value of linear encoding changes, over voxels and directions."""
    known = matrices[np.isfinite(matrices).all(axis=(1, 2))].astype(np.float64)
    strength = np.linalg.svd(known, compute_uv=False) ** 2
    least, most = 100 * (strength.min() - 1), 100 * (strength.max() - 1)
    return f"in the mask, b-values change by {least:+.1f} to {most:+.1f} % depending on voxel and direction."
