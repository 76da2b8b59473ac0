"""Files of numbers: safetensors, with everything that is no tensor as JSON in the header.

Nothing in them can run code. They are written whole or not at all, and damaged ones, or those of another kind, are
refused before anything is built from them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..errors import InputError
from ..io.files import replacing

T = TypeVar("T")

Build = Callable[[dict[str, Any], dict[str, torch.Tensor]], T]
"""Makes something from the header and the tensors of a file."""

_KEY = "napari_smi_inr"
_FOREIGN = "Choose a file saved by this program."


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> None:
    """Write a file.

    Parameters
    ----------
    path
        Where; its folder is there.
    tensors
        By name, on any device, no two of one memory.
    header
        In JSON's types; ``format`` says of what kind the file is.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as stream:
        stream.write(save(content, metadata={_KEY: json.dumps(header)}))


def read_tensors(
    path: Path,
    what: str,
    known: Mapping[str, Any],
    build: Build[T],
    remedy: str,
    *,
    only_header: bool = False,
) -> T:
    """Read a file and build from it what it holds.

    Parameters
    ----------
    path
        The file.
    what
        What it should hold, for messages.
    known
        The ``format`` the header must name, and by name the highest versions of things that can be read.
    build
        Makes the result from header and tensors; whatever it raises of what a wrong content may cause means that the
        file is damaged. Its InputErrors pass.
    remedy
        What to do about a damaged one.
    only_header
        Read no tensors.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind or from a newer version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = _header(path, what, known, file.metadata())
            names = () if only_header else file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        return build(header, tensors)
    except FileNotFoundError as error:
        raise InputError(path, "there is no such file.", "Check the path.") from error
    except (OSError, SafetensorError, struct.error) as error:
        raise InputError(path, f"is not a readable {what} file ({error}).", "Was it copied whole?") from error
    except (LookupError, TypeError, ValueError, RuntimeError, ValidationError) as error:
        if isinstance(error, InputError) and error.where == str(path):
            raise
        raise damaged(path, error, remedy) from error


def damaged(path: Path, error: Exception, remedy: str) -> InputError:
    """The error of a file whose content is of no use."""
    brief = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(path, f"is damaged: {brief}.", remedy)


def _header(path: Path, what: str, known: Mapping[str, Any], metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """The JSON header, after checking that this file is ours and not from the future."""
    if not metadata or _KEY not in metadata:
        raise InputError(path, f"is a safetensors file, but holds no {what}.", _FOREIGN)
    header = json.loads(metadata[_KEY])
    if header["format"] != known["format"]:
        raise InputError(path, f"holds {header['format']!r}, not a {what}.", _FOREIGN)
    for name, version in known.items():
        if name != "format" and header[name] > version:
            raise InputError(path, f"comes from a newer version ({name} {header[name]}).", "Update napari-smi-inr.")
    return dict(header)
