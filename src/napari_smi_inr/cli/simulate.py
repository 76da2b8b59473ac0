"""``smi-inr simulate``: a scan of the phantom, with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..estimation.settings import LARGEST_SEED
from .report import written


def simulate(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the files; made if missing.")],
    snr: Annotated[float, typer.Option(help="b = 0 signal over noise level; 'inf' for none.")] = 50.0,
    lmax: Annotated[int, typer.Option(help="Order of the fibre orientation distributions: 2, 4, 6 or 8.")] = 2,
    noise: Annotated[Literal["gaussian", "rician"], typer.Option(help="Kind of noise.")] = "gaussian",
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Equal seeds give equal files, byte for byte.")
    ] = 0,
    shape: Annotated[tuple[int, int, int], typer.Option(metavar="X Y Z", help="Voxels along each axis.")] = (28, 28, 8),
    voxel_size: Annotated[float, typer.Option(metavar="MM", help="Edge length of a voxel.")] = 3.0,
    deviation: Annotated[
        float, typer.Option(help="Largest relative deviation of the gradients; 0 for uniform ones.")
    ] = 0.0,
) -> None:
    """Simulate a b-tensor scan of a brain-like phantom.

    Writes dwi.nii.gz with its side-cars, mask.nii.gz, noise.nii.gz, where
    gradients deviate grad_dev.nii.gz and, in truth/, the maps and fibre
    orientations that a perfect fit would find.
    """
    from ..simulation.sample import write_sample

    typer.echo(written(write_sample(out, shape, voxel_size, snr, lmax, noise, seed, deviation)))
