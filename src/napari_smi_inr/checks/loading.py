"""Reading a scan whose directions may have to be turned first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..dataset import DiffusionDataset
from ..io.noise import Noise
from ..io.scan import load_scan
from ..io.series import Given
from .axes import AUTO, turned
from .directions import axes_by_fibres


def load(
    dwi: str | Path | Sequence[str | Path],
    mask: str | Path | None = None,
    bval: Given | Sequence[Given] = None,
    bvec: Given | Sequence[Given] = None,
    bdelta: Given | Sequence[Given] = None,
    noise: Noise = None,
    grad_dev: str | Path | None = None,
    bvec_axes: str | None = None,
    gradients: Given | Sequence[Given] = None,
    b0_threshold: float | None = None,
) -> DiffusionDataset:
    """Read a diffusion scan and everything that belongs to it.

    Parameters
    ----------
    dwi, mask, bval, bvec, bdelta, noise, grad_dev, gradients, b0_threshold
        As for :func:`~napari_smi_inr.io.scan.load_scan`.
    bvec_axes
        Where the true x, y and z stand in the directions' file (of all series): ``"-x,y,z"`` where x is flipped,
        ``"y,x,z"`` where x and y are swapped, or ``"auto"`` for those that agree with the fibres, if any do so better
        than the file beyond doubt. As in the file by default. ``smi.check`` says what the fibres ask for.

    Returns
    -------
    The dataset; its notes say what was detected, assumed, turned and left out.

    Raises
    ------
    InputError
        If a file is missing, damaged or does not belong to the others, nothing is left to fit, or there are no such
        axes.
    """
    dataset = load_scan(dwi, mask, bval, bvec, bdelta, noise, grad_dev, gradients, b0_threshold)
    if not bvec_axes:
        return dataset
    return turned(dataset, axes_by_fibres(dataset) if bvec_axes == AUTO else bvec_axes)
