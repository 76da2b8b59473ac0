"""What a fit by the supervised network was asked to do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from ...estimation.settings import Seed, Settings

LOWEST_SNR = 5.0
"""Below, single b = 0 measurements, which everything is divided by, may come out near zero."""


class NetworkConfig(Settings):
    """Settings of the supervised network; the defaults are those of arXiv 2506.15762 where it states them.

    The optimiser is Adam in mini-batches with a learning rate that falls along half a cosine; the published
    script follows scaled conjugate gradients over all vectors at once, which has no such settings.
    """

    method: Literal["nn"] = "nn"
    lmax: int = Field(2, description="order of the FOD; the network's targets are its five coefficients of order 2")
    seed: Seed = 0
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    vectors: int = Field(500_000, ge=100, description="simulated voxels; a quarter of them validate")
    brain: float = Field(0.5, ge=0, le=1, description="share of them around NLLS fits of the scan, the rest uniform")
    snr: Annotated[float, Field(ge=LOWEST_SNR)] | Literal["auto"] = Field(
        50.0, description="of their Gaussian noise, at b = 0; 'auto' takes the scan's own"
    )
    epochs: int = Field(40, ge=1, le=10_000, description="passes over the vectors, at most")
    patience: int = Field(5, ge=1, description="validation checks without a new best after which training ends")
    batch_size: int = Field(250, ge=1)
    learning_rate: float = Field(3e-3, gt=0)
    reuse: Literal["protocol", "scan"] = Field(
        "protocol", description="use a kept network trained for the same protocol, or only one trained on this scan"
    )
    cache: str = Field("auto", description="folder that keeps trained networks; 'auto' is the user's, 'off' keeps none")

    @field_validator("lmax")
    @classmethod
    def _only_order_two(cls, lmax: int) -> int:
        if lmax != 2:
            reason = "the network is made for the five FOD coefficients of order 2 and knows no other order"
            raise PydanticCustomError("order", reason)
        return lmax
