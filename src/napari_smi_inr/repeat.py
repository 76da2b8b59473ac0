"""Fitting again as a record tells: the settings of a side-car or field file, and what has changed since.

Nothing heavy is imported here: the window reads settings before torch is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .checks.axes import ROLE as BVEC_AXES
from .errors import InputError
from .estimation.estimate import Estimate
from .estimation.settings import Settings
from .io.files import sidecar_of, user_path
from .io.json_text import read_json
from .io.noise import Noise
from .io.scan import B0_ROLE
from .io.sidecar import PROGRAM, versions
from .methods import make_settings
from .noise_level import NOISE_ESTIMATORS

_REMEDY = "Give the .json beside a map that 'smi-inr fit' wrote, or a field file."
_FOUND_OUT = "detail_used_mm"  # told beside the settings, and none of them


@dataclass(frozen=True)
class Recorded:
    """What a file tells of the fit it comes from.

    Attributes
    ----------
    path
        The file.
    settings
        Every setting by name, ``method`` among them, as found: unchecked.
    provenance
        Versions, device, what was read, and checksums, as far as they are told.
    quality
        How it went.
    """

    path: Path
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)

    @property
    def noise(self) -> Noise:
        """The noise as it was asked for, if not by a file: a number, or a word for how to estimate it."""
        asked = _mapping(self.provenance.get("read_from")).get("noise")
        if isinstance(asked, str):
            return asked if asked in NOISE_ESTIMATORS else None
        return asked if isinstance(asked, float) else None

    @property
    def b0_threshold(self) -> float | None:
        """The largest b-value that counted as b = 0 [s/mm²], if that was asked for."""
        asked = _mapping(self.provenance.get("read_from")).get(B0_ROLE)
        return asked if isinstance(asked, float) else None

    @property
    def bvec_axes(self) -> str | None:
        """The axes in which directions were taken, if not as in their file."""
        asked = _mapping(self.provenance.get("read_from")).get(BVEC_AXES)
        return asked if isinstance(asked, str) else None

    def again(self, **given: Any) -> Settings:
        """Settings as recorded, but for those ``given`` (``None`` leaves one as it was).

        Raises
        ------
        InputError
            If a recorded setting is none of the method or out of range, which names the file; or one that is given.
        """
        told = dict(self.settings)
        method = told.pop("method")
        given = {name: value for name, value in given.items() if value is not None}
        try:
            if empty := sorted(name for name, value in told.items() if value is None):
                raise InputError(empty[0], "has no value.", "Give it one, or leave it out.")
            make_settings(str(method), **{name: value for name, value in told.items() if name not in given})
        except InputError as error:
            fault = f"its setting {error.where!r} {error.fault}"
            raise InputError(self.path, fault, error.remedy + self._written_by_another()) from None
        return make_settings(str(method), **{**told, **given})

    def _written_by_another(self) -> str:
        then, now = _mapping(self.provenance.get("versions")).get(PROGRAM), versions()[PROGRAM]
        return "" if then in (None, now) else f" It was written by version {then}; this is {now}."


def read_recorded(path: str | Path) -> Recorded:
    """Read the settings of an earlier fit.

    Parameters
    ----------
    path
        The JSON beside a map, the map itself, or a field file; or a JSON object of settings, ``method`` among them.

    Raises
    ------
    InputError
        If the file is missing, damaged, or tells of no fit.
    """
    file = user_path(path)
    if file.suffix == ".safetensors":
        from .inr.field_file import open_field  # brings torch

        opened = open_field(file)
        return Recorded(file, opened.config.model_dump(), opened.record)
    file = sidecar_of(file) if file.name.endswith((".nii", ".nii.gz")) else file
    told = read_json(file, "JSON side-car")
    settings = told.get("Fit", told.get("settings", told))
    if not isinstance(settings, Mapping) or not isinstance(settings.get("method"), str):
        raise InputError(file, "tells of no fit: it names no method.", _REMEDY)
    kept = {name: value for name, value in settings.items() if name != _FOUND_OUT}
    return Recorded(file, kept, _mapping(told.get("Provenance")), _mapping(told.get("Quality")))


class Inputs(Protocol):
    """What a scan was read from: a :class:`~napari_smi_inr.dataset.DiffusionDataset`, or its files alone."""

    @property
    def read_from(self) -> Mapping[str, str | float]:
        """Names of files by role."""

    @property
    def checksums(self) -> Mapping[str, str]:
        """SHA-256 of the files, as the record of a fit tells them."""


def changed_inputs(recorded: Recorded, dataset: Inputs) -> list[str]:
    """Say in what the files read now differ from those of the recorded fit: then the result will, too."""
    then, sums = (_mapping(recorded.provenance.get(key)) for key in ("read_from", "inputs"))
    if not sums:
        return ["It tells no checksums: nothing shows whether these are the files of then."]
    if not then:  # a record of before roles were told
        return [text for name in sums for text in _compared(name, sums.get(name), dataset.checksums.get(name))]
    return list(_changes(then, sums, dataset))


def _changes(then: Mapping[str, Any], sums: Mapping[str, Any], dataset: Inputs) -> Iterator[str]:
    now = dataset.read_from
    for role in [*then, *(role for role in now if role not in then)]:
        if role not in now:
            yield f"{role}: {then[role]} was given then, and nothing is now."
        elif role not in then:
            yield f"{role}: {now[role]} is given now, and nothing was then."
        else:
            before, after = _sum(role, then[role], sums), _sum(role, now[role], dataset.checksums)
            if before is None and after is None and then[role] != now[role]:
                yield f"{role}: {then[role]} then, {now[role]} now."
            yield from _compared(str(now[role]), before, after)


def _compared(name: str, before: Any, after: Any) -> Iterator[str]:
    if before != after:
        words = [f"{str(each)[:12]}…" if each else "none" for each in (before, after)]
        yield f"{name} is not the file of then (SHA-256 {words[0]} then, {words[1]} now)."


def _sum(role: str, name: Any, sums: Mapping[str, Any]) -> Any:
    return sums.get(f"{role}: {name}", sums.get(str(name)))


def changed_making(recorded: Recorded, estimate: Estimate) -> list[str]:
    """Say in what a fit was made otherwise than the recorded one: then maps agree to rounding at best."""
    then, now = recorded.provenance, estimate.record
    before, after = (_mapping(each.get("versions")) for each in (then, now))
    told = [f"{name} {before[name]} then, {after.get(name)} now" for name in before if before[name] != after.get(name)]
    told += [
        f"{key} {then[key]} then, {now.get(key)} now"
        for key in ("system", "device", "threads")
        if key in then and then[key] != now.get(key)
    ]
    if _seeds(recorded.quality) != _seeds(estimate.quality):
        told.append("the network of then is gone, and another one was used")
    return told


def _seeds(quality: Mapping[str, Any]) -> Any:
    """Fingerprint of what a network was trained with; None where there is no network."""
    return _mapping(_mapping(quality.get("network")).get("seeds")).get("digest")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
