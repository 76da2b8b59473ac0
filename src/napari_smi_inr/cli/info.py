"""``smi-inr info``: what a file holds and what can be made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .checked import load_checked
from .options import B0Threshold, Bdelta, Bval, Bvec, BvecAxes, GradDev, Gradients, Mask, Noise
from .records import is_scan, no_record, record_of_file
from .report import field_report


def info(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="A diffusion scan, or several series of one, or anything that this program has written.",
        ),
    ],
    mask: Mask = None,
    bval: Bval = None,
    bvec: Bvec = None,
    bdelta: Bdelta = None,
    gradients: Gradients = None,
    grad_dev: GradDev = None,
    noise: Noise = None,
    bvec_axes: BvecAxes = None,
    b0_threshold: B0Threshold = None,
) -> None:
    """Show what a scan's protocol can identify, or how a result came about.

    Of a map, FOD, field file, side-car or file of an experiment: settings,
    seed, device, versions, checksums of the input, conventions and quality.
    """
    from .. import api
    from ..io.files import user_path

    paths = [user_path(file) for file in files]
    path = paths[0]
    recorded = "" if path.suffix == ".safetensors" else record_of_file(path)
    if path.suffix != ".safetensors" and not is_scan(path, bool(bval or gradients or paths[1:])):
        typer.echo(recorded or no_record(path))
        return
    if path.suffix == ".safetensors":
        typer.echo(field_report(api.open_field(path), str(path)))
    else:
        from ..io.noise import parse_noise

        _, told = load_checked(
            paths,
            mask,
            parse_noise(noise or ""),
            bval=bval,
            bvec=bvec,
            bdelta=bdelta,
            gradients=gradients,
            grad_dev=grad_dev,
            bvec_axes=bvec_axes,
            b0_threshold=b0_threshold,
        )
        typer.echo(told + ("\n\n" + recorded if recorded else ""))
