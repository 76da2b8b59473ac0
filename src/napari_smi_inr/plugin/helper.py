"""Something done on a worker thread, and who is told what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Attempt:
    """What came of something tried on another thread: a value or an error."""

    value: Any
    error: Exception | None = None


class Helper:
    """An action and its listener, both let go once they have done their part.

    napari keeps every worker to the end of the process, and the worker keeps this: whatever it still held then, such
    as a dock widget that waits for a scan, would stay with it, and be taken apart by Qt in the midst of Python's end.

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
