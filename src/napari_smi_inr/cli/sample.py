"""``smi-inr sample``: a map finer than the scan, straight from the field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..parameters import FOD, SCALARS
from .progress import bar
from .report import written


def sample(
    field: Annotated[Path, typer.Argument(metavar="FIELD", help="Field file written by 'smi-inr fit'.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="NIFTI", help="Image to write (.nii.gz or .nii).")],
    parameter: Annotated[str, typer.Option("--parameter", "-p", help=f"One of {', '.join((*SCALARS, FOD))}.")] = "p2",
    factor: Annotated[float, typer.Option("--factor", "-f", help="How many times finer along each axis.")] = 8.0,
) -> None:
    """Write a parameter on a finer grid.

    The grid covers the scan's field of view, faces on faces; it is NaN
    outside the mask. 'fod' writes the fibre orientation distributions as
    MRtrix reads them, for tckgen, say; they are 0 outside the mask.
    """
    from .. import api
    from ..results import write_sampled
    from ..sampling.request import SampleRequest

    opened = api.open_field(field)
    grid = SampleRequest.over_volume(opened.affine, opened.shape, factor)
    with bar(desc=f"sampling {' x '.join(map(str, grid.shape))} voxels", total=grid.size) as shown:
        path = write_sampled(opened, parameter, factor, out, shown.update)
    typer.echo(written([path]))
