"""What a fit was asked to do: saved beside every result, enough to repeat it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import InputError

Loss = Literal["mse", "rician"]
Preset = Literal["fast", "paper"]


class FitConfig(BaseModel):
    """Everything that decides the outcome of a fit.

    Make one with :meth:`from_preset`; the defaults are those of ``fast``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Preset = "fast"
    lmax: int = Field(4, ge=0, le=8, multiple_of=2, description="highest SH order of the FOD")
    loss: Loss = "mse"
    seed: int = 0
    device: str = "auto"
    detail: float | Literal["auto"] = Field("auto", description="finest detail of the field [mm]; 'auto' probes a few")
    epochs: int = Field(120, ge=1)
    held_out: float = Field(0.05, ge=0, le=0.5, description="share of the volumes kept from training")
    nonnegativity: float = Field(5.0, ge=0, description="weight of the FOD non-negativity term")
    features: int = Field(128, ge=1, description="random Fourier frequencies (each gives sine and cosine)")
    width: int = Field(128, ge=1)
    layers: int = Field(3, ge=1, description="fully connected hidden layers")
    share_hidden: bool = Field(False, description="all hidden layers after the first use one weight matrix, as the published code does")
    batch_size: int = Field(256, ge=1)
    learning_rate: float = Field(4e-3, gt=0)

    @classmethod
    def from_preset(cls, preset: str = "fast", **overrides: Any) -> FitConfig:
        """A preset with some settings replaced.

        Raises
        ------
        InputError
            If the preset is unknown or a value is out of range; the message names the setting.
        """
        raise NotImplementedError
