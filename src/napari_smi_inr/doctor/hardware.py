"""Asks the machine about its processor, memory and graphics cards; every question may stay without an answer."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

import psutil

from .facts import Card, Driver, Torch

_GB = 1e9
_MIB = 2**20 / _GB
_PATIENCE = 20.0  # seconds; a card that slept takes some
_CARDS = ("--query-gpu=driver_version,name,memory.total,memory.free", "--format=csv,noheader,nounits")
_PCI = Path("/sys/bus/pci/devices")
_NVIDIA, _DISPLAY = "0x10de", "0x03"  # vendor, and class of devices that draw


def cores() -> int:
    """Cores of the processor that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> tuple[float, float]:
    """The machine's memory, all and free [GB]."""
    found = psutil.virtual_memory()
    return found.total / _GB, found.available / _GB


def is_translated() -> bool:
    """Whether Python was built for Intel and runs on an Apple processor."""
    if platform.system() != "Darwin" or platform.machine() != "x86_64":
        return False
    return _answer("sysctl", "-n", "sysctl.proc_translated").strip() == "1"


def nvidia_driver() -> Driver | None:
    """What the NVIDIA driver tells of itself, if there is one."""
    rows = parse_cards(_answer("nvidia-smi", *_CARDS))
    if not rows:
        return None
    found = re.search(r"CUDA (?:\w+ )?Version:\s*([\d.]+)", _answer("nvidia-smi"))
    return Driver(rows[0][0], found[1] if found else "", tuple(card for _, card in rows))


def parse_cards(text: str) -> list[tuple[str, Card]]:
    """Driver version and card from each line of nvidia-smi; lines that say something else are passed over."""
    rows = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 4 and parts[2].isdigit() and parts[3].isdigit():
            rows.append((parts[0], Card(parts[1], int(parts[2]) * _MIB, int(parts[3]) * _MIB)))
    return rows


def has_nvidia_card() -> bool:
    """Whether an NVIDIA card is in the machine, as far as its bus can be looked at (Linux)."""
    drawing = (device for device in _PCI.glob("*") if _read(device / "class").startswith(_DISPLAY))
    return any(_read(device / "vendor") == _NVIDIA for device in drawing)


def installed_torch() -> Torch:
    """What torch tells of itself; importing it takes seconds."""
    try:
        import torch
    except Exception as error:  # a library that it lacks, a file that is damaged: whatever keeps it from loading
        return Torch("", (str(error) or type(error).__name__).splitlines()[0])
    return Torch(
        torch.__version__,
        cuda=torch.version.cuda or "",
        rocm=torch.version.hip or "",
        mps_built=torch.backends.mps.is_built(),
        mps=torch.backends.mps.is_available(),
        cards=tuple(_card(index) for index in range(torch.cuda.device_count())) if torch.cuda.is_available() else (),
        threads=torch.get_num_threads(),
    )


def _card(index: int) -> Card:
    import torch

    name = torch.cuda.get_device_name(index)
    try:
        free, total = torch.cuda.mem_get_info(index)
    except RuntimeError:  # no memory is left even for asking
        return Card(name, torch.cuda.get_device_properties(index).total_memory / _GB, 0.0)
    return Card(name, total / _GB, free / _GB)


def _answer(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
