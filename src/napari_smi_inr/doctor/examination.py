"""The whole examination: facts gathered from this machine, advice on them, and both in words or as JSON."""

from __future__ import annotations

import dataclasses
import os
import platform
from dataclasses import dataclass
from typing import Any

from . import hardware, software
from .advice import Advice, Level, advise
from .facts import Facts
from .report import NOTHING, report
from .self_check import check_devices


@dataclass(frozen=True)
class Examination:
    """What was found, and what to do about it.

    Attributes
    ----------
    facts
        Of the machine.
    advice
        On them, what matters most first.
    """

    facts: Facts
    advice: tuple[Advice, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is broken."""
        return not any(advice.level is Level.BROKEN for advice in self.advice)

    @property
    def text(self) -> str:
        """All of it in plain text."""
        return report(self.facts, self.advice)

    @property
    def in_short(self) -> str:
        """The advice alone, for where lines are broken as they fit."""
        return "\n\n".join(f"{advice.in_words}\n{advice.command}".rstrip() for advice in self.advice) or NOTHING

    def as_json(self) -> dict[str, Any]:
        """All of it in strict JSON."""
        told = {"sound": self.sound, "advice": [dataclasses.asdict(advice) for advice in self.advice]}
        return {**told, "facts": dataclasses.asdict(self.facts)}


def examine() -> Examination:
    """Look at this machine; takes some seconds, as torch and Qt are tried."""
    facts = gather()
    return Examination(facts, advise(facts))


def gather() -> Facts:
    """Find out all there is to know."""
    memory, free = hardware.memory()
    torch, driver = hardware.installed_torch(), hardware.nvidia_driver()
    return Facts(
        system=platform.system(),
        machine=platform.machine(),
        translated=hardware.is_translated(),
        python=platform.python_version(),
        cores=hardware.cores(),
        memory=memory,
        free=free,
        torch=torch,
        driver=driver,
        undriven_card=driver is None and hardware.has_nvidia_card(),
        hidden_cards=os.environ.get("CUDA_VISIBLE_DEVICES"),
        window=software.window(),
        extras=software.missing_of_extras(),
        folders=software.folders(),
        checks=check_devices() if torch.version else (),
        versions=software.versions(),
    )
