"""``smi-inr fit``: from a scan to maps, FODs and a field file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..inr.config import PRESETS, FitConfig
from ..methods import INR, LEAST_SQUARES, METHODS, make_settings
from .checked import load_checked
from .options import B0Threshold, Bdelta, Bval, Bvec, BvecAxes, GradDev, Gradients, Mask, Noise, Scans, setting_pairs
from .progress import fit_with_progress, tell_if_interrupted
from .repeating import asked_again, tell_changed_inputs, tell_changed_making
from .report import quality_report, written

_MODEL, _RUN = "The model", "The run"


def _help(name: str, text: str = "") -> str:
    """What the settings' own table says of an option, with its default."""
    setting = FitConfig.model_fields[name]
    words = (text or setting.description or "").replace("[", r"\[")  # or it would be taken for markup
    return f"{words} (default: {setting.default})"


def fit(
    dwi: Scans,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the results; made if missing.")],
    mask: Mask = None,
    bval: Bval = None,
    bvec: Bvec = None,
    bdelta: Bdelta = None,
    gradients: Gradients = None,
    grad_dev: GradDev = None,
    noise: Noise = None,
    bvec_axes: BvecAxes = None,
    b0_threshold: B0Threshold = None,
    method: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(METHODS)}; 'smi-inr methods' tells more. Options it has no use for are refused. "
            f"(default: {INR})",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    lmax: Annotated[int | None, typer.Option(help=_help("lmax"), rich_help_panel=_MODEL)] = None,
    loss: Annotated[
        str | None, typer.Option(help=_help("loss", "mse, or rician, which needs --noise"), rich_help_panel=_MODEL)
    ] = None,
    detail: Annotated[str | None, typer.Option(help=_help("detail"), rich_help_panel=_MODEL)] = None,
    nonnegativity: Annotated[float | None, typer.Option(help=_help("nonnegativity"), rich_help_panel=_MODEL)] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help=f"settings to start from: {' or '.join(PRESETS)} (as published, far slower). (default: fast)",
            rich_help_panel=_RUN,
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help=_help("epochs", "passes over the voxels"), rich_help_panel=_RUN)
    ] = None,
    held_out: Annotated[float | None, typer.Option(help=_help("held_out"), rich_help_panel=_RUN)] = None,
    seed: Annotated[
        int | None, typer.Option(help=_help("seed", "equal seeds give equal maps"), rich_help_panel=_RUN)
    ] = None,
    device: Annotated[str | None, typer.Option(help=_help("device"), rich_help_panel=_RUN)] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the fit of this scan that was killed or interrupted, from its last checkpoint in --out; "
            "begin anew where there is none.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    recorded: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Fit as an earlier fit was: the .json beside one of its maps, or its field file. Options given beside "
            "it go first.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    other: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of the method, as 'smi-inr methods' lists them; may be repeated.",
            rich_help_panel=_RUN,
        ),
    ] = None,
) -> None:
    """Fit the Standard Model of white matter to a scan.

    Several series of one subject (one for each encoding, say) are fitted as
    one: 'smi-inr fit lte.nii.gz ste.nii.gz --bdelta 1 --bdelta 0 --out results'.

    Writes a map of every parameter and the fibre orientation distributions
    (MRtrix basis), each with a JSON side-car, and of the INR the field itself:
    a file that 'smi-inr sample' and napari can zoom into without the scan.

    Ctrl-C stops the fit and keeps the best so far; --resume goes on from there,
    or from the last checkpoint of a fit that was killed.
    """
    named = {
        "preset": preset,
        "lmax": lmax,
        "loss": loss,
        "detail": _number_or_text(detail),
        "nonnegativity": nonnegativity,
        "epochs": epochs,
        "held_out": held_out,
        "seed": seed,
        "device": device,
    }
    before = asked_again(recorded, method, preset)
    given = {**named, **setting_pairs(other or [], taken=named)}
    config = make_settings(method or INR, **given) if before is None else before.again(**given)
    from ..estimation.device import resolve_device
    from ..estimation.keep import SUFFIX
    from ..io.files import output_folder
    from ..io.noise import parse_noise
    from .keeping import both, checkpoint_at, forget, map_residual, write_somewhere

    resolve_device(getattr(config, "device", "cpu"))  # and the folder: find out before the scan is read
    folder = output_folder(out)
    sigma = parse_noise(noise or "")
    if before is not None:
        sigma = before.noise if sigma is None else sigma
        bvec_axes = bvec_axes or before.bvec_axes
        b0_threshold = before.b0_threshold if b0_threshold is None else b0_threshold
    dataset, told = load_checked(
        dwi,
        mask,
        sigma,
        getattr(config, "loss", LEAST_SQUARES),
        config.lmax,
        bval=bval,
        bvec=bvec,
        bdelta=bdelta,
        gradients=gradients,
        grad_dev=grad_dev,
        bvec_axes=bvec_axes,
        b0_threshold=b0_threshold,
    )
    typer.echo(told + "\n")
    tell_changed_inputs(before, dataset)
    name = dwi[0].name.removesuffix(".gz").removesuffix(".nii")
    keep = checkpoint_at(folder / f"{name}{SUFFIX}", resume)
    field, finished = fit_with_progress(dataset, config, keep)
    tell_changed_making(before, field)
    paths, fault = write_somewhere(field, folder, name)
    # last, as everything else is safe by then; and whoever interrupts wants an end
    if finished:
        more, another = map_residual(field, dataset, paths[0].parent, name)
        paths, fault = paths + more, both(fault, another)
    typer.echo(quality_report(field) + "\n\n" + written(paths))
    if finished:
        forget(keep)
    if fault is not None:
        raise fault
    tell_if_interrupted(finished, "--resume goes on from here.")


def _number_or_text(value: str | None) -> float | str | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return value
