"""What a fit was asked to do: saved beside every result, enough to repeat it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..errors import InputError
from ..estimation.settings import Seed, Settings

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {},
    "paper": {
        "detail": "field-of-view",
        "epochs": 150,
        "held_out": 0.0,
        "grow": False,
        "features": 5000,
        "width": 2048,
        "layers": 4,
        "activation": "relu",
        "share_hidden": True,
        "scale": "image",
        "clip_negative": True,
        "start_from_data": False,
        "batch_size": 500,
        "learning_rate": 1e-4,
        "beta2": 0.999,
        "weight_decay": 0.0,
        "schedule": "decay",
    },
}
"""What each preset sets apart from the defaults of :class:`FitConfig`, which are those of ``fast``.

``paper`` is the published set-up: arXiv 2506.15762, section 2.4, and what only its code states, namely
the learning rate's decay by 1 % an epoch, the batch of 500, one matrix for both middle layers, the
brightness of the whole image, not of the mask alone, as unit, and nothing below zero.
"""


class FitConfig(Settings):
    """Everything that decides the outcome of a fit of the INR; make one with :meth:`from_preset`.

    Where `grow` is set, the sizes are those for a small scan (:mod:`napari_smi_inr.inr.capacity`).
    """

    method: Literal["inr"] = "inr"
    preset: Literal["fast", "paper"] = "fast"
    lmax: int = Field(4, ge=0, le=8, multiple_of=2, description="highest SH order of the FOD")
    loss: Literal["mse", "rician"] = Field("mse", description="rician needs the noise level")
    seed: Seed = 0
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    detail: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["auto", "field-of-view"] = Field(
        "auto",
        description="finest detail of the field [mm]; 'auto' reads it from the data, 'field-of-view' is as published",
    )
    epochs: int = Field(48, ge=1, le=100_000)
    held_out: float = Field(0.05, ge=0, le=0.5, description="share of the volumes kept from training")
    voxel_average: bool = Field(
        False,
        description="predict what a scanner measures, the average over a voxel, rather than the signal at its centre; "
        "finer structure for two to three times the work",
    )
    correct_gradients: bool = Field(
        True, description="fit each voxel with the gradients it saw, where the scan comes with their deviation"
    )
    gradient_model: Literal["reduced", "exact"] = Field(
        "reduced",
        description="deviating b-tensors, unless linear, to first order in their asymmetry, or, slower, as they are",
    )
    nonnegativity: float = Field(5.0, ge=0, description="weight of the FOD non-negativity term")
    grow: bool = Field(True, description="let features, width and batch size grow with the number of voxels")
    features: int = Field(128, ge=1, le=100_000, description="random frequencies, each giving a sine and a cosine")
    width: int = Field(128, ge=1, le=16_384, description="units of a hidden layer")
    layers: int = Field(3, ge=1, le=64, description="hidden layers")
    activation: Literal["relu", "gelu", "silu"] = "silu"
    share_hidden: bool = Field(
        False, description="hidden layers between first and last use one weight matrix, as the published code does"
    )
    scale: Literal["mask", "image"] = Field(
        "mask", description="where the typical b = 0 signal is read that the network calls 1; 'image' as published"
    )
    clip_negative: bool = Field(
        False,
        description="take signals below zero for zero, as published; where noise is Gaussian this makes a noise floor",
    )
    start_from_data: bool = Field(True, description="start the heads at values typical of white matter")
    batch_size: int = Field(128, ge=1, le=1 << 20, description="voxels a step")
    learning_rate: float = Field(1e-2, gt=0)
    beta2: float = Field(
        0.99, gt=0, lt=1, description="Adam's memory of squared gradients; fits of few steps need less"
    )
    weight_decay: float = Field(
        100.0, ge=0, description="pull of the weights towards zero, times the variance of the noise where b = 0 is 1"
    )
    schedule: Literal["one-cycle", "decay"] = "one-cycle"

    @classmethod
    def from_preset(cls, preset: str = "fast", **overrides: Any) -> FitConfig:
        """A preset with some settings replaced (``None`` leaves a setting as it is).

        Raises
        ------
        InputError
            If the preset is unknown or a value is out of range; the message names the setting.
        """
        if preset not in PRESETS:
            raise InputError("preset", f"there is no preset {preset!r}.", f"Choose one of: {', '.join(PRESETS)}.")
        given = {key: value for key, value in overrides.items() if value is not None}
        return cls.checked(preset=preset, **{**PRESETS[preset], **given})
