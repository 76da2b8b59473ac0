"""Writing a scan with its side-cars, as :func:`~napari_smi_inr.io.scan.load_scan` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from .files import output_folder, replacing
from .fsl_axes import scanner_to_fsl
from .gradient_deviation import deviation_to_fsl
from .nifti import write_image
from .sidecar import write_sidecar

_ABOUT_SCAN = {"Description": "b-tensor diffusion scan", "Units": "signal"}
_ABOUT = {
    "mask.nii.gz": {"Description": "voxels to fit", "Units": "1"},
    "noise.nii.gz": {"Description": "standard deviation of the noise", "Units": "signal"},
    "grad_dev.nii.gz": {"Description": "non-uniformity of the gradients, FSL convention, fractions", "Units": "1"},
}


def save_scan(
    dataset: DiffusionDataset, folder: str | Path, name: str = "dwi", record: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write a dataset as files; the same dataset always gives the same bytes.

    ``<name>.nii.gz`` (float32), ``.bval`` (s/mm²), ``.bvec`` (FSL convention), ``.bdelta``,
    ``mask.nii.gz`` and, where known, ``noise.nii.gz`` and ``grad_dev.nii.gz`` (FSL convention, fractions).

    Parameters
    ----------
    dataset
        What to write.
    folder
        Made if missing.
    name
        File name of the scan without its suffix.
    record
        What the scan came from, for a JSON side-car beside every image; none without it.

    Returns
    -------
    The files but for side-cars, the scan first.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    target = output_folder(folder)
    images: dict[str, NDArray[np.generic]] = {f"{name}.nii.gz": dataset.signal, "mask.nii.gz": dataset.mask}
    if dataset.deviation is not None:
        images["grad_dev.nii.gz"] = deviation_to_fsl(dataset.deviation, dataset.affine)
    if dataset.noise is not None:
        images["noise.nii.gz"] = np.broadcast_to(np.asarray(dataset.noise, dtype=np.float32), dataset.shape)
    acquisition = dataset.acquisition
    tables = {
        f"{name}.bval": 1000 * acquisition.b,
        f"{name}.bvec": scanner_to_fsl(acquisition.directions, dataset.affine).T,
        f"{name}.bdelta": acquisition.b_delta,
    }
    for file_name, data in images.items():
        write_image(target / file_name, data, dataset.affine)
        if record is not None:
            write_sidecar(target / file_name, {**_ABOUT.get(file_name, _ABOUT_SCAN), **record})
    for file_name, table in tables.items():
        _write_table(target / file_name, np.atleast_2d(table))
    return [target / file_name for file_name in (*images, *tables)]


def _write_table(path: Path, rows: NDArray[np.float64]) -> None:
    """Write rows of numbers; ten digits, so that rounding in the last bit never shows."""
    text = "".join(" ".join(f"{number + 0.0:.10g}" for number in row.round(10)) + "\n" for row in rows)
    with replacing(path) as stream:
        stream.write(text.encode())
