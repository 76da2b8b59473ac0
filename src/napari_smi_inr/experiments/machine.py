"""What an experiment ran on, for the record."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("napari-smi-inr", "torch", "numpy", "scipy", "dipy")


def versions() -> dict[str, str]:
    """Versions of Python and of what results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # an optional one
            continue
    return found


def machine(device: str) -> dict[str, str]:
    """Processor, and the device that fits ran on."""
    import torch

    from ..estimation.device import resolve_device

    used = resolve_device(device)
    name = torch.cuda.get_device_name(used) if used.type == "cuda" else str(used)
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "device": name,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
