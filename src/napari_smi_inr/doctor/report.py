"""Facts and advice in plain text, the same on the command line and in the viewer."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from ..io.sidecar import PROGRAM
from .advice import Advice
from .facts import Check, Facts, Folder, Torch
from .self_check import TOLERANCE
from .software import BINDINGS

NOTHING = "Nothing to mend."
"""Said where there is no advice to give."""

_WIDTH = 100
_LABELS = 16

Rows = Iterator[tuple[str, str]]


def report(facts: Facts, advice: Sequence[Advice]) -> str:
    """Tell everything: what to do last, where it is seen."""
    head = f"{PROGRAM} {facts.versions.get(PROGRAM, '')} on {facts.system} {facts.machine}, Python {facts.python}"
    sections = {
        "Computing": _computing(facts),
        "Window": _window(facts),
        "Extras": _extras(facts),
        "Folders": ((folder.purpose, _folder(folder)) for folder in facts.folders),
        "Versions": iter(facts.versions.items()),
    }
    told = [f"{title}\n" + "\n".join(_row(*row) for row in rows) for title, rows in sections.items()]
    return "\n\n".join([head, *told, what_to_do(advice)])


def what_to_do(advice: Sequence[Advice]) -> str:
    """Tell the advice alone."""
    if not advice:
        return NOTHING
    return "What to do\n" + "\n".join(_advice(each) for each in advice)


def _computing(facts: Facts) -> Rows:
    yield "torch", _torch(facts.torch)
    yield "processor", f"{_number(facts.cores, 'core')}, {_number(facts.torch.threads, 'thread')} of torch"
    yield "memory", f"{facts.free:.1f} GB free of {facts.memory:.1f}"
    for card in facts.torch.cards:
        yield "graphics card", f"{card.name}, {card.free:.1f} GB free of {card.memory:.1f}"
    if facts.torch.mps:
        yield "graphics card", "Apple's; in single precision, so NLLS runs on the processor"
    if facts.driver is not None:
        yield "NVIDIA driver", f"{facts.driver.version}, runs CUDA up to {facts.driver.cuda or 'an unknown version'}"
    for check in facts.checks:
        yield "check", _check(check)


def _torch(torch: Torch) -> str:
    if not torch.version:
        return f"cannot be loaded ({torch.problem})"
    kinds = {"CUDA": torch.cuda, "ROCm": torch.rocm, "Apple graphics": " " if torch.mps_built else ""}
    built = [f"{kind} {found}".strip() for kind, found in kinds.items() if found]
    return f"{torch.version}, built for {' and '.join(built) if built else 'the processor only'}"


def _check(check: Check) -> str:
    if check.error is None:
        return f"{check.device}: cannot compute ({check.problem})"
    word, by = ("agrees with", "to") if check.error <= TOLERANCE else ("differs from", "by")
    return f"{check.device} {word} double precision {by} {check.error:.0e} of a range ({TOLERANCE:g} allowed)"


def _window(facts: Facts) -> Rows:
    window = facts.window
    yield "napari", window.napari or "not installed"
    found = ", ".join(f"{name} {version}" for name, version in window.bindings.items())
    asked = f"; QT_API asks for {window.asked}" if window.asked and len(window.bindings) != 1 else ""
    yield "Qt", (found or "not installed") + asked
    yield "display", window.problem.rstrip(".") or "a window can be opened"


def _extras(facts: Facts) -> Rows:
    for extra, missing in facts.extras.items():
        if not missing:
            yield extra, "installed"
        elif set(missing) <= set(BINDINGS) and facts.window.bindings:  # one Qt is enough
            yield extra, f"not needed beside {', '.join(facts.window.bindings)}"
        else:
            yield extra, f'without {", ".join(missing)}: python -m pip install "{PROGRAM}[{extra}]"'


def _folder(folder: Folder) -> str:
    return f"{folder.path} ({folder.problem})" if folder.problem else folder.path


def _advice(advice: Advice) -> str:
    lines = _wrap(advice.in_words, "  ", "    ")
    return "\n".join([lines, *([f"      {advice.command}"] if advice.command else [])])


def _row(label: str, text: str) -> str:
    return _wrap(text, f"  {label:<{_LABELS}} ", " " * (_LABELS + 3))


def _wrap(text: str, first: str, others: str) -> str:
    """Running text in lines; paths and commands in it are never broken."""
    wrapper = textwrap.TextWrapper(_WIDTH, first, others, break_long_words=False, break_on_hyphens=False)
    return wrapper.fill(text)


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' if count != 1 else ''}"
