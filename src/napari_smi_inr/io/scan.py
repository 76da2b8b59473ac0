"""Reading a whole scan: image, protocol, mask and noise, checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..errors import InputError
from .files import naming, readable_file, sha256
from .gradient_deviation import read_deviation, unused_deviation
from .gradients import read_gradients
from .nifti import Grid, grid_of, open_image, read_map, read_volumes
from .nifti_header import Image
from .noise import Noise, estimated_noise, is_noise_file, read_noise
from .voxels import clean, foreground, keep_usable


class Beside(TypedDict, total=False):
    """What :func:`load_scan` takes beside scan and mask, for those that hand it on."""

    bval: str | Path | None
    bvec: str | Path | None
    bdelta: str | Path | None
    noise: Noise
    grad_dev: str | Path | None


def load_scan(
    dwi: str | Path,
    mask: str | Path | None = None,
    bval: str | Path | None = None,
    bvec: str | Path | None = None,
    bdelta: str | Path | None = None,
    noise: Noise = None,
    grad_dev: str | Path | None = None,
) -> DiffusionDataset:
    """Read a diffusion scan and everything that belongs to it.

    Parameters
    ----------
    dwi
        4-D NIfTI.
    mask
        3-D NIfTI on the scan's grid, non-zero in the voxels to fit. Without one, every voxel brighter
        than the background is taken.
    bval, bvec, bdelta
        Text files; found beside the scan by name (``dwi.bval``, ``dwi.bvec``, ``dwi.bdelta``) when not
        given. See :func:`~napari_smi_inr.io.gradients.read_gradients`.
    noise
        Standard deviation of the noise in the scan's units: a number, a 3-D NIfTI on its grid, or how to estimate
        it from the scan: ``"mppca"`` or ``"b0"`` (:mod:`napari_smi_inr.noise_level`). A file of that name is
        reached by its folder (``./b0``) or as a :class:`~pathlib.Path`.
    grad_dev
        Non-uniformity of the gradients, 4-D NIfTI of nine volumes in the FSL/HCP convention; never taken unasked. See
        :func:`~napari_smi_inr.io.gradient_deviation.read_deviation`.

    Returns
    -------
    The dataset; its notes say what was detected, assumed and left out.

    Raises
    ------
    InputError
        If a file is missing, damaged or does not belong to the others, or nothing is left to fit.
    """
    path = readable_file(dwi, "diffusion scan")
    image = _open_scan(path)
    grid = grid_of(image)
    gradients = read_gradients(path, image.shape[3], grid.affine, bval, bvec, bdelta)
    wanted, mask_note = _read_mask(mask, grid)
    sigma, noise_note = read_noise(noise, grid)
    signal = read_volumes(image)
    voxels = clean(signal, gradients.acquisition.is_b0)
    if wanted is None:
        wanted, mask_note = foreground(voxels.b0)
    kept, count_note = keep_usable(wanted, voxels, signal, Path(mask or path), path)
    if isinstance(noise, str) and not is_noise_file(noise):
        sigma, noise_note = estimated_noise(noise, signal, gradients.acquisition, kept)
    deviation, deviation_note = _read_deviation(grad_dev, grid, kept, path)
    noise_file = noise if is_noise_file(noise) else None
    given = {"mask": mask, "noise": noise_file, "grad_dev": grad_dev}
    files = {"dwi": path, **dict(zip(("bval", "bvec", "bdelta"), gradients.files, strict=False))}
    files |= {role: Path(file).expanduser() for role, file in given.items() if isinstance(file, str | Path)}
    notes = (_orientation_note(image), *gradients.notes, deviation_note, mask_note, noise_note, count_note)
    with naming({"noise": noise_file, "deviation": grad_dev}):
        return DiffusionDataset(
            signal=signal,
            acquisition=gradients.acquisition,
            mask=kept,
            affine=grid.affine,
            noise=sigma,
            deviation=deviation,
            checksums=checksums_of(files),
            read_from={role: file.name for role, file in files.items()} | _noise_asked(noise),
            notes=tuple(filter(None, notes)),
        )


def _open_scan(path: Path) -> Image:
    image = open_image(path, "diffusion scan")
    if image.ndim != 4:
        fault = f"has {image.ndim} dimensions ({' x '.join(map(str, image.shape))}); a diffusion scan has 4."
        raise InputError(path, fault, "Give all volumes in one 4-D image.")
    return image


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
