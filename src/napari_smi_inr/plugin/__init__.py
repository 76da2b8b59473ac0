"""The napari side: reader, writers, dock widget and zoom layer."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "add_zoom_layer": "zoom.zoom_layer",
    "add_parameter_layers": "layer_styles",
    "update_parameter_layers": "layer_styles",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
