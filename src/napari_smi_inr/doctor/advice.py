"""From what was found to what to do: pure functions of :class:`~.facts.Facts`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from .facts import Check, Facts, Torch
from .self_check import TOLERANCE

INSTALL_VIEWER = 'python -m pip install "napari-smi-inr[all]"'

_LITTLE_MEMORY = 2.0  # GB free; reading and fitting a scan takes twice its size and 0.6 GB more
_LITTLE_CARD = 1.0  # GB free
_WHEELS = {13: "cu130", 12: "cu126"}
"""By generation of CUDA that a driver runs the name of torch's builds for it, the newest first."""

_AVOID = "Until a newer driver or torch mends it, fit with --device cpu (in the dock: Device, cpu)."
_OTHER_BUILDS = "https://pytorch.org/get-started/locally/ lists further builds."
_RETIRED = ("PyQt5", "PySide2")


class Level(StrEnum):
    """How much it matters."""

    BROKEN = "broken"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True)
class Advice:
    """Something that is not as it could be.

    Attributes
    ----------
    level
        Broken: something gives wrong results or none; warning: it costs; hint: one may want it.
    text
        What is the matter, in whole sentences.
    remedy
        What to do about it, in whole sentences; empty if nothing need be done.
    command
        What to type for it; empty if there is no such thing.
    """

    level: Level
    text: str
    remedy: str = ""
    command: str = ""

    @property
    def in_words(self) -> str:
        """All but the command, in one line."""
        return f"{self.level.capitalize()}: {self.text} {self.remedy}".rstrip()


def advise(facts: Facts) -> tuple[Advice, ...]:
    """Give advice on a machine, what matters most first."""
    found = [*_on_torch(facts), *_on_checks(facts), *_on_memory(facts), *_on_window(facts), *_on_folders(facts)]
    return tuple(sorted(found, key=lambda advice: list(Level).index(advice.level)))


def _on_torch(facts: Facts) -> Iterator[Advice]:
    torch = facts.torch
    if not torch.version:
        remedy = "Install it anew."
        yield Advice(Level.BROKEN, f"torch cannot be loaded ({torch.problem}).", remedy, _reinstall())
    elif facts.system == "Darwin":
        yield from _on_apple(facts)
    elif facts.driver is not None and not torch.cards:
        yield _unused_card(facts, torch)
    elif facts.undriven_card and not torch.cards:
        text = "An NVIDIA card is in this machine, but its driver is missing or asleep: fits run on the processor."
        yield Advice(Level.HINT, text, "Install NVIDIA's driver for it, then run this again.")


def _unused_card(facts: Facts, torch: Torch) -> Advice:
    """Why torch does not use a card whose driver answers."""
    assert facts.driver is not None
    cards = " and ".join(sorted({card.name for card in facts.driver.cards})) or "An NVIDIA card"
    if facts.hidden_cards in ("", "-1"):
        text = f"{cards}: hidden from all programs, as CUDA_VISIBLE_DEVICES is {facts.hidden_cards!r}."
        return Advice(Level.HINT, text, "Unset that variable to use it.")
    build = _build_for(facts.driver.cuda)
    if build is None:
        text = f"{cards}: its driver {facts.driver.version} is too old for present builds of torch."
        return Advice(Level.WARNING, text, f"Update the driver to one that runs CUDA {min(_WHEELS)} or newer.")
    if not torch.cuda:
        kind = f"for ROCm {torch.rocm}" if torch.rocm else "for the processor only"
        text = f"{cards}: not used, as this torch was built {kind}."
        return Advice(Level.WARNING, text, f"Install the build for the card. {_OTHER_BUILDS}", _reinstall(build))
    text = f"{cards}: not used. torch was built for CUDA {torch.cuda}, the driver {facts.driver.version}"
    if _generation(facts.driver.cuda) < _generation(torch.cuda):
        remedy = f"Update the driver, or install the build that suits it. {_OTHER_BUILDS}"
        return Advice(Level.WARNING, f"{text} runs CUDA up to {facts.driver.cuda}.", remedy, _reinstall(build))
    remedy = "Restart the machine, as after an update of the driver; then look whether nvidia-smi names the card."
    return Advice(Level.WARNING, f"{text} should suit it, but torch finds no card.", remedy)


def _on_apple(facts: Facts) -> Iterator[Advice]:
    torch = facts.torch
    if facts.translated:
        text = "This Python was made for Intel processors and is being translated: slow, and without the graphics."
        yield Advice(Level.WARNING, text, "Install a Python for Apple silicon (arm64), and this package in it.")
    elif facts.machine == "arm64" and not torch.mps:
        why = "macOS is too old for it" if torch.mps_built else "this torch was built without it"
        remedy = "Update macOS." if torch.mps_built else "Install torch anew."
        command = "" if torch.mps_built else _reinstall()
        yield Advice(Level.HINT, f"The Apple graphics are not used: {why}.", remedy, command)


def _on_checks(facts: Facts) -> Iterator[Advice]:
    for check in facts.checks:
        fault = _fault(check)
        if fault:
            remedy, command = ("Install torch anew.", _reinstall()) if check.device == "cpu" else (_AVOID, "")
            yield Advice(Level.BROKEN, f"{check.device}: {fault}.", remedy, command)


def _fault(check: Check) -> str:
    if check.error is None:
        return f"cannot compute ({check.problem.rstrip('.')})"
    if check.error > TOLERANCE:
        return f"differs from double precision by {check.error:.1e} of a range, and not by less than {TOLERANCE:g}"
    return ""


def _on_memory(facts: Facts) -> Iterator[Advice]:
    for card in facts.torch.cards:
        if card.free < _LITTLE_CARD:
            text = f"{card.name} has {card.free:.1f} GB free of {card.memory:.1f}."
            remedy = "Close what else uses it. A fit that finds too little works in parts, then on the processor."
            yield Advice(Level.WARNING, text, remedy)
    if facts.free < _LITTLE_MEMORY:
        text = f"{facts.free:.1f} GB of memory are free. Reading and fitting a scan takes twice its size and 0.6 GB."
        yield Advice(Level.WARNING, text, "Close other programs, or give a smaller scan or mask.")


def _on_window(facts: Facts) -> Iterator[Advice]:
    window = facts.window
    if not window.napari:
        text = "napari is not installed: everything works but the viewer."
        yield Advice(Level.HINT, text, "Install it to see fits form.", INSTALL_VIEWER)
        return
    if not window.bindings:
        yield Advice(Level.BROKEN, "napari has no Qt to draw its window with.", "Install one.", INSTALL_VIEWER)
    elif window.asked and window.asked.lower() not in {name.lower() for name in window.bindings}:
        text = f"QT_API asks for {window.asked}, which is not installed; there is {', '.join(window.bindings)}."
        yield Advice(Level.BROKEN, text, "Unset that variable.")
    elif not window.display:
        remedy = "All but the viewer works. For the viewer, log in to a desktop or forward a display."
        yield Advice(Level.HINT, "There is no display.", remedy)
    elif window.problem:
        remedy = "Install the library that it names; on Debian and Ubuntu often libxcb-cursor0 or libegl1."
        yield Advice(Level.BROKEN, f"napari cannot open a window. {window.problem}", remedy)
    if set(window.bindings) & set(_RETIRED) and not set(window.bindings) - set(_RETIRED):
        text = f"{', '.join(window.bindings)}: a Qt that napari gives up."
        yield Advice(Level.WARNING, text, "Install PyQt6.", INSTALL_VIEWER)


def _on_folders(facts: Facts) -> Iterator[Advice]:
    for folder in facts.folders:
        if folder.problem:
            text = f"{folder.path}, where {folder.purpose} are kept, cannot be written to ({folder.problem})."
            yield Advice(Level.WARNING, text, "Make it writable, or they are lost.")


def _generation(cuda: str) -> int:
    """Its first number, by which drivers and builds suit one another; 0 where it is not known."""
    first = cuda.partition(".")[0]
    return int(first) if first.isdigit() else 0


def _build_for(cuda: str) -> str | None:
    """The newest build of torch that a driver runs; None if it runs none. One that does not say is taken for new."""
    if not cuda:
        return next(iter(_WHEELS.values()))
    return next((name for generation, name in _WHEELS.items() if generation <= _generation(cuda)), None)


def _reinstall(build: str = "") -> str:
    index = f" --index-url https://download.pytorch.org/whl/{build}" if build else ""
    return f"python -m pip install --force-reinstall torch{index}"
