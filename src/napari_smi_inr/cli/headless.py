"""The demo without a window: simulate, fit, write maps, and show in a figure what lies between the voxels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .progress import fit_with_progress, tell_if_interrupted
from .report import quality_report, scan_report, written

if TYPE_CHECKING:
    from ..estimation.estimate import Estimate
    from ..simulation.simulate import SimulatedDataset

_NAME = "phantom"
_DETAIL = (15.0, 45.0, 42.0, 72.0)  # mm in the plane of the figure: where callosum, capsule and putamen meet


def run_headless(
    folder: Path, shape: tuple[int, int, int] = (28, 28, 8), voxel_size: float = 3.0, epochs: int | None = None
) -> None:
    """Do what the demo does in napari, and leave the results in a folder.

    Parameters
    ----------
    folder
        Made if missing.
    shape, voxel_size
        Of the simulated scan, together 84 x 84 x 24 mm.
    epochs
        Of the fit, if not as many as usual.

    Raises
    ------
    InputError
        If the folder cannot be written to, or matplotlib is missing.
    """
    from .. import api
    from ..figures import require_matplotlib
    from ..inr.config import FitConfig
    from ..io.files import output_folder
    from ..results import write_results
    from ..simulation.sample import SAMPLE_LMAX

    require_matplotlib()  # and the folder: before the work, not after it
    target = output_folder(folder)
    typer.echo("Simulating a b-tensor scan of a brain-like phantom ...")
    scan = api.simulate(shape, voxel_size, lmax=SAMPLE_LMAX)
    typer.echo("\n" + scan_report(scan, _NAME, SAMPLE_LMAX) + "\n")
    field, finished = fit_with_progress(scan, FitConfig.from_preset(lmax=SAMPLE_LMAX, epochs=epochs))
    paths = [*write_results(field, target, _NAME), draw(field, scan, target / "zoom.png")]
    typer.echo(f"\n{quality_report(field)}\n\n{written(paths)}\n\nAll in {target}. Look at {paths[-1]} first.")
    tell_if_interrupted(finished)


def draw(field: Estimate, scan: SimulatedDataset, path: Path) -> Path:
    """Draw the figure of a fit of the phantom."""
    from ..figures import compare_interpolation, draw_comparison, save_figure

    plane = field.mask.shape[2] // 4  # through callosum, capsules and putamen
    comparison = compare_interpolation(field, field.maps(), scan.truth, "p2", factor=8, plane=plane)
    return save_figure(draw_comparison(comparison, _DETAIL), path)
