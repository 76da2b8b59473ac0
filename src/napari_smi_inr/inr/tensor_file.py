"""Files of numbers: safetensors, with everything that is no tensor as JSON in the header.

Nothing in them can run code. They are written whole or not at all, and damaged ones, or those of another kind, are
refused before anything is built from them. A checksum over all that a file holds finds out a single changed bit.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from ..errors import InputError
from ..io.files import readable_file, replacing
from ..io.json_text import parse_object

T = TypeVar("T")

Build = Callable[[dict[str, Any], dict[str, torch.Tensor]], T]
"""Makes something from the header and the tensors of a file."""

CHECKSUM = "sha256"
"""Where the header keeps it."""

_KEY = "napari_smi_inr"
_LARGEST = 1 << 32  # bytes; forty times the network of the published size
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
    told = parse_object(json.dumps(header))  # as it will be read
    signed = json.dumps({**told, CHECKSUM: checksum(content, told)})
    with replacing(path) as stream:
        stream.write(save(content, metadata={_KEY: signed}))


def checksum(tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> str:
    """SHA-256 of all that a file holds: its header but for the checksum itself, and every tensor with name and type."""
    told = {key: value for key, value in header.items() if key != CHECKSUM}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name in sorted(tensors):
        numbers = tensors[name].numpy()
        digest.update(f"\0{name}\0{numbers.dtype.str}{numbers.shape}".encode())
        digest.update(np.ascontiguousarray(numbers).data)
    return digest.hexdigest()


def read_tensors(
    path: Path,
    what: str,
    known: Mapping[str, Any],
    build: Build[T],
    remedy: str,
    *,
    unsigned: int = 0,
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
    unsigned
        Latest version whose files have no checksum.
    only_header
        Read no tensors, and so check no checksum.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind or from a newer version.
    """
    path = readable_file(path, f"{what} file")
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it is too large for a {what}")
        metadata, tensors = (_metadata(path), {}) if only_header else content_of(path)
        header = _header(path, what, known, metadata)
        if not only_header:
            _check(header, tensors, unsigned)
        return build(header, tensors)
    except (OSError, SafetensorError, struct.error) as error:
        raise InputError(path, f"is not a readable {what} file ({error}).", "Was it copied whole?") from error
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, MemoryError) as error:
        if isinstance(error, InputError) and error.where == str(path):
            raise
        raise damaged(path, error, remedy) from error


def content_of(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Metadata and tensors of one safetensors file.

    It is read at once: where another process puts another file in its place meanwhile, ``safe_open``, which opens the
    file by its name again for each tensor, would make a mixture of both.

    Raises
    ------
    OSError, safetensors.SafetensorError, ValueError
        If it cannot be read, or is none.
    """
    content = path.read_bytes()
    tensors = load(content)  # first, for it finds out whether the header is one
    (length,) = struct.unpack_from("<Q", content)
    header = parse_object(content[8 : 8 + length].decode())
    return header.get("__metadata__", {}), tensors


def damaged(path: Path, error: Exception, remedy: str) -> InputError:
    """The error of a file whose content is of no use."""
    brief = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(path, f"is damaged: {brief}.", remedy)


def _metadata(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def _header(path: Path, what: str, known: Mapping[str, Any], metadata: Mapping[str, str]) -> dict[str, Any]:
    """The JSON header, after checking that this file is ours and not from the future."""
    if _KEY not in metadata:
        raise InputError(path, f"is a safetensors file, but holds no {what}.", _FOREIGN)
    header = parse_object(metadata[_KEY])
    if header["format"] != known["format"]:
        raise InputError(path, f"holds {header['format']!r}, not a {what}.", _FOREIGN)
    for name, version in known.items():
        if name != "format" and int(header[name]) > version:
            raise InputError(path, f"comes from a newer version ({name} {header[name]}).", "Update napari-smi-inr.")
    return header


def _check(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], unsigned: int) -> None:
    """Refuse what has changed since it was written."""
    if CHECKSUM not in header:
        if int(header["version"]) > unsigned:
            raise ValueError("its checksum is missing")
    elif header[CHECKSUM] != checksum(tensors, header):
        raise ValueError("its content has changed since it was written")
