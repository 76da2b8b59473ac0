"""Reading a whole scan: image, protocol, mask and noise, checked against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from .files import naming, sha256, user_path
from .gradient_deviation import read_deviation, unused_deviation
from .nifti import Grid, grid_of, read_map
from .nifti_header import Image
from .noise import Noise, estimated_noise, is_noise_file, read_noise
from .series import Given, one_by_one, open_series, role_of, threshold_of
from .shapes import one_shape
from .voxels import clean, foreground, keep_usable

B0_ROLE = "b0_threshold"
"""What the threshold is called among what a scan was read from [s/mm²]."""


class Beside(TypedDict, total=False):
    """What :func:`load_scan` takes beside scan and mask, for those that hand it on."""

    bval: Given | Sequence[Given]
    bvec: Given | Sequence[Given]
    bdelta: Given | Sequence[Given]
    noise: Noise
    grad_dev: str | Path | None
    gradients: Given | Sequence[Given]
    b0_threshold: float | None


def load_scan(
    dwi: str | Path | Sequence[str | Path],
    mask: str | Path | None = None,
    bval: Given | Sequence[Given] = None,
    bvec: Given | Sequence[Given] = None,
    bdelta: Given | Sequence[Given] = None,
    noise: Noise = None,
    grad_dev: str | Path | None = None,
    gradients: Given | Sequence[Given] = None,
    b0_threshold: float | None = None,
) -> DiffusionDataset:
    """Read a diffusion scan and everything that belongs to it.

    Parameters
    ----------
    dwi
        4-D NIfTI; or a list of several series of one subject at one place (one for each encoding, say), which are put
        one behind the other.
    mask
        3-D NIfTI on the scan's grid, non-zero in the voxels to fit. Without one, every voxel brighter
        than the background is taken.
    bval, bvec, bdelta
        Text files; found beside the scan by name (``dwi.bval``, ``dwi.bvec``, ``dwi.bdelta``) when not
        given; `bdelta` may be a number for all volumes, too (or ``"LTE"``, ``"PTE"``, ``"STE"``). Of several series, a
        list with one for each. See :func:`~napari_smi_inr.io.gradients.read_gradients`.
    noise
        Standard deviation of the noise in the scan's units: a number, a 3-D NIfTI on its grid, or how to estimate
        it from the scan: ``"mppca"`` or ``"b0"`` (:mod:`napari_smi_inr.noise_level`). A file of that name is
        reached by its folder (``./b0``) or as a :class:`~pathlib.Path`.
    grad_dev
        Non-uniformity of the gradients, 4-D NIfTI of nine volumes in the FSL/HCP convention, or as QSIPrep writes it;
        never taken unasked. See :func:`~napari_smi_inr.io.gradient_deviation.read_deviation`.
    gradients
        Instead of the three text files, one with the whole protocol: b-tensors (``.btens``), md-dMRI's ``_xps.mat``, or
        a table of MRtrix (``.b``); the former two are found beside the scan, too.
    b0_threshold
        Largest b-value [s/mm²] that counts as b = 0; 50 by default.

    Returns
    -------
    The dataset; its notes say what was detected, assumed and left out.

    Raises
    ------
    InputError
        If a file is missing, damaged or does not belong to the others, or nothing is left to fit.
    """
    tables = {"bval": bval, "bvec": bvec, "bdelta": bdelta, "gradients": gradients}
    series = open_series(dwi, tables, threshold_of(b0_threshold))
    image, path = series.images[0], series.images[0].path
    grid, acquisition = grid_of(image), series.acquisition
    wanted, mask_note = _read_mask(mask, grid)
    sigma, noise_note = read_noise(noise, grid)
    signal = series.read()
    voxels = clean(signal, acquisition.is_b0)
    if wanted is None:
        wanted, mask_note = foreground(voxels.b0)
    kept, count_note = keep_usable(wanted, voxels, signal, Path(mask or path), path)
    if isinstance(noise, str) and not is_noise_file(noise):
        sigma, noise_note = estimated_noise(noise, signal, acquisition, kept)
    deviation, deviation_note = _read_deviation(grad_dev, grid, kept, path)
    noise_file = noise if is_noise_file(noise) else None
    given = {"mask": mask, "noise": noise_file, "grad_dev": grad_dev}
    files = series.files
    files |= {role: user_path(file) for role, file in given.items() if isinstance(file, str | Path)}
    asked = _noise_asked(noise) | _shapes_asked(bdelta)
    if b0_threshold is not None:
        asked[B0_ROLE] = float(b0_threshold)
    notes = (_orientation_note(image), *series.notes, _b0_note(b0_threshold), deviation_note, mask_note, noise_note)
    notes = (*notes, series.scale_note(signal, kept), count_note)
    with naming({"noise": noise_file, "deviation": grad_dev}):
        return DiffusionDataset(
            signal=signal,
            acquisition=acquisition,
            mask=kept,
            affine=grid.affine,
            noise=sigma,
            deviation=deviation,
            checksums=checksums_of(files),
            read_from={role: file.name for role, file in files.items()} | asked,
            notes=tuple(filter(None, notes)),
        )


def checksums_of(files: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 by name; where two files share a name, that of the later one has its role in front."""
    sums: dict[str, str] = {}
    for role, file in files.items():
        sums[file.name if file.name not in sums else f"{role}: {file.name}"] = sha256(file)
    return sums


def _noise_asked(noise: Noise) -> dict[str, str | float]:
    """The noise where it is no file: a number, or the word for how to estimate it."""
    if noise is None or isinstance(noise, Path) or is_noise_file(noise):
        return {}
    return {"noise": noise if isinstance(noise, str) else float(noise)}


def _shapes_asked(bdelta: Given | Sequence[Given]) -> dict[str, str | float]:
    """Shapes where they are a number or a word and no file."""
    given = enumerate(one_by_one(bdelta), start=1)
    return {role_of("bdelta", number): shape for number, one in given if (shape := one_shape(one)) is not None}


def _b0_note(b0_threshold: float | None) -> str:
    return "" if b0_threshold is None else f"Volumes up to b = {b0_threshold:g} s/mm² count as b = 0."


def _orientation_note(image: Image) -> str:
    if image.placed:
        return ""
    return "The header says nothing of orientation: the first axis is taken to run from right to left."


def _read_mask(mask: str | Path | None, grid: Grid) -> tuple[NDArray[np.bool_] | None, str]:
    if mask is None:
        return None, ""
    values, note = read_map(mask, "mask", grid)
    return values > 0, note


def _read_deviation(
    grad_dev: str | Path | None, grid: Grid, mask: NDArray[np.bool_], scan: Path
) -> tuple[NDArray[np.float32] | None, str]:
    if grad_dev is None:
        return None, unused_deviation(scan)
    return read_deviation(grad_dev, grid, mask)
