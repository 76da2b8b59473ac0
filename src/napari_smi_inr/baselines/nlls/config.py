"""What a fit by nonlinear least squares was asked to do."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ...estimation.settings import Settings

STARTS = (
    (2.0, 0.6, 0.6, 0.2),
    (0.6, 3.4, 0.6, 0.5),
    (1.2, 0.6, 0.6, 0.8),
    (1.2, 0.6, 1.1, 0.2),
    (0.6, 2.4, 0.3, 0.8),
    (1.2, 3.4, 0.3, 0.2),
)
"""Di, De, Dp [µm²/ms] and f to start from, the first two on either branch (Di > De and Di < De).

Chosen from a grid of 144, each to leave the fewest simulated voxels short of the best minimum that any of the grid
reached. Of 3000 other voxels, with Di and De drawn from 0.3 to 3.5, Dp from 0.1 to 1.4 and f from 0.05 to 0.95, the
first three missed the best known minimum in 0.3 % without noise and in 2.0 % at SNR 50.
"""


class NllsConfig(Settings):
    """Everything that decides the outcome of a fit by nonlinear least squares."""

    method: Literal["nlls"] = "nlls"
    lmax: int = Field(2, ge=0, le=8, multiple_of=2, description="highest SH order of the FOD")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1; it needs double precision")
    starts: int = Field(
        3, ge=1, le=len(STARTS), description="starting points tried in each voxel; the lowest cost is kept"
    )
    max_iterations: int = Field(100, ge=1, le=100_000, description="iterations from each start, at most")
    tolerance: float = Field(
        1e-8, gt=0, lt=1, description="an iteration that lowers the cost by a smaller share is the last"
    )
    ridge: float = Field(
        1e-10,
        ge=0,
        le=1,
        description="pull of the FOD's orders above 0 towards zero, relative to what undamped measurements tell; "
        "the default only keeps orders finite that the data do not tell at all",
    )
