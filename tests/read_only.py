"""A folder that truly cannot be written to: permissions do not bind root, so others have to be found for it."""

import subprocess
import tempfile
from contextlib import contextmanager

import pytest

WAYS = (
    ([["chmod", "a-w", "{}"]], ["chmod", "u+w", "{}"]),
    ([["mount", "--bind", "{}", "{}"], ["mount", "-o", "remount,bind,ro", "{}"]], ["umount", "{}"]),
    ([["chattr", "+i", "{}"]], ["chattr", "-i", "{}"]),
)
"""Commands that make a folder read-only, and the one that undoes them."""


@contextmanager
def read_only(folder):
    """Keep everybody from writing to a folder; the test is skipped where this user may not ask for that."""
    for commands, undo in WAYS:
        done = all(ran(command, folder) for command in commands)
        try:
            if done and not writable(folder):
                yield
                return
        finally:
            ran(undo, folder)
    pytest.skip("this user can neither mount a folder read-only nor make it immutable")


def ran(command, folder):
    words = [word.format(folder) for word in command]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def writable(folder):
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
