"""``smi-inr demo``: the whole way in two minutes, with a window or without."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the results.")] = Path(
        "smi-inr-demo"
    ),
    headless: Annotated[bool, typer.Option("--headless", help="Open no window; write maps and a figure.")] = False,
) -> None:
    """See it work on a brain-like phantom: fit, maps, and a zoom far below the voxel.

    Opens napari. Where there is no display, it writes maps, the field and a figure instead.
    """
    from ..doctor.display import why_no_window

    reason = "" if headless else why_no_window()
    if not headless and not reason:
        from ..plugin.demo import open_demo

        open_demo()
        return
    if reason:
        typer.echo(f"No window: {reason} Doing the same without one.")
    from .headless import run_headless

    run_headless(out)
