"""The result of a voxel-wise fit: one set of parameters for each voxel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition
from ..parameters import FOD, SCALARS
from ..sampling.grid_field import GridField
from ..signal_model.standard_model import predict_signal
from .record import share_at_bound
from .settings import Settings


@dataclass(frozen=True, eq=False)
class VoxelFit:
    """Standard Model parameters voxel by voxel.

    Attributes
    ----------
    config
        What the fit was asked to do, its method included.
    scalars
        (N, 6) columns Di, De, Dp [µm²/ms], f, S0 [signal], p2; voxels in C order of the mask.
    fod
        (N, C) orthonormal real SH coefficients, MRtrix basis, scanner axes.
    affine
        (4, 4) from the scan's voxel indices to RAS millimetres.
    mask
        (X, Y, Z) the N voxels.
    scale
        Typical b = 0 signal of the scan.
    acquisition
        Protocol of the scan.
    record
        Provenance: versions, device, input checksums and notes.
    training
        How the fit went.
    noise
        (N,) standard deviation of the noise [signal] that the method went by; None where it needs none.
    """

    config: Settings
    scalars: NDArray[np.float32]
    fod: NDArray[np.float32]
    affine: NDArray[np.float64]
    mask: NDArray[np.bool_]
    scale: float
    acquisition: Acquisition
    record: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    noise: NDArray[np.floating] | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Symbols of the columns of :attr:`scalars`: Di, De, Dp, f, S0, p2."""
        return SCALARS

    @property
    def lmax(self) -> int:
        """Highest SH order of the FOD."""
        return self.config.lmax

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the scan along each axis."""
        x, y, z = self.mask.shape
        return x, y, z

    @cached_property
    def quality(self) -> dict[str, Any]:
        """What to look at before trusting the maps: :attr:`training`, and the share of voxels at a bound by symbol."""
        return {**self.training, "share_at_bound": share_at_bound(self.scalars)}

    def maps(self) -> dict[str, NDArray[np.float32]]:
        """(X, Y, Z) maps by symbol, NaN outside the mask; made once, so not to be written to."""
        return dict(self._maps)

    @cached_property
    def _maps(self) -> dict[str, NDArray[np.float32]]:
        return {symbol: self._on_grid(values) for symbol, values in zip(SCALARS, self.scalars.T, strict=True)}

    def noise_map(self) -> NDArray[np.float32] | None:
        """(X, Y, Z) map of :attr:`noise`, NaN outside the mask; None where there is none."""
        return None if self.noise is None else self._on_grid(self.noise)

    def _on_grid(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        grid = np.full(self.shape, np.nan, dtype=np.float32)
        grid[self.mask] = values
        return grid

    def fod_map(self) -> NDArray[np.float32]:
        """(X, Y, Z, C) SH coefficients on the scan's grid, zero outside the mask."""
        fod = np.zeros((*self.shape, self.fod.shape[1]), dtype=np.float32)
        fod[self.mask] = self.fod
        return fod

    def sample(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, 6) scalars at (N, 3) RAS positions [mm], interpolated linearly between voxels."""
        return self._between.sample(points_mm)

    def evaluate(self, points_mm: NDArray[np.floating]) -> dict[str, NDArray[np.float32]]:
        """Every parameter at (N, 3) RAS positions [mm], interpolated linearly between voxels.

        Returns
        -------
        (N,) values by symbol, and under ``"fod"`` the (N, C) orthonormal real SH coefficients.
        """
        scalars = dict(zip(SCALARS, self.sample(points_mm).T, strict=True))
        return {**scalars, FOD: self._fod_between.sample(points_mm)}

    def sample_orientation(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, 6 + 5) scalars and the FOD's l = 2 coefficients at (N, 3) RAS positions [mm], interpolated linearly."""
        return np.concatenate([self.sample(points_mm), self._second_between.sample(points_mm)], axis=1)

    @cached_property
    def _between(self) -> GridField:
        return GridField(self.maps(), self.affine)

    @cached_property
    def _fod_between(self) -> GridField:
        return self._columns_between(self.fod)

    @cached_property
    def _second_between(self) -> GridField:
        second = self.fod[:, 1:6]
        return self._columns_between(np.pad(second, ((0, 0), (0, 5 - second.shape[1]))))

    def _columns_between(self, columns: NDArray[np.float32]) -> GridField:
        return GridField({f"{FOD}{c}": self._on_grid(column) for c, column in enumerate(columns.T)}, self.affine)

    def predict_voxels(
        self,
        acquisition: Acquisition | None = None,
        deviation: NDArray[np.floating] | None = None,
        voxels: NDArray[np.intp] | None = None,
    ) -> NDArray[np.float64]:
        """(N, V) noise-free signal of the voxels in the scan's units, for its own protocol or another.

        With the (N, 3, 3) ``voxel_deviation`` of the scan, that of its non-uniform gradients. With the indices of n of
        the N voxels, theirs alone; the deviation is then theirs, too.
        """
        chosen = slice(None) if voxels is None else voxels
        values = dict(zip(SCALARS, self.scalars[chosen].T, strict=True))
        return predict_signal(values, self.fod[chosen], acquisition or self.acquisition, deviation)

    def telling(self, more: Mapping[str, Any]) -> VoxelFit:
        """Give the same fit with more in :attr:`training`."""
        return replace(self, training={**self.training, **more})
