"""The contract all methods keep: what a fit gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition
from ..sampling.field import Field
from .settings import Settings


class Estimate(Field, Protocol):
    """Standard Model parameters fitted to a scan: maps with the same names, whatever the method.

    The INR's :class:`~napari_smi_inr.FittedField` and the voxel-wise methods'
    :class:`~napari_smi_inr.VoxelFit` are estimates. As a :class:`~napari_smi_inr.sampling.field.Field`
    each can be sampled between voxels, where the latter interpolate.
    """

    @property
    def config(self) -> Settings:
        """What the fit was asked to do."""

    @property
    def lmax(self) -> int:
        """Highest SH order of the FOD."""

    @property
    def scale(self) -> float:
        """Typical b = 0 signal of the scan, in its own units."""

    @property
    def acquisition(self) -> Acquisition:
        """Protocol of the scan."""

    @property
    def record(self) -> Mapping[str, Any]:
        """Provenance: versions, device, input checksums and notes."""

    @property
    def training(self) -> Mapping[str, Any]:
        """How the fit went, and how its error compares with the noise."""

    @property
    def quality(self) -> Mapping[str, Any]:
        """What to look at before trusting the maps."""

    def evaluate(self, points_mm: NDArray[np.floating]) -> dict[str, NDArray[np.float32]]:
        """(N,) parameters by symbol, and under ``"fod"`` (N, C) SH coefficients, at (N, 3) RAS positions [mm]."""

    def maps(self) -> dict[str, NDArray[np.float32]]:
        """(X, Y, Z) maps by symbol (Di, De, Dp, f, S0, p2), NaN outside the mask."""

    def fod_map(self) -> NDArray[np.float32]:
        """(X, Y, Z, C) SH coefficients (orthonormal real, MRtrix basis, scanner axes), zero outside the mask."""

    def predict_voxels(
        self,
        acquisition: Acquisition | None = None,
        deviation: NDArray[np.floating] | None = None,
        voxels: NDArray[np.intp] | None = None,
    ) -> NDArray[np.float64]:
        """(N, V) noise-free signal in the N voxels of the mask, in the scan's units, for any protocol.

        With (N, 3, 3) matrices ``deviation`` (:attr:`~napari_smi_inr.DiffusionDataset.voxel_deviation`), that of
        non-uniform gradients, exact for every shape. With (n,) indices of ``voxels``, in those alone, to which the
        deviation then belongs.
        """

    def telling(self, more: Mapping[str, Any]) -> Self:
        """Give the same estimate with more to tell of its quality."""
