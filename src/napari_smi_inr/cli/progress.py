"""A fit on the command line: a bar with the time left, and Ctrl-C that keeps what there is."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from math import isfinite
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ..dataset import DiffusionDataset
    from ..estimation.estimate import Estimate
    from ..estimation.keep import Keep
    from ..estimation.residual import Residual
    from ..estimation.settings import Settings
    from ..estimation.step import Step

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it."""

_FITTING = "fit"  # other phases are called by their own name
_WIDTH_IN_A_LOG = 120
_IN_A_LOG = 15.0  # seconds between lines where nobody watches a terminal


def fit_with_progress(dataset: DiffusionDataset, config: Settings, keep: Keep | None = None) -> tuple[Estimate, bool]:
    """Fit, showing progress, and what befalls the fit, on stderr.

    Parameters
    ----------
    dataset, config, keep
        As for :func:`~napari_smi_inr.methods.fit_steps`.

    Returns
    -------
    field
        The result, or the best so far if Ctrl-C was pressed.
    finished
        Whether the fit ran to its end.
    """
    from ..api import fit_steps
    from ..estimation.assessment import assessed

    last, scale, told = None, dataset.scale, set[str]()
    with (
        stopping_politely() as stop_asked,
        bar("{elapsed} done{postfix}", desc="preparing") as shown,
        closing(fit_steps(dataset, config, keep)) as steps,
    ):
        for last in steps:
            _show(shown, last, scale)
            for note in last.notes:
                if note not in told:
                    shown.write(f"Note: {note}", file=sys.stderr)
                    told.add(note)
            if stop_asked():
                return assessed(last.field(), dataset), False
        shown.total = shown.n
        shown.refresh()
    assert last is not None  # a fit has at least one step
    return assessed(last.field(), dataset), True


def residual_with_progress(field: Estimate, dataset: DiffusionDataset) -> Residual | None:
    """Map what a fit leaves unexplained, showing progress on stderr; None if Ctrl-C was pressed."""
    from ..estimation.residual import residual_map

    total = int(field.mask.sum())
    with stopping_politely() as stop_asked, bar(desc="residual map", total=total) as shown:
        return residual_map(field, dataset, shown.update, stop_asked)


def _show(shown: Any, step: Step, scale: float) -> None:
    shown.total = step.n_iterations
    error = scale * step.losses.held_out
    # what a method is trained on beforehand need not be a signal
    known = f", held out {error:.4g}" if isfinite(error) and step.phase == _FITTING else ""
    # its own estimate of the time left: the pieces of its phases differ in length
    shown.set_postfix_str(f"{shown.format_interval(step.remaining)} left{known}", refresh=False)
    shown.update(step.iteration - shown.n)
    phase = "fitting" if step.phase == _FITTING else step.phase
    if shown.desc != phase:
        shown.set_description_str(phase)  # shown at once, in a log too


def tell_if_interrupted(finished: bool, remedy: str = "") -> None:
    """End with the exit code of an interruption, unless the fit ran to its end."""
    if not finished:
        typer.echo(f"Interrupted: these are the best so far, not the end of the fit. {remedy}".rstrip(), err=True)
        raise typer.Exit(INTERRUPTED)


def bar(times: str = "{elapsed} done, {remaining} left", **settings: Any) -> Any:
    """A progress bar on stderr; a line now and then where that is not a terminal."""
    from tqdm import tqdm

    line = "{desc}  {percentage:3.0f}%|{bar:16}| " + times
    watched = sys.stderr.isatty()
    return tqdm(
        bar_format=line,
        delay=0.2,
        dynamic_ncols=watched,
        ncols=None if watched else _WIDTH_IN_A_LOG,
        mininterval=0.1 if watched else _IN_A_LOG,
        **settings,
    )


@contextmanager
def stopping_politely() -> Iterator[Callable[[], bool]]:
    """Make the first Ctrl-C a request, and only the second one an end to everything."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
