"""What the user has set under File > Preferences; the manifest says what there is and what it is by default."""

from __future__ import annotations

from typing import Any

from napari.settings import get_plugin_settings

PLUGIN = "napari-smi-inr"


def preferences() -> Any:
    """Give the settings of the category ``viewing``: ``extrapolate``, ``first_map``, ``keys``."""
    return get_plugin_settings(PLUGIN).viewing
