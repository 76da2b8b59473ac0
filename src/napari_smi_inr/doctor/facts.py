"""What was found out about a machine: plain values, which tests can make up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Card:
    """A graphics card.

    Attributes
    ----------
    name
        As its driver calls it.
    memory, free
        All of it and what is free [GB].
    """

    name: str
    memory: float
    free: float


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver.

    Attributes
    ----------
    version
        Its own.
    cuda
        Newest CUDA that it runs, such as ``"12.4"``; empty if it does not say.
    cards
        Those it knows.
    """

    version: str
    cuda: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Torch:
    """The installed torch.

    Attributes
    ----------
    version
        Its own; empty if it cannot be imported.
    problem
        Why it cannot.
    cuda, rocm
        Version that it was built for; empty if it was not.
    mps_built, mps
        Whether it was built for Apple's graphics, and can use them.
    cards
        Those it can use, apart from Apple's.
    threads
        That it uses on the processor.
    """

    version: str
    problem: str = ""
    cuda: str = ""
    rocm: str = ""
    mps_built: bool = False
    mps: bool = False
    cards: tuple[Card, ...] = ()
    threads: int = 1


@dataclass(frozen=True)
class Check:
    """A small evaluation on one device beside the same in double precision on the processor.

    Attributes
    ----------
    device
        Its name in torch.
    error
        Largest difference, as a share of a parameter's range; None if it could not be computed.
    problem
        Why it could not.
    """

    device: str
    error: float | None
    problem: str = ""


@dataclass(frozen=True)
class Window:
    """What napari needs to open a window.

    Attributes
    ----------
    napari
        Its version; empty if it is not installed.
    bindings
        Versions of the Qt bindings that are installed.
    asked
        The binding that QT_API asks for; empty if it asks for none.
    display
        Whether there is one.
    problem
        Why no window can be opened, in one sentence; empty if one can.
    """

    napari: str
    bindings: Mapping[str, str]
    asked: str
    display: bool
    problem: str


@dataclass(frozen=True)
class Folder:
    """A folder of the user's own that this program writes to.

    Attributes
    ----------
    purpose
        What is kept there.
    path
        Where it is, or would be.
    problem
        Why it cannot be written to; empty if it can.
    """

    purpose: str
    path: str
    problem: str = ""


@dataclass(frozen=True)
class Facts:
    """All that advice is given on.

    Attributes
    ----------
    system, machine
        Such as ``"Linux"`` and ``"x86_64"``.
    translated
        Whether Python was made for another processor than this one, and is being translated.
    python
        Its version.
    cores
        Of the processor, as far as this process may use them.
    memory, free
        Of the machine, all and free [GB].
    torch
        The installed one.
    driver
        NVIDIA's; None if there is none.
    undriven_card
        Whether an NVIDIA card is there without a driver.
    hidden_cards
        What the environment says of the cards to be seen (CUDA_VISIBLE_DEVICES); None if it says nothing.
    window
        For napari.
    extras
        By extra of this package the libraries that are missing of it.
    folders
        That are written to.
    checks
        One a device.
    versions
        Of all that matters.
    """

    system: str
    machine: str
    translated: bool
    python: str
    cores: int
    memory: float
    free: float
    torch: Torch
    driver: Driver | None
    undriven_card: bool
    hidden_cards: str | None
    window: Window
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folders: tuple[Folder, ...] = ()
    checks: tuple[Check, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
