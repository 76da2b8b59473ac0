"""``smi-inr cohort``: every scan of a data set fitted, and one report on all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..inr.config import PRESETS
from ..methods import INR, METHODS
from .options import SCAN, BvecAxes, setting_pairs
from .progress import INTERRUPTED, stopping_politely

if TYPE_CHECKING:
    from ..cohort.run import Cohort
    from ..cohort.task import Outcome

_MODEL, _WORKERS, _RUN = "The model", "The workers", "The run"

SOME_FAILED = 1
"""Exit code where some scans could not be fitted; the others are."""


def cohort(
    bids_dir: Annotated[
        Path, typer.Argument(metavar="BIDS_DIR", help="QSIPrep's results, or a BIDS data set of preprocessed scans.")
    ],
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Folder for the results; made if missing.")],
    participant_label: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="Only these, as 01 or sub-01; repeatable.", rich_help_panel=SCAN),
    ] = None,
    session_label: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="Only these sessions; repeatable.", rich_help_panel=SCAN),
    ] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL",
            help="Voxels to fit: <scan>_label-LABEL_mask or _desc-LABEL_mask beside the scan; repeatable, the first "
            "found counts. 'none': all that is brighter than the background. (default: WM, else brain)",
            rich_help_panel=SCAN,
        ),
    ] = None,
    masks_from: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Another BIDS data set whose masks to use.", rich_help_panel=SCAN),
    ] = None,
    grad_dev: Annotated[
        bool,
        typer.Option(
            "--grad-dev",
            help="Correct each scan for non-uniform gradients by <scan>_graddev.nii.gz beside it, as QSIPrep writes "
            "it; a scan without one is not fitted.",
            rich_help_panel=SCAN,
        ),
    ] = False,
    bdelta_table: Annotated[
        Path | None,
        typer.Option(
            metavar="TSV",
            help="b-tensor shapes: a column b_delta and any of participant_id, session_id, acq, run, volume. Without "
            "it: BDelta in the scan's JSON, or a .bdelta beside it; else all linear.",
            rich_help_panel=SCAN,
        ),
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(metavar="SIGMA", help="mppca, b0, or one number for all scans.", rich_help_panel=SCAN),
    ] = None,
    bvec_axes: BvecAxes = None,
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.", rich_help_panel=_MODEL)] = INR,
    preset: Annotated[
        str | None, typer.Option(help=f"Settings to start from: {' or '.join(PRESETS)}.", rich_help_panel=_MODEL)
    ] = None,
    lmax: Annotated[int | None, typer.Option(help="Highest SH order of the FODs.", rich_help_panel=_MODEL)] = None,
    seed: Annotated[int | None, typer.Option(help="Equal seeds give equal maps.", rich_help_panel=_MODEL)] = None,
    other: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of the method, as 'smi-inr methods' lists them; repeatable.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.", rich_help_panel=_WORKERS)] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Scans fitted at a time; with --slurm, jobs at a time. (default: one a GPU, else one a core, memory "
            "allowing; one job)",
            rich_help_panel=_WORKERS,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of each. (default: the cores shared out)", rich_help_panel=_WORKERS),
    ] = None,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Use the workers of a running dask scheduler, such as tcp://host:8786.",
            rich_help_panel=_WORKERS,
        ),
    ] = "",
    slurm: Annotated[bool, typer.Option("--slurm", help="Ask SLURM for workers.", rich_help_panel=_WORKERS)] = False,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Of a SLURM job, such as 16GB. (default: 8GB)", rich_help_panel=_WORKERS)
    ] = "",
    walltime: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Of a SLURM job, such as 04:00:00. (default: that of dask-jobqueue's configuration)",
            rich_help_panel=_WORKERS,
        ),
    ] = "",
    slurm_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION",
            help="Any further option of sbatch, such as --slurm-option=--gres=gpu:1; repeatable.",
            rich_help_panel=_WORKERS,
        ),
    ] = None,
    keep_every: Annotated[
        float, typer.Option(min=0.0, metavar="SECONDS", help="Between two checkpoints of a fit.", rich_help_panel=_RUN)
    ] = 20.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results with other settings.", rich_help_panel=_RUN)
    ] = False,
) -> None:
    """Fit every scan of a data set, and report on all of them.

    Writes a BIDS derivative (maps, FODs, fields, side-cars) and report.html:
    maps, histograms, errors and times of every scan, and what is odd about it.

    A broken scan is reported, and the others go on. Ctrl-C stops; the same
    command goes on: what is done, by the checksums of its files, is kept.
    """
    from ..cohort.cluster_options import ClusterOptions
    from ..cohort.companions import MASKS
    from ..cohort.run import fit_cohort
    from ..io.noise import parse_noise

    named = {"preset": preset, "lmax": lmax, "seed": seed, "device": device}
    settings = {**named, **setting_pairs(other or [], taken=named)}
    asked = ClusterOptions(scheduler, slurm, workers, threads, memory, walltime, tuple(slurm_option or ()))
    with stopping_politely() as stop_asked:
        found = fit_cohort(
            bids_dir,
            out_dir,
            participants=participant_label or (),
            sessions=session_label or (),
            masks=mask or MASKS,
            mask_root=masks_from,
            grad_dev=grad_dev,
            table=bdelta_table,
            noise=parse_noise(noise or ""),
            bvec_axes=bvec_axes,
            cluster=asked,
            keep_every=keep_every,
            overwrite=overwrite,
            on_outcome=_tell,
            stop_asked=stop_asked,
            announce=lambda words: typer.echo(words, err=True),
            method=method,
            **{key: value for key, value in settings.items() if value is not None},
        )
    _tell_end(found)


def _tell(outcome: Outcome, n: int, total: int) -> None:
    """A line for each scan."""
    words = {"fitted": "fitted", "kept": "done before", "failed": "failed", "stopped": "stopped"}[outcome.status]
    line = f"[{n}/{total}] {outcome.name}: {words}"
    typer.echo(f"{line}, {outcome.seconds:.1f} s" if outcome.status == "fitted" else line, err=True)
    for text in (outcome.error, *outcome.notes):
        if text:
            typer.echo(f"    {text}", err=True)


def _tell_end(found: Cohort) -> None:
    flagged = sum(bool(row.flags) for row in found.rows)
    counts = {"fitted": found.count("fitted"), "done before": found.count("kept"), "failed": found.count("failed")}
    told = ", ".join(f"{n} {words}" for words, n in counts.items() if n or words == "fitted")
    typer.echo(f"{len(found.rows)} scans: {told}; {flagged} to look at.\nReport: {found.report}\nTable: {found.table}")
    if found.stopped:
        typer.echo("Stopped before the end: the same command goes on from here.", err=True)
        raise typer.Exit(INTERRUPTED)
    if found.count("failed"):
        raise typer.Exit(SOME_FAILED)
