"""``smi-inr methods``: what there is to fit with, and every setting of it."""

from __future__ import annotations

from typing import Annotated

import typer

from ..methods import METHODS, settings_class


def methods(
    method: Annotated[str | None, typer.Argument(metavar="[METHOD]", help="Show one only.")] = None,
) -> None:
    """List the methods of fitting, with all their settings."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for name in [method] if method else METHODS:
        table = Table("setting", "default", "meaning", box=None, pad_edge=False, header_style="dim")
        for key, field in settings_class(name).model_fields.items():
            if key != "method":
                table.add_row(key, str(field.default), (field.description or "").replace("[", r"\["))
        console.print(f"[bold]{name}[/bold]: {METHODS[name].title}", table, "", sep="\n")
