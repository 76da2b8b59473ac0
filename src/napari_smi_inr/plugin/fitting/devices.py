"""What a fit can run on here, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Devices:
    """The processors torch can use.

    Attributes
    ----------
    names
        Choices for :attr:`FitConfig.device`, ``auto`` first.
    auto
        What ``auto`` resolves to, in words.
    """

    names: tuple[str, ...]
    auto: str


def find_devices() -> Devices:
    """Ask torch, which takes seconds the first time: not on the window's thread."""
    import torch

    from ...estimation.device import device_names, resolve_device

    device = resolve_device("auto")
    described = {"cpu": f"cpu, {torch.get_num_threads()} threads", "mps": "Apple GPU"}
    return Devices(("auto", *device_names()), described.get(device.type) or torch.cuda.get_device_name(device))
