"""``smi-inr doctor``: what this machine can do, and what to do about what it cannot."""

from __future__ import annotations

from typing import Annotated

import typer

BROKEN = 1
"""Exit code where something is broken."""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Tell it to a program, as JSON.")] = False,
) -> None:
    """Look at this machine: torch, graphics card, memory, window, extras.

    Tries a small evaluation on every device and compares it with double
    precision. Says in plain words what to do about what is amiss, with the
    command to type. Please put what it says into reports of faults.

    Ends with 1 if something is broken, and with 0 otherwise.
    """
    from ..doctor.examination import examine

    found = examine()
    if as_json:
        import json

        typer.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        typer.echo(found.text)
    if not found.sound:
        raise typer.Exit(BROKEN)
