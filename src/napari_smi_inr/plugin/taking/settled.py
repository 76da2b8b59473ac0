"""Whether a picture taken now would show everything as it finally will be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..napari_compat import unwrapped
from ..zoom.session import ZoomSession, session_of

Check = Callable[[Any], bool]
"""Called with a viewer; whether what it watches over is complete there."""

_checks: list[Check] = []


def sessions_in(viewer: Any) -> list[ZoomSession]:
    """List the sessions of a viewer's zoom layers, each once."""
    found = (session_of(layer) for layer in unwrapped(viewer).layers)
    return list({id(session): session for session in found if session is not None}.values())


def also_wait_for(check: Check) -> None:
    """Have pictures and movies wait for something else that is computed in the background, such as glyphs."""
    if check not in _checks:
        _checks.append(check)


def no_longer_wait_for(check: Check) -> None:
    """Undo :func:`also_wait_for`."""
    if check in _checks:
        _checks.remove(check)


def is_settled(viewer: Any) -> bool:
    """Whether everything computed for what a viewer shows is there, and drawn."""
    return all(session.settled for session in sessions_in(viewer)) and all(check(viewer) for check in _checks)
