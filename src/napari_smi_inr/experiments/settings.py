"""What an experiment was asked to do: written to its folder, enough to repeat it."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import InputError
from ..estimation.settings import Seed
from ..methods import METHODS, make_settings, settings_class

ORDER = ("inr", "nlls", "smi", "nn")
"""The estimators that the paper compares, in the order of its figures."""

BRAIN, QUICK_BRAIN = 60_000, 3_000
"""Voxels of a phantom about as large as the paper's, and of one for a quick look."""

QUICK: dict[str, dict[str, Any]] = {"smi": {"n_training": 20_000}, "nn": {"vectors": 40_000}}
"""Settings by method that make a quick run quick: shorter preparations."""


def available_methods() -> tuple[str, ...]:
    """The paper's estimators that can be run."""
    return tuple(name for name in ORDER if name in METHODS)


class ScanFiles(BaseModel):
    """A scan on disk; see :func:`napari_smi_inr.load`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dwi: str
    mask: str | None = None
    bval: str | tuple[str, ...] | None = None
    bvec: str | tuple[str, ...] | None = None
    bdelta: str | tuple[str, ...] | None = None
    gradients: str | tuple[str, ...] | None = None
    b0_threshold: float | None = None
    noise: float | str | None = None
    grad_dev: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What is not left to be found beside the scan."""
        return {key: value for key, value in self.model_dump().items() if value is not None}


class ExperimentSettings(BaseModel):
    """Everything that decides the outcome of an experiment."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    experiment: str = Field(description="1 to 6, A to D")
    quick: bool = Field(False, description=f"a look in minutes: {QUICK_BRAIN} voxels")
    voxels: int | None = Field(None, ge=1, description="size of the truth in voxels, about")
    methods: tuple[str, ...] = Field(default_factory=available_methods, description="estimators to compare")
    snr: tuple[float, ...] = Field((50.0,), description="signal-to-noise ratios at b = 0; inf for no noise")
    lmax: int = Field(2, ge=2, le=8, multiple_of=2, description="order of the FODs, where it is not the question")
    seed: Seed = Field(0, description="of the noise, the protocol, every choice by chance and every fit")
    device: str = Field("auto", description="where fits run: auto, cpu, cuda")
    truth: str | None = Field(None, description="folder of maps taken as the truth instead of the phantom")
    from_scan: ScanFiles | None = Field(None, description="scan whose fitted maps are taken as the truth")
    scan: ScanFiles | None = Field(None, description="scan of a living brain")
    overrides: dict[str, dict[str, Any]] = Field(default_factory=dict, description="settings by method")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.truth and self.from_scan:
            raise ValueError("truth and from_scan cannot both be given")
        if not self.snr or not all(value > 0 for value in self.snr):
            raise ValueError("every SNR must be above 0")
        return self

    @classmethod
    def checked(cls, **given: Any) -> Self:
        """Settings from values by name; ``None`` leaves one as it is.

        Raises
        ------
        InputError
            If a name is unknown, a value is out of range, or a method or one of its settings does not exist.
        """
        try:
            made = cls.model_validate({key: value for key, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            where = str(first["loc"][0]) if first["loc"] else "settings"
            known = f"The settings are: {', '.join(cls.model_fields)}."
            raise InputError(where, f"{first['msg'].removeprefix('Value error, ')}.", known) from None
        if not made.methods:
            raise InputError("methods", "there is none.", f"Choose from: {', '.join(METHODS)}.")
        if strangers := [name for name in made.overrides if name not in made.methods]:
            told = f"{strangers} have settings, but are not among the methods to run."
            raise InputError("overrides", told, f"These are: {', '.join(made.methods)}.")
        for method in made.methods:
            make_settings(method, **made.of_method(method))
        return made

    @property
    def truth_voxels(self) -> int | None:
        """Size of the truth; None for as many as the maps have."""
        if self.voxels is not None:
            return self.voxels
        if self.quick:
            return QUICK_BRAIN
        return None if self.truth or self.from_scan else BRAIN

    def of_method(self, method: str, **more: Any) -> dict[str, Any]:
        """Settings of a fit: this run's seed, device and order, a quick run's and the user's own, and ``more``.

        What the user asks for goes first, except for ``more``, which the experiment is about.
        """
        table = settings_class(method)
        general = {"seed": self.seed, "device": self.device, "lmax": self.lmax}
        settings = {key: value for key, value in general.items() if key in table.model_fields}
        quick = QUICK.get(method, {}) if self.quick else {}
        return {**settings, **quick, **self.overrides.get(method, {}), **more}
