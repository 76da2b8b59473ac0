"""MATLAB files, looked through before SciPy is let at them.

A few bytes can claim a struct of a billion elements, or pack gigabytes of zeros; :func:`scipy.io.loadmat` believes
them. So the file's own book-keeping is checked first: every element lies within what it is part of, and none claims
more numbers than the file can hold. (MATLAB's "MAT-File Format" describes it: tags of type and length, matrices
within.)
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from ..errors import InputError

_HEADER = 128
_LARGEST = 1 << 24  # bytes, packed and unpacked; an xps takes some kB
_MATRIX, _PACKED = 14, 15
_NUMBERS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}  # bytes by type
_CELL, _STRUCT, _TEXT = 1, 2, 4
_NUMERIC = range(6, 16)
_MOST_AXES, _DEEPEST, _MOST_ELEMENTS = 4, 4, 1 << 20
_COMPLEX, _LOGICAL_OR_GLOBAL = 0x08, 0x06
_REMEDY = "Save it again in MATLAB, with save(…, '-v7')."


def read_mat(path: Path, name: str) -> dict[str, Any]:
    """Read one struct of a MATLAB file.

    Parameters
    ----------
    path
        A file of MATLAB 5 to 7 (not 7.3, which is HDF5).
    name
        Of the variable.

    Returns
    -------
    Its fields, as :func:`scipy.io.loadmat` gives them with ``simplify_cells``.

    Raises
    ------
    InputError
        If the file is damaged, of another version, too large, or has no such struct.
    """
    raw = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
    if not raw:
        raise InputError(path, "is too large for the protocol of a scan.", "Give the file with the protocol alone.")
    if raw.startswith((b"\x89HDF", b"MATLAB 7.3")):
        raise InputError(path, "is of MATLAB 7.3, which is another format.", _REMEDY)
    try:
        _look_through(raw)
        found = _load(raw, name)
    except (ValueError, struct.error, zlib.error) as error:
        raise InputError(path, f"is not readable as a MATLAB file ({error}).", _REMEDY) from None
    if not isinstance(found, dict):
        raise InputError(path, f"has no struct named {name}.", f"Save it with the variable {name} in it.")
    return found


def _load(raw: bytes, name: str) -> Any:
    from scipy.io import loadmat  # here, as few files need it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of duplicate names, say
            stream: Any = BytesIO(raw)  # which its stubs leave out
            return loadmat(stream, variable_names=[name], simplify_cells=True).get(name)
    except MemoryError:
        raise
    except Exception as error:  # whatever it stumbles on
        raise ValueError(str(error).splitlines()[0][:80] if str(error) else type(error).__name__) from None


def _look_through(raw: bytes) -> None:
    """Refuse a file whose parts do not fit into one another, with ValueError."""
    if len(raw) < _HEADER or raw[126:128] != b"IM":
        raise ValueError("its header is none, or of a computer of another kind")
    room = _LARGEST
    for kind, content in _elements(raw[_HEADER:]):
        if kind == _PACKED:
            packer = zlib.decompressobj()
            unpacked = packer.decompress(content, room)
            if packer.unconsumed_tail or not packer.eof:
                raise ValueError("a part of it is cut short, or unpacks to too much")
            room -= len(unpacked)
            inner = list(_elements(unpacked))
            if [kind for kind, _ in inner] != [_MATRIX]:
                raise ValueError("a packed part holds something else than one variable")
            content = inner[0][1]
        elif kind != _MATRIX:
            raise ValueError(f"it has a part of type {kind}")
        _check_matrix(content, 0)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Types and contents of consecutive elements; small ones have both in their tag."""
    place = 0
    while place < len(data):
        (word,) = struct.unpack_from("<I", data, place)
        if word >> 16:
            kind, length, start, end = word & 0xFFFF, word >> 16, place + 4, place + 8
            if length > 4:
                raise ValueError("a small part of it is too long")
        else:
            kind, (length,) = word, struct.unpack_from("<I", data, place + 4)
            start = place + 8
            end = start + length + (0 if kind == _PACKED else -length % 8)
        if start + length > len(data):
            raise ValueError("it is cut short")
        yield kind, data[start : start + length]
        place = end


def _check_matrix(data: bytes, depth: int) -> None:
    """Check one variable: what it claims to be, its size, its name, and what it holds."""
    if not data:  # an empty one within a struct
        return
    parts = list(_elements(data))
    if len(parts) < 3 or depth > _DEEPEST:
        raise ValueError("a variable lacks its parts, or is too deeply nested")
    (flags, flag_data), (size, size_data), (naming, _), *rest = parts
    if (flags, len(flag_data), size, naming) != (6, 8, 5, 1) or len(size_data) % 4:
        raise ValueError("a variable does not say what it is")
    word, _ = struct.unpack("<II", flag_data)
    kind, special = word & 0xFF, word >> 8 & 0xFF
    axes = struct.unpack(f"<{len(size_data) // 4}i", size_data)
    if not 2 <= len(axes) <= _MOST_AXES or min(axes) < 0:
        raise ValueError("a variable has no size")
    n = _product(axes)
    if kind in _NUMERIC or kind == _TEXT:
        _check_numbers(rest, n, special, kind)
    elif kind in (_STRUCT, _CELL):
        _check_nested(rest, n, kind, depth)
    else:
        raise ValueError(f"a variable is of class {kind}, which no protocol needs")


def _check_numbers(parts: list[tuple[int, bytes]], n: int, special: int, kind: int) -> None:
    if special & ~_LOGICAL_OR_GLOBAL or len(parts) != 1 or parts[0][0] not in _NUMBERS:
        raise ValueError("an array is complex, or holds no numbers")
    stored, content = parts[0]
    if len(content) != n * _NUMBERS[stored] and not (kind == _TEXT and stored == 16 and len(content) <= 4 * n):
        raise ValueError("an array has another size than it claims")


def _check_nested(parts: list[tuple[int, bytes]], n: int, kind: int, depth: int) -> None:
    fields = 1
    if kind == _STRUCT:
        if len(parts) < 2 or parts[0][0] != 5 or len(parts[0][1]) != 4 or parts[1][0] != 1:
            raise ValueError("a struct has no fields")
        (length,) = struct.unpack("<i", parts[0][1])
        if not 0 < length <= 64 or len(parts[1][1]) % length:
            raise ValueError("a struct has no names of fields")
        fields, parts = len(parts[1][1]) // length, parts[2:]
    if len(parts) != n * fields or n > _MOST_ELEMENTS or any(part != _MATRIX for part, _ in parts):
        raise ValueError("a struct or cell holds more or less than it claims")
    for _, content in parts:
        _check_matrix(content, depth + 1)


def _product(axes: tuple[int, ...]) -> int:
    n = 1
    for axis in axes:
        n *= axis
    return n
