"""Something done on a worker thread, and who is told what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from superqt.utils import create_worker


@dataclass(frozen=True, eq=False)
class Attempt:
    """What came of something tried on another thread: a value or an error."""

    value: Any
    error: Exception | None = None


class Helper:
    """An action and its listener, both let go once they have done their part.

    Whatever it still held at the end of the process, such as a dock widget that waits for a scan, would be taken apart
    by Qt in the midst of Python's end.

    Parameters
    ----------
    action
        To be done on a worker thread.
    done
        Told on the main thread what came of it.
    """

    def __init__(self, action: Callable[[], Any], done: Callable[[Attempt], None]) -> None:
        self._action: Callable[[], Any] | None = action
        self._done: Callable[[Attempt], None] | None = done
        self.busy = False

    @property
    def awaited(self) -> bool:
        """Whether someone still waits for it."""
        return self._done is not None

    def start(self) -> None:
        """Do it on a worker thread, and tell the listener on this one.

        A worker of superqt's: napari (0.9) keeps a note of each of its own to the end of the process.
        """
        create_worker(self.run, _connect={"returned": self.deliver})

    def run(self) -> Attempt:
        """Do it, once; never raises, because napari's worker would swallow a RuntimeError."""
        action, self._action = self._action, None
        self.busy = True
        try:
            return Attempt(action() if action is not None else None)
        except Exception as error:
            return Attempt(None, error)
        finally:
            self.busy = False

    def deliver(self, result: Attempt) -> None:
        """Tell the listener, once."""
        done, self._done = self._done, None
        if done is not None:
            done(result)
