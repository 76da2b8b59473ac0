"""Fits that were cut short: kept for the user, by scan and settings, to go on with another time."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

from ...dataset import DiffusionDataset
from ...errors import InputError
from ...estimation.keep import SUFFIX, Keep
from ...estimation.settings import Settings
from ...methods import make_settings

_LONGEST = 30 * 86400.0
"""Seconds that nobody has asked for a fit, after which it is removed."""


@dataclass(frozen=True)
class KeptFit:
    """A fit that can go on.

    Attributes
    ----------
    keep
        Where it is.
    config
        What it was asked to do.
    fraction
        Share of the work done.
    """

    keep: Keep
    config: Settings
    fraction: float

    @property
    def text(self) -> str:
        """It in words."""
        return f"A fit of this scan was cut short at {self.fraction:.0%}."


def fits_folder() -> Path:
    """The user's own folder for them."""
    return platformdirs.user_state_path("napari-smi-inr", appauthor=False) / "fits"


def place_for(dataset: DiffusionDataset, config: Settings) -> Keep:
    """Where a new fit is kept."""
    settings = hashlib.sha256(json.dumps(config.model_dump(), sort_keys=True).encode()).hexdigest()
    return Keep(fits_folder() / f"{_scan(dataset)}-{settings[:16]}{SUFFIX}")


def find_fit(dataset: DiffusionDataset) -> KeptFit | None:
    """The latest fit of a scan that was cut short; those of long ago, of any scan, are removed."""
    _tidy()
    found = sorted(fits_folder().glob(f"{_scan(dataset)}-*{SUFFIX}"), key=_age)
    if not found:
        return None
    from ...inr.checkpoint import peek  # brings torch

    with suppress(InputError):  # damaged: of no use to anyone
        checkpoint = peek(found[0])
        return KeptFit(Keep(found[0], resume=True), make_settings(**checkpoint.config), checkpoint.fraction)
    return None


def forget_fit(keep: Keep) -> None:
    """Remove it."""
    with suppress(OSError):  # never written, or gone
        keep.path.unlink()


def _tidy() -> None:
    for path in fits_folder().glob("*"):
        if _age(path) > _LONGEST:
            with suppress(OSError):
                path.unlink()


def _age(path: Path) -> float:
    """Seconds since it was written."""
    with suppress(OSError):
        return time.time() - path.stat().st_mtime
    return 0.0


def _scan(dataset: DiffusionDataset) -> str:
    """What tells one scan's fits from another's, at once where it comes from files; what is kept knows it exactly."""
    if not dataset.checksums:
        return dataset.digest[:32]
    digest = hashlib.sha256(json.dumps(sorted(dataset.checksums.items())).encode())
    for part in (dataset.mask, np.asarray(dataset.noise if dataset.noise is not None else 0.0)):
        digest.update(part.tobytes())
    return digest.hexdigest()[:32]
