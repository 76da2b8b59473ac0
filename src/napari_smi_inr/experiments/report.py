"""The report of an experiment: one HTML file that needs nothing beside it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InputError
from .page import data_uri, write_page
from .tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEMPLATE = Path(__file__).with_name("report.html.jinja")


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes
    ----------
    name
        Its file's name without suffix.
    caption
        What it shows.
    png
        The image; empty where it could not be drawn.
    fault
        Why it could not be drawn.
    """

    name: str
    caption: str
    png: bytes = b""
    fault: str = ""

    @property
    def source(self) -> str:
        """The image as a data URI."""
        return data_uri(self.png)


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes
    ----------
    title
        Its heading.
    text
        Paragraphs.
    tables, pictures
        What follows, in this order.
    """

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


class Presentation(NamedTuple):
    """What an experiment has to say.

    Attributes
    ----------
    points
        The main numbers, a sentence each.
    sections
        All of it.
    """

    points: list[str]
    sections: list[Section]


def picture(name: str, caption: str, draw: Callable[[], Figure]) -> Picture:
    """Draw a figure; where the data do not allow it, the report says why instead of failing after hours of fits."""
    try:
        figure = draw()
    except InputError as error:
        return Picture(name, caption, fault=str(error))
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return Picture(name, caption, stream.getvalue())


def write_report(path: Path, sections: Sequence[Section], **about: Any) -> Path:
    """Write the report; the file appears whole or not at all.

    Parameters
    ----------
    path
        The HTML file.
    sections
        Its contents.
    **about
        What else the template names: title, question, points, configuration, …

    Raises
    ------
    InputError
        If jinja2 is missing or the file cannot be written.
    """
    return write_page(path, _TEMPLATE, sections=sections, **about)
