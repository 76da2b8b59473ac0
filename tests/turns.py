"""Tests side by side in several processes, and those that need the machine for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where tests run one after another
    fcntl = None


@contextmanager
def _held(path: Path, alone: bool) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@contextmanager
def turn(folder: Path, alone: bool) -> Iterator[None]:
    """Be one of many, or the only one: who wants to be alone has the gate closed behind those who are under way."""
    if fcntl is None:
        yield
        return
    with ExitStack() as gate:
        gate.enter_context(_held(folder / "gate", alone))
        if not alone:
            gate.close()
        with _held(folder / "room", alone):
            yield
