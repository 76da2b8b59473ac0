"""Continuous maps of white-matter microstructure from b-tensor diffusion MRI.

The front door is here; names load on first use, so importing the package stays instant.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

_HOME = {
    "load": "api",
    "check": "api",
    "fit": "api",
    "fit_steps": "api",
    "make_settings": "api",
    "simulate": "api",
    "experiment": "experiments.run",
    "open_field": "api",
    "Acquisition": "acquisition",
    "DiffusionDataset": "dataset",
    "FitConfig": "inr.config",
    "FittedField": "inr.field",
    "InputError": "errors",
    "VoxelFit": "estimation.voxel_fit",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("napari-smi-inr")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
