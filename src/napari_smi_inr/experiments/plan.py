"""What an experiment is made of: the scans it needs and the fits it runs on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from ..signal_model.noise import NoiseKind
    from .lab import Lab
    from .outcome import Outcome
    from .report import Presentation


@dataclass(frozen=True)
class SimulatedScan:
    """A scan of the truth.

    Attributes
    ----------
    snr, noise
        Signal over noise at b = 0 (inf for none), and its kind.
    lmax
        Order of the true FODs.
    subvoxel
        Points along a voxel's edge over which its signal is averaged.
    deviation
        Largest relative deviation of the gradients from those asked for.
    """

    snr: float = 50.0
    noise: NoiseKind = "gaussian"
    lmax: int = 2
    subvoxel: int = 1
    deviation: float = 0.0

    @property
    def title(self) -> str:
        """The scan in a few words."""
        words = [f"SNR {snr_text(self.snr)}"]
        words += ["Rician noise"] if self.noise == "rician" else []
        words += [f"lmax {self.lmax}"]
        words += [f"gradients ± {100 * self.deviation:g} %"] if self.deviation else []
        return ", ".join(words)


@dataclass(frozen=True)
class MeasuredScan:
    """A scan of a living brain, whole or with a part left out to be predicted.

    Attributes
    ----------
    part
        ``"whole"``; ``"volumes"``: all but a random tenth of the volumes; ``"voxels"``: every other voxel.
    uniform
        Whether the non-uniformity of the gradients is forgotten.
    """

    part: Literal["whole", "volumes", "voxels"] = "whole"
    uniform: bool = False

    @property
    def title(self) -> str:
        """The scan in a few words."""
        return {"whole": "whole scan", "volumes": "nine tenths of the volumes", "voxels": "every other voxel"}[
            self.part
        ]


Scan = SimulatedScan | MeasuredScan


@dataclass(frozen=True)
class Run:
    """One fit.

    Attributes
    ----------
    label
        Its folder's name.
    title
        What figures call it.
    scan
        What is fitted.
    method
        Its short name in :data:`napari_smi_inr.methods.METHODS`.
    settings
        Of the method.
    tags
        What sets it apart, as further columns of ``metrics.csv``.
    """

    label: str
    title: str
    scan: Scan
    method: str
    settings: Mapping[str, Any]
    tags: Mapping[str, Any] = field(default_factory=dict)


class Plan(NamedTuple):
    """How an experiment is done and shown.

    Attributes
    ----------
    runs
        The fits, from the scans at hand and the settings they came with.
    present
        What the report says of them.
    """

    runs: Callable[[Lab], list[Run]]
    present: Callable[[Outcome], Presentation]


def snr_text(snr: float) -> str:
    """A signal-to-noise ratio as tables write it."""
    return "∞" if math.isinf(snr) else f"{snr:g}"


def snr_label(snr: float) -> str:
    """A signal-to-noise ratio as file names write it."""
    return f"snr{'inf' if math.isinf(snr) else f'{snr:g}'}"
