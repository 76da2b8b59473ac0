"""Pages of one HTML file that need nothing beside them: one look, one way to write them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ..errors import require_library
from ..io.files import replacing

_LOOK = Path(__file__).parent
"""Has ``page.css.jinja``, which every page includes."""


def require_jinja(extra: str = "experiments") -> None:
    """Make sure that pages can be written.

    Parameters
    ----------
    extra
        The extra of this package that brings what it takes.

    Raises
    ------
    InputError
        If jinja2 is not installed.
    """
    require_library("jinja2", "reports", extra)


def write_page(path: Path, template: Path, **about: Any) -> Path:
    """Write a page; the file appears whole or not at all.

    Parameters
    ----------
    path
        The HTML file.
    template
        Of jinja2; may include ``page.css.jinja`` and what lies beside itself.
    **about
        What the template names.

    Raises
    ------
    InputError
        If jinja2 is missing or the file cannot be written.
    """
    require_jinja()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader([template.parent, _LOOK])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    html = environment.get_template(template.name).render(**about)
    with replacing(path) as stream:
        stream.write(html.encode())
    return path


def data_uri(png: bytes) -> str:
    """An image as part of a page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
