"""``smi-inr fit --config``: an earlier fit again, and a warning where it cannot be the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import InputError

if TYPE_CHECKING:
    from ..dataset import DiffusionDataset
    from ..estimation.estimate import Estimate
    from ..repeat import Recorded


def asked_again(path: Path | None, method: str | None, preset: str | None) -> Recorded | None:
    """The fit to be repeated, if one is.

    Raises
    ------
    InputError
        If its file tells of no fit, or the options beside it ask for something else altogether.
    """
    if path is None:
        return None
    from ..repeat import read_recorded

    found = read_recorded(path)
    if method not in (None, found.settings["method"]):
        fault = f"is {method}, but {path} tells of a fit by {found.settings['method']}."
        raise InputError("--method", fault, "Leave one of the two out.")
    if preset is not None:
        raise InputError("--preset", f"sets what {path} sets.", "Leave one of the two out.")
    return found


def tell_changed_inputs(before: Recorded | None, dataset: DiffusionDataset) -> None:
    """Warn, before the fit, of files that are not those of the earlier one."""
    if before is not None:
        from ..repeat import changed_inputs

        for text in changed_inputs(before, dataset):
            _warn(f"{before.path}: {text}")


def tell_changed_making(before: Recorded | None, fitted: Estimate) -> None:
    """Warn, after it, where another machine or version may have changed the last digits."""
    if before is not None:
        from ..repeat import changed_making

        if changes := changed_making(before, fitted):
            _warn(f"{before.path}: made otherwise, so that maps agree to rounding at best ({'; '.join(changes)}).")


def _warn(text: str) -> None:
    typer.secho("Warning: ", fg="yellow", bold=True, nl=False, err=True)
    typer.echo(text, err=True)
