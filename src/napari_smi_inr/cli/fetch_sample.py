"""``smi-inr fetch-sample``: an open scan to try."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def fetch_sample(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder for the files. (default: the user's cache folder)"),
    ] = None,
) -> None:
    """Fetch an open b-tensor scan of a healthy brain.

    About 54 MB: 70 volumes with linear, planar and spherical encoding up to
    b = 2000 s/mm², with a mask of the brain (Szczepankiewicz et al. 2019,
    doi:10.1016/j.dib.2019.104208). Each file is checked against the one that
    was published; what is there already is not fetched again.
    """
    from ..io.open_scan import fetch_scan

    scan = fetch_scan(out, progress=sys.stderr.isatty())
    typer.echo(f"{scan.dwi}\n{scan.mask}\n\nTo see what it can tell: smi-inr info {scan.dwi} --mask {scan.mask}")
