"""One scan's fit as a task: all that a worker on whatever machine needs to know, and what it answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..estimation.keep import INTERVAL, SUFFIX
from ..io.noise import Noise
from .companions import MASKS
from .scans import Scan
from .shapes import ShapeTable

Status = Literal["fitted", "kept", "failed", "stopped"]
"""What became of a scan: fitted now, done before and untouched, broken, or cut short."""

RECORD = "_model-sm_quality.json"
"""Ending of the name of the record of a fit, which is written last."""

SOURCE = "preprocessed"
"""What a cohort's folder calls the data set that its scans are from."""

WORK = ".work"
"""Folder of what is only needed while a cohort is fitted."""


@dataclass(frozen=True)
class Request:
    """What is asked for, the same for every scan.

    Attributes
    ----------
    out
        The cohort's folder.
    settings
        Of the fit, by name, ``method`` among them.
    noise, bvec_axes
        As for :func:`napari_smi_inr.load`; a noise map cannot be the same for all scans.
    table
        Shapes by scan, if a table was given.
    masks, mask_root
        As for :func:`~.companions.companions_of`.
    grad_dev
        Whether each scan is corrected for the non-uniformity of the gradients, by the image of it beside the scan.
    keep_every
        Seconds between two checkpoints.
    stop
        While this file is there, fits end where they stand.
    """

    out: Path
    settings: Mapping[str, Any]
    noise: Noise = None
    bvec_axes: str | None = None
    table: ShapeTable | None = None
    masks: Sequence[str] = MASKS
    mask_root: Path | None = None
    grad_dev: bool = False
    keep_every: float = INTERVAL
    stop: Path | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the results beside the files: a fit with another is another fit."""
        settings = {name: value for name, value in self.settings.items() if name != "device"}
        asked = {"settings": settings, "noise": self.noise, "bvec_axes": self.bvec_axes}
        asked |= {"grad_dev": True} if self.grad_dev else {}
        plain: dict[str, Any] = json.loads(json.dumps(asked))  # as it comes back from a file
        return plain


@dataclass(frozen=True)
class Task:
    """The fit of one scan.

    Attributes
    ----------
    scan
        What to fit.
    request
        How.
    """

    scan: Scan
    request: Request

    @property
    def name(self) -> str:
        """Of the scan, as its results are called."""
        return self.scan.name

    @property
    def folder(self) -> Path:
        """Where its results go."""
        return self.request.out / self.scan.place

    @property
    def record(self) -> Path:
        """The record of the fit, written when everything else is."""
        return self.folder / f"{self.name}{RECORD}"

    @property
    def picture(self) -> Path:
        """Its maps as a picture, for the report."""
        return self.request.out / f"sub-{self.scan.subject}" / "figures" / f"{self.name}_model-sm_dwimap.png"

    @property
    def checkpoint(self) -> Path:
        """The fit under way."""
        return self.request.out / WORK / f"{self.name}{SUFFIX}"

    @property
    def begun(self) -> Path:
        """Tells, while the fit is under way, who began it and how often."""
        return self.request.out / WORK / f"{self.name}.begun.json"

    @property
    def told(self) -> dict[str, Any]:
        """What BIDS asks the side-car of every map to tell: whence it comes, where it lies, what was left out."""
        source = f"bids:{SOURCE}:{self.scan.dwi.relative_to(self.scan.root).as_posix()}"
        return {"Sources": [source], "SpatialReference": source, "SkullStripped": True}

    @property
    def key(self) -> str:
        """Name of the task on a cluster: the same task has the same, also in another run."""
        digest = hashlib.sha256(repr((self.scan, self.request.out, self.request.identity)).encode())
        return f"smi-inr-{self.name}-{digest.hexdigest()[:16]}"


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes
    ----------
    name
        Of the scan.
    status
        See :data:`Status`.
    seconds
        Worked on it now.
    error
        What is wrong, in words.
    notes
        What else there is to know, a sentence each.
    """

    name: str
    status: Status
    seconds: float = 0.0
    error: str = ""
    notes: tuple[str, ...] = field(default=())
