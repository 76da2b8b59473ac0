"""A scan as commands take it: read, checked, and told about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..methods import LEAST_SQUARES
from .report import findings_report, scan_report

if TYPE_CHECKING:
    from ..dataset import DiffusionDataset
    from ..io.noise import Noise


def load_checked(
    dwi: Sequence[Path],
    mask: Path | None,
    noise: Noise,
    loss: str = LEAST_SQUARES,
    lmax: int | None = None,
    **given: Any,
) -> tuple[DiffusionDataset, str]:
    """Read a scan and look for what would make a fit silently wrong.

    Parameters
    ----------
    dwi, mask
        The scan, of one series or several, and the voxels to fit.
    noise
        Its noise level.
    loss, lmax
        Of the fit to come.
    **given
        Everything else, as for :func:`napari_smi_inr.load`.

    Returns
    -------
    dataset
        With what was found, for the record.
    text
        Scan and findings in words.
    """
    from .. import api
    from ..checks import concerning, with_findings

    dataset = api.load(dwi, mask, noise=noise, check=False, **given)  # here, for the loss of the fit to come
    found = concerning(api.check(dataset), loss)
    told = filter(None, [scan_report(dataset, " + ".join(map(str, dwi)), lmax), findings_report(found)])
    return with_findings(dataset, found), "\n\n".join(told)
