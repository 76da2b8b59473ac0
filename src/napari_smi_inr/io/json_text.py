"""JSON from files that may come from strangers: of bounded size and depth, its text made harmless."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InputError
from .files import readable_file

_LARGEST = 1 << 24  # bytes; records and settings are far smaller
_DEEPEST = 32
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal would obey or could not show: control characters, changes of direction, halves of characters."""


def read_json(path: str | Path, what: str) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Parameters
    ----------
    path
        UTF-8 text.
    what
        What it should hold, for the message.

    Raises
    ------
    InputError
        If it is missing, too large, not text, not JSON, not an object or too deeply nested.
    """
    path = readable_file(path, what)
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is too large")
        return parse_object(path.read_bytes().decode("utf-8-sig"), _no_number)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}.", "Check its permissions.") from None
    except ValueError as error:
        fault = f"is not readable as {what} ({str(error).splitlines()[0]})."
        raise InputError(path, fault, "Give the JSON file as this program wrote it.") from None


def parse_object(text: str, constant: Callable[[str], Any] | None = None) -> dict[str, Any]:
    """Understand one JSON object; control characters in its text, which a terminal would obey, are replaced.

    Parameters
    ----------
    text
        The JSON.
    constant
        Makes something of NaN and the infinities, which JSON does not have; floats by default.

    Raises
    ------
    ValueError
        As :func:`read_json`.
    """
    try:
        content = json.loads(text, parse_constant=constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return {_tame(key): _plain(value) for key, value in content.items()}


def _plain(value: Any, depth: int = 1) -> Any:
    """The same value with all its text tamed."""
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        return _tame(value)
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_tame(key): _plain(item, depth + 1) for key, item in value.items()}
    return value


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number in JSON")


def _tame(text: str) -> str:
    return _COMMANDS.sub("\N{REPLACEMENT CHARACTER}", text)
