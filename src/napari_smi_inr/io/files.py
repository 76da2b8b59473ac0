"""Opening, fingerprinting and replacing files, with faults told in the user's terms."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path

from ..errors import InputError

_CHUNK = 1 << 20
_ABANDONED = 3600.0  # seconds since the last word of a file under way


def user_path(path: str | Path) -> Path:
    """A path as a user gives it: ``~`` is the home folder, and part of a name where it is no one's."""
    return Path(os.path.expanduser(path))  # Path.expanduser raises RuntimeError for the latter


def is_missing(path: Path) -> bool:
    """Whether there is nothing of that name; of what cannot be looked at, whoever opens it tells why."""
    try:
        path.stat()
    except OSError as error:
        return isinstance(error, FileNotFoundError | NotADirectoryError)
    except ValueError:  # a name with a zero byte
        return False
    return False


def readable_file(path: str | Path, what: str) -> Path:
    """Make sure a file is there and can be read.

    Parameters
    ----------
    path
        Its path; ``~`` is expanded.
    what
        What it should hold, for the message.

    Raises
    ------
    InputError
        If it is missing, a folder, a pipe, empty or not readable.
    """
    try:
        path = user_path(path)
        kind = path.stat().st_mode
        if stat.S_ISREG(kind):  # opening a pipe could wait for ever
            with path.open("rb") as stream:
                empty = not stream.read(1)
    except FileNotFoundError:
        raise InputError(path, f"there is no such file ({what}).", "Check the path.") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}.", "Check its path and permissions.") from None
    except ValueError as error:  # a name with a zero byte
        raise InputError(ascii(str(path)), f"is no path ({error}).", "Check the path.") from None
    if stat.S_ISDIR(kind):
        raise InputError(path, f"is a folder, not a file ({what}).", "Give the file inside it.")
    if not stat.S_ISREG(kind):
        raise InputError(path, f"is no ordinary file but a device or a pipe ({what}).", "Save it as a file first.")
    if empty:
        raise InputError(path, f"is empty ({what}).", "Copy or export it again.")
    return path


def sha256(path: Path) -> str:
    """Fingerprint a file, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def output_folder(folder: str | Path) -> Path:
    """Make sure a folder exists, with its parents.

    Raises
    ------
    InputError
        If it cannot be made.
    """
    folder = user_path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # the latter of a name with a zero byte
        fault = f"cannot be made: {getattr(error, 'strerror', None) or error}."
        raise InputError(folder, fault, "Choose a folder you may write to.") from None
    return folder


def output_file(path: str | Path) -> Path:
    """A file to be written, its folder made.

    Raises
    ------
    InputError
        If the folder cannot be made.
    """
    target = user_path(path)
    return output_folder(target.parent) / target.name


def sidecar_of(image: Path) -> Path:
    """The JSON beside an image that describes it."""
    return image.with_name(image.name.removesuffix(".gz").removesuffix(".nii") + ".json")


@contextmanager
def replacing(path: Path, described_by: Path | None = None) -> Iterator[BufferedWriter]:
    """Write a file whole or not at all: beside its place first, then moved there.

    A file that describes the old one, if named, goes with it: rather no description than a wrong one.

    Of several processes or threads that write it at once, one wins. Whoever is killed in the midst leaves a part
    behind, which the next to write this file removes once it is old.

    Raises
    ------
    InputError
        If the folder cannot be written to or is gone, or the disk is full.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        _remove_leftovers(path)
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut might leave the name without the content
        if described_by is not None:
            described_by.unlink(missing_ok=True)
        part.replace(path)
    except OSError as error:
        remedy = "Choose a folder you may write to, with room on its disk."
        raise InputError(path, f"cannot be written: {error.strerror or error}.", remedy) from None
    finally:
        with suppress(OSError):  # gone already, or the folder is
            part.unlink()


def _remove_leftovers(path: Path) -> None:
    """Remove what processes left that were killed while they wrote a file."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink()


@contextmanager
def naming(files: Mapping[str, object]) -> Iterator[None]:
    """Blame the file a faulty argument came from instead of the argument."""
    try:
        yield
    except InputError as error:
        raise InputError(files.get(error.where) or error.where, error.fault, error.remedy) from None
