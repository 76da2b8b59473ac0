"""Which processor a fit runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import InputError


def resolve_device(name: str) -> torch.device:
    """A torch device from a name; ``auto`` takes the fastest there is.

    Raises
    ------
    InputError
        If the device does not exist on this machine or is unknown to this build of torch.
    """
    if name == "auto":
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()  # some names are known, but nothing can be read back from them
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise InputError("device", f"{name!r} cannot be used here ({reason}).", "Use 'auto' or 'cpu'.") from error
    return device


def device_names() -> tuple[str, ...]:
    """Every device that torch can use here, the processor first."""
    cards = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ("cpu", *cards, *(["mps"] if torch.backends.mps.is_available() else []))


def double_precision_device(name: str) -> torch.device:
    """A device for float64; ``auto`` passes over those that lack it.

    Raises
    ------
    InputError
        If the device asked for lacks it or does not exist.
    """
    device = resolve_device(name)
    if device.type != "mps":
        return device
    if name != "auto":
        raise InputError("device", f"{name!r} cannot compute in double precision.", "Use 'auto' or 'cpu'.")
    return torch.device("cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """Work on one thread of the processor: where batches are too small to share, threads only wait, and spin."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
