"""``smi-inr info``: what a file holds and what can be made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .checked import load_checked
from .options import Bdelta, Bval, Bvec, BvecAxes, GradDev, Mask, Noise
from .report import field_report


def info(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A diffusion scan (.nii, .nii.gz) or a field file.")],
    mask: Mask = None,
    bval: Bval = None,
    bvec: Bvec = None,
    bdelta: Bdelta = None,
    grad_dev: GradDev = None,
    noise: Noise = None,
    bvec_axes: BvecAxes = None,
) -> None:
    """Show what a scan's protocol can identify, or how a field was fitted."""
    from .. import api

    if path.suffix == ".safetensors":
        typer.echo(field_report(api.open_field(path), str(path)))
    else:
        given = {"bval": bval, "bvec": bvec, "bdelta": bdelta, "grad_dev": grad_dev, "bvec_axes": bvec_axes}
        typer.echo(load_checked(path, mask, noise, given)[1])
