"""Pages that the program writes of itself: its commands, and every setting of every method."""

import subprocess
import sys
from pathlib import Path

from napari_smi_inr.methods import METHODS, settings_class

PLACE = Path(__file__).parents[1] / "generated"


def commands():
    """Every command with its options, in Markdown, by typer's own tool."""
    words = [sys.executable, "-m", "typer", "napari_smi_inr.cli.app", "utils", "docs", "--name", "smi-inr"]
    told = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    return "\n".join(line for line in told.splitlines() if line != "# `smi-inr`")


def settings():
    """A table of settings for each method."""
    return "\n".join(_table(name) for name in METHODS)


def _table(name):
    rows = [f"## `{name}`: {METHODS[name].title}", "", "| setting | default | meaning |", "|---|---|---|"]
    for key, field in settings_class(name).model_fields.items():
        if key != "method":
            rows.append(f"| `{key}` | `{field.default!r}` | {field.description or ''} |")
    return "\n".join([*rows, ""])


def write(app):
    """Write the pages where they are not as they should be, so that an unchanged one is not built again."""
    PLACE.mkdir(exist_ok=True)
    for name, text in {"commands.md": commands(), "settings.md": settings()}.items():
        page = PLACE / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app):
    """Write them before sources are read."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
