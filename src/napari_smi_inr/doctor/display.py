"""Whether a window can be opened here."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

_PROBE = "from qtpy.QtWidgets import QApplication; QApplication([])"
_PATIENCE = 60.0  # seconds; a first start reads many files


def has_display() -> bool:
    """Whether there is a screen, real or virtual, to open windows on."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def why_no_window() -> str:
    """Say what keeps napari from opening, in one sentence; nothing if it can."""
    if find_spec("napari") is None:
        return 'napari is not installed (python -m pip install "napari-smi-inr[all]").'
    return _why_qt_fails() if has_display() else "there is no display."


def _why_qt_fails() -> str:
    """Try Qt in a process of its own: where it finds no display or a library is missing, it takes Python down."""
    try:
        done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return f"Qt did not start within {_PATIENCE:g} s."
    if done.returncode == 0:
        return ""
    words = [line for line in done.stderr.splitlines() if line.strip()]
    return f"Qt cannot start ({words[-1].strip() if words else f'exit code {done.returncode}'})."
