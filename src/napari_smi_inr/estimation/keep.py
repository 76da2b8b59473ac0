"""Where a fit under way is kept, so that one that was cut short can go on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".checkpoint.safetensors"
"""Ending of a checkpoint's name."""

INTERVAL = 20.0
"""Seconds between two checkpoints, unless asked for otherwise."""


@dataclass(frozen=True)
class Keep:
    """What to do about checkpoints.

    Attributes
    ----------
    path
        The file; its folder is made when first needed. Whoever has the result removes it.
    resume
        Go on from there, instead of beginning anew.
    interval
        Seconds between two checkpoints at least: what is lost when the fit is killed.
    """

    path: Path
    resume: bool = False
    interval: float = INTERVAL
