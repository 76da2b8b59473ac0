"""``smi-inr experiment``: the paper's experiments, each from one command to one report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..estimation.settings import LARGEST_SEED
from ..experiments.catalogue import EXPERIMENTS
from .options import SCAN, B0Threshold, Bdelta, Bval, Bvec, GradDev, Gradients, Mask, Noise, setting_value
from .progress import INTERRUPTED, fit_with_progress

if TYPE_CHECKING:
    from ..dataset import DiffusionDataset
    from ..estimation.estimate import Estimate
    from ..estimation.settings import Settings

_TRUTH, _RUN = "The truth", "The run"

EPILOG = "\n\n".join(["The experiments:", *(f"{e.key}  {e.title}. {e.question}" for e in EXPERIMENTS.values())])


class _InterruptedError(Exception):
    """Ctrl-C during a fit: what was finished before is kept."""


def experiment(
    which: Annotated[str, typer.Argument(metavar="N", help="1 to 6, or A to D; see below.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the report; made if missing.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="A look in minutes: 3,000 voxels.", rich_help_panel=_RUN)
    ] = False,
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Estimators to compare, such as inr,nlls (default: all).", rich_help_panel=_RUN
        ),
    ] = None,
    snr: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="SNR at b = 0, such as inf,50,20 (default: the paper's).", rich_help_panel=_RUN
        ),
    ] = None,
    lmax: Annotated[
        int | None,
        typer.Option(help="Order of the FODs, where it is not the question (default: 2).", rich_help_panel=_RUN),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_SEED, help="Of all that is left to chance.", rich_help_panel=_RUN)
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.", rich_help_panel=_RUN)] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes of the INR over the voxels, at most.", rich_help_panel=_RUN)
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="METHOD.NAME=VALUE",
            help="Any other setting of a method; repeatable.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results of another configuration.", rich_help_panel=_RUN)
    ] = False,
    voxels: Annotated[
        int | None,
        typer.Option(min=1, help="Size of the truth (default: about 60,000 of phantom).", rich_help_panel=_TRUTH),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Maps taken as the truth: Di, De, Dp, f, fod, perhaps S0 and mask.",
            rich_help_panel=_TRUTH,
        ),
    ] = None,
    from_scan: Annotated[
        Path | None,
        typer.Option(
            metavar="DWI", help="Make the truth from a scan, as the paper made it from its own.", rich_help_panel=_TRUTH
        ),
    ] = None,
    scan: Annotated[
        Path | None,
        typer.Option(metavar="DWI", help="A scan of a living brain, for 3 and 5.", rich_help_panel=SCAN),
    ] = None,
    mask: Mask = None,
    bval: Bval = None,
    bvec: Bvec = None,
    bdelta: Bdelta = None,
    gradients: Gradients = None,
    b0_threshold: B0Threshold = None,
    noise: Noise = None,
    grad_dev: GradDev = None,
) -> None:
    """Repeat an experiment of the paper and report what comes out.

    Writes report.html (one file, nothing else needed), metrics.csv and
    further tables, every figure, every fit, the truth, and the exact
    configuration. Without --truth or --from-scan the truth is the phantom.

    Ctrl-C stops; the same command goes on from the last finished fit.
    """
    from ..experiments.run import experiment as run_experiment
    from ..io.noise import parse_noise

    files = {"mask": mask, "grad_dev": grad_dev}
    given: dict[str, Any] = {key: str(path) for key, path in files.items() if path is not None}
    tables = {"bval": bval, "bvec": bvec, "bdelta": bdelta, "gradients": gradients}
    given |= {key: tuple(map(str, one)) if one[1:] else str(one[0]) for key, one in tables.items() if one}
    given |= {} if b0_threshold is None else {"b0_threshold": b0_threshold}
    given |= {} if noise is None else {"noise": parse_noise(noise)}
    try:
        report = run_experiment(
            which,
            out,
            overwrite=overwrite,
            fit=_fit,
            announce=lambda words: typer.echo(words, err=True),
            quick=quick,
            methods=_list(methods),
            snr=None if snr is None else tuple(_number(value) for value in _list(snr) or ()),
            lmax=lmax,
            seed=seed,
            device=device,
            voxels=voxels,
            truth=_text(truth),
            from_scan=_scan(from_scan, given),
            scan=_scan(scan, given),
            overrides=_overrides(settings or [], epochs),
        )
    except _InterruptedError:
        typer.echo("Interrupted. Finished fits are kept: the same command goes on from there.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo("\n".join([*report.points, "", f"Report: {report.path}", f"Tables, fits and figures: {report.folder}"]))


def _fit(dataset: DiffusionDataset, config: Settings) -> Estimate:
    estimate, finished = fit_with_progress(dataset, config)
    if not sys.stderr.isatty():
        typer.echo(err=True)  # a bar in a log may leave its line open
    if not finished:
        raise _InterruptedError
    return estimate


def _scan(dwi: Path | None, files: dict[str, Any]) -> dict[str, Any] | None:
    return None if dwi is None else {"dwi": str(dwi), **files}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _list(words: str | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(word.strip() for word in words.split(",") if word.strip())


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise InputError("snr", f"{word!r} is not a number.", "Give numbers such as inf,50,20.") from None


def _overrides(words: list[str], epochs: int | None) -> dict[str, dict[str, Any]]:
    """Settings by method from METHOD.NAME=VALUE; values are numbers or true/false where they look like it."""
    found: dict[str, dict[str, Any]] = {"inr": {"epochs": epochs}} if epochs else {}
    for word in words:
        name, equals, value = word.partition("=")
        method, dot, setting = name.partition(".")
        if not (equals and dot and setting):
            raise InputError("--set", f"{word!r} is not METHOD.NAME=VALUE.", "Give one such as inr.epochs=200.")
        found.setdefault(method, {})[setting] = setting_value(value)
    return found
