"""What an SMI fit was asked to do."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ...estimation.settings import Seed, Settings


class SmiConfig(Settings):
    """Settings of the polynomial regression; the defaults are the published ones."""

    method: Literal["smi"] = "smi"
    lmax: int = Field(4, ge=0, le=8, multiple_of=2, description="highest SH order of the FOD")
    n_training: int = Field(100_000, ge=1000, le=2_000_000, description="simulated voxels to learn from")
    degree: int = Field(3, ge=1, le=4, description="degree of the polynomial in the rotational invariants")
    noise_levels: int = Field(10, ge=1, le=50, description="noise levels between 0 and 0.2 of S0 to learn for")
    rician_correction: bool = Field(
        False, description="take the noise's share out of magnitude images, S² - σ², before anything else"
    )
    seed: Seed = 0
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1; solves the regression in double precision")
