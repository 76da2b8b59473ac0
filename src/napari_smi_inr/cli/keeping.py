"""Nothing lost: checkpoints beside the results, and another place for results where theirs is not to be had."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import InputError
from ..memory import is_out_of_memory
from .progress import residual_with_progress

if TYPE_CHECKING:
    from ..dataset import DiffusionDataset
    from ..estimation.estimate import Estimate
    from ..estimation.keep import Keep


def checkpoint_at(path: Path, resume: bool) -> Keep:
    """Where a fit is kept while it is under way; says on stderr what is there from before.

    Raises
    ------
    InputError
        If it is to be resumed, and what is there is damaged.
    """
    from ..estimation.keep import Keep
    from ..inr.checkpoint import peek

    there = path.is_file()
    if resume and not there:
        typer.echo(f"There is no checkpoint {path}: the fit begins at its beginning.", err=True)
    elif resume:
        typer.echo(f"Going on from {path}, at {peek(path).fraction:.0%} of the work.", err=True)
    elif there:
        words = "is of a fit that was cut short: --resume would go on with it, and this fit will replace it."
        typer.echo(f"{path} {words}", err=True)
    return Keep(path, resume and there)


def forget(keep: Keep) -> None:
    """Remove the checkpoint of a fit whose results are written."""
    with suppress(OSError):  # it does no harm
        keep.path.unlink()


def write_somewhere(field: Estimate, folder: Path, name: str) -> tuple[list[Path], InputError | None]:
    """Write results into a folder; where that cannot be done, into a new one elsewhere.

    Returns
    -------
    The files, and the error if they had to go elsewhere.

    Raises
    ------
    InputError
        If they can be written nowhere.
    """
    from ..results import label_of, write_results

    try:
        return write_results(field, folder, name, label_of(field)), None
    except InputError as error:
        fault = error
    for place in (Path(), Path.home(), Path(tempfile.gettempdir())):
        with suppress(OSError):
            rescue = Path(tempfile.mkdtemp(prefix=f"{name}-results-", dir=place.absolute()))
            try:
                paths = write_results(field, rescue, name, label_of(field))
            except InputError:
                shutil.rmtree(rescue, ignore_errors=True)
                continue
            return paths, InputError(fault.where, fault.fault, f"The results went to {rescue} instead.")
    raise fault


def map_residual(
    field: Estimate, dataset: DiffusionDataset, folder: Path, name: str
) -> tuple[list[Path], InputError | None]:
    """Map what a fit leaves unexplained and write it beside its results, which no fault may take back.

    Returns
    -------
    The file, none if Ctrl-C was pressed or it could not be made; and the error in the latter case.
    """
    from ..results import label_of, write_residual

    try:
        residual = residual_with_progress(field, dataset)
        return [] if residual is None else [write_residual(field, residual, folder, name, label_of(field))], None
    except InputError as error:
        return [], error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return [], InputError("Residual map", "was not made: memory has run out.", "The other results are complete.")


def both(one: InputError | None, other: InputError | None) -> InputError | None:
    """Two errors, of which either may be missing, as one."""
    if one is None or other is None:
        return one or other
    return InputError(one.where, one.fault, f"{one.remedy} And {other}")
