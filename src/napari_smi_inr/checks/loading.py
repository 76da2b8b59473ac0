"""Reading a scan for a fit: its directions turned, where asked, and looked at for what would be silently wrong."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from ..dataset import DiffusionDataset
from ..io.scan import Beside, load_scan
from .axes import AUTO, turned
from .directions import axes_by_fibres
from .finding import Severity
from .scan import check_scan, with_findings

_LOG = logging.getLogger("napari_smi_inr")


def load(
    dwi: str | Path | Sequence[str | Path],
    mask: str | Path | None = None,
    *,
    bvec_axes: str | None = None,
    check: bool = True,
    **beside: Unpack[Beside],
) -> DiffusionDataset:
    """Read a diffusion scan and everything that belongs to it.

    Parameters
    ----------
    dwi, mask
        4-D NIfTI, or several series of one scan, and 3-D NIfTI of the voxels to fit; without one, all that is brighter
        than the background.
    bvec_axes
        Where the true x, y and z stand in the directions' file (of all series): ``"-x,y,z"`` where x is flipped,
        ``"y,x,z"`` where x and y are swapped, or ``"auto"`` for those that agree with the fibres, if any do so better
        than the file beyond doubt. As in the file by default. ``smi.check`` says what the fibres ask for.
    check
        Look for what would make a fit silently wrong, as ``smi.check`` does; it takes about a second. What is found
        becomes the dataset's ``findings``, which go into the record of every result; warnings are also logged, which
        Python prints unless told otherwise.
    **beside
        ``bval``, ``bvec``, ``bdelta``, ``noise``, ``grad_dev``, ``gradients`` and ``b0_threshold``, as for
        :func:`~napari_smi_inr.io.scan.load_scan`.

    Returns
    -------
    The dataset; its notes say what was detected, assumed, turned and left out, its findings what is doubtful.

    Raises
    ------
    InputError
        If a file is missing, damaged or does not belong to the others, nothing is left to fit, or there are no such
        axes.
    """
    dataset = load_scan(dwi, mask, **beside)
    if bvec_axes:
        dataset = turned(dataset, axes_by_fibres(dataset) if bvec_axes == AUTO else bvec_axes)
    return _checked(dataset, dwi) if check else dataset


def _checked(dataset: DiffusionDataset, source: object) -> DiffusionDataset:
    """The scan with what checks found, warnings told."""
    found = check_scan(dataset)
    for finding in found:
        _LOG.log(logging.WARNING if finding.severity is Severity.WARNING else logging.INFO, "%s: %s", source, finding)
    return with_findings(dataset, found)
