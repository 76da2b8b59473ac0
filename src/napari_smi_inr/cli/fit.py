"""``smi-inr fit``: from a scan to maps, FODs and a field file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError
from ..inr.config import PRESETS, FitConfig
from ..methods import INR, METHODS, make_settings
from .checked import LEAST_SQUARES, load_checked
from .options import Bdelta, Bval, Bvec, BvecAxes, GradDev, Mask, Noise, setting_value
from .progress import fit_with_progress, tell_if_interrupted
from .report import quality_report, written

_MODEL, _RUN = "The model", "The run"


def _help(name: str, text: str = "") -> str:
    """What the settings' own table says of an option, with its default."""
    setting = FitConfig.model_fields[name]
    words = (text or setting.description or "").replace("[", r"\[")  # or it would be taken for markup
    return f"{words} (default: {setting.default})"


def fit(
    dwi: Annotated[Path, typer.Argument(metavar="DWI", help="4-D diffusion scan (.nii, .nii.gz).")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the results; made if missing.")],
    mask: Mask = None,
    bval: Bval = None,
    bvec: Bvec = None,
    bdelta: Bdelta = None,
    grad_dev: GradDev = None,
    noise: Noise = None,
    bvec_axes: BvecAxes = None,
    method: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(METHODS)}; 'smi-inr methods' tells more. Options it has no use for are refused.",
            rich_help_panel=_MODEL,
        ),
    ] = INR,
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

    Writes a map of every parameter and the fibre orientation distributions
    (MRtrix basis), each with a JSON side-car, and of the INR the field itself:
    a file that 'smi-inr sample' and napari can zoom into without the scan.

    Ctrl-C stops the fit and keeps the best so far.
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
    config = make_settings(method, **named, **_pairs(other or [], taken=named))
    from ..estimation.device import resolve_device
    from ..io.files import output_folder
    from ..results import label_of, write_results

    resolve_device(getattr(config, "device", "cpu"))  # and the folder: find out before the scan is read
    folder = output_folder(out)
    given = {"bval": bval, "bvec": bvec, "bdelta": bdelta, "grad_dev": grad_dev, "bvec_axes": bvec_axes}
    dataset, told = load_checked(dwi, mask, noise, given, getattr(config, "loss", LEAST_SQUARES), config.lmax)
    typer.echo(told + "\n")
    field, finished = fit_with_progress(dataset, config)
    name = dwi.name.removesuffix(".gz").removesuffix(".nii")
    paths = write_results(field, folder, name, label_of(field))
    typer.echo(quality_report(field) + "\n\n" + written(paths))
    tell_if_interrupted(finished)


def _number_or_text(value: str | None) -> float | str | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return value


def _pairs(given: list[str], taken: Iterable[str]) -> dict[str, Any]:
    """Settings written as NAME=VALUE, values as in JSON or as plain words."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError("--set", f"{text!r} is not NAME=VALUE.", "Write for instance --set tolerance=1e-6.")
        if name in taken:
            option = name.replace("_", "-")
            raise InputError("--set", f"{name} has an option of its own.", f"Write --{option} {value}.")
        pairs[name] = setting_value(value)
    return pairs
