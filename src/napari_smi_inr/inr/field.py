"""The result of a fit: every parameter at every point of space, and the file it lives in."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..acquisition import Acquisition
from ..estimation.record import share_at_bound
from ..memory import is_out_of_memory
from ..parameters import FOD, SCALARS
from ..sampling.coordinates import voxel_to_world
from ..signal_model.spherical_harmonics import P2_SCALE
from ..signal_model.standard_model import predict_signal
from .config import FitConfig
from .evaluation import Take, evaluate
from .model import FieldModel
from .network import Tissue
from .voxel_points import voxel_offsets


@dataclass(frozen=True, eq=False)
class FittedField:
    """A fitted implicit neural representation of the Standard Model.

    Attributes
    ----------
    model
        The trained network; its S0 is in units of `scale`.
    config
        What the fit was asked to do.
    detail
        Finest detail of the field [mm], as used.
    affine
        (4, 4) from the scan's voxel indices to RAS millimetres.
    mask
        (X, Y, Z) voxels the field was fitted to.
    scale
        Signal, in the scan's units, that the network calls 1.
    acquisition
        Protocol of the scan.
    record
        Provenance: versions, device, input checksums and notes.
    training
        How the fit went: epochs done, held-out error in the scan's units, details tried.
    """

    model: FieldModel
    config: FitConfig
    detail: float
    affine: NDArray[np.float64]
    mask: NDArray[np.bool_]
    scale: float
    acquisition: Acquisition
    record: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Symbols of the scalar channels of :meth:`sample`: Di, De, Dp, f, S0, p2."""
        return SCALARS

    @property
    def lmax(self) -> int:
        """Highest SH order of the FOD."""
        return self.config.lmax

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.model.encoding.frequencies.device

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the scan along each axis."""
        x, y, z = self.mask.shape
        return x, y, z

    def evaluate(self, points_mm: NDArray[np.floating]) -> dict[str, NDArray[np.float32]]:
        """Every parameter at points.

        Parameters
        ----------
        points_mm
            (N, 3) RAS positions [mm], anywhere: also between voxels and, at one's own risk, outside the mask.

        Returns
        -------
        (N,) values by symbol, S0 in the scan's units, and under ``"fod"`` the (N, C) orthonormal real SH
        coefficients in the MRtrix basis and scanner axes.
        """
        scalars, fod = self._evaluate(points_mm)
        return {**dict(zip(SCALARS, scalars.T, strict=True)), FOD: fod}

    def sample(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, 6) scalars at (N, 3) RAS positions [mm], columns as in :attr:`parameters`."""
        return self._evaluate(points_mm)[0]

    def sample_orientation(self, points_mm: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, 6 + 5) scalars and the FOD's l = 2 coefficients at (N, 3) RAS positions [mm]."""
        scalars, fod = self._evaluate(points_mm)
        known = np.zeros((len(fod), len(SCALARS) + 5), np.float32)
        known[:, : len(SCALARS)] = scalars
        known[:, len(SCALARS) : len(SCALARS) + fod.shape[1] - 1] = fod[:, 1:6]  # none of an FOD of lmax 0
        return known

    def _evaluate(self, points_mm: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        points = np.asarray(points_mm).reshape(-1, 3)
        scalars = np.empty((len(points), len(SCALARS)), dtype=np.float32)
        fod = np.empty((len(points), self.model.network.n_fod), dtype=np.float32)

        def take(rows: slice, tissue: Tissue) -> None:
            scalars[rows, :4] = tissue.kernel.numpy()
            scalars[rows, 4] = tissue.S0.numpy() * self.scale
            fod[rows] = tissue.fod.numpy()

        self._give_tissue(points, take)
        scalars[:, 5] = P2_SCALE * np.linalg.norm(fod[:, 1:6], axis=1)
        return scalars, fod

    def _give_tissue(self, points: NDArray[np.floating], take: Take) -> None:
        """Give the tissue at points to a taker; by the processor where memory runs out on the network's device."""
        try:
            evaluate(self.model, points, take)
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or self.device.type == "cpu":
                raise
        words = f"Memory ran out on {self.device.type}: the field is evaluated by the processor instead."
        warnings.warn(words, RuntimeWarning, stacklevel=2)
        evaluate(self._on_processor, points, take)

    @cached_property
    def _on_processor(self) -> FieldModel:
        """The network in the processor's memory."""
        weights = {name: tensor.cpu() for name, tensor in self.model.state_dict().items()}
        model = FieldModel(self.config, self.detail, weights["encoding.centre"])
        model.load_state_dict(weights)
        return model.eval().requires_grad_(False)

    @cached_property
    def _voxels(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scalars and FOD at the centres of the mask's voxels."""
        return self._evaluate(self._centres)

    @property
    def _centres(self) -> NDArray[np.float64]:
        return voxel_to_world(self.affine, np.argwhere(self.mask))

    def maps(self) -> dict[str, NDArray[np.float32]]:
        """Maps on the scan's grid.

        Returns
        -------
        (X, Y, Z) maps by symbol, NaN outside the mask.
        """
        maps = {}
        for symbol, values in zip(SCALARS, self._voxels[0].T, strict=True):
            maps[symbol] = np.full(self.shape, np.nan, dtype=np.float32)
            maps[symbol][self.mask] = values
        return maps

    def fod_map(self) -> NDArray[np.float32]:
        """(X, Y, Z, C) SH coefficients on the scan's grid, zero outside the mask."""
        fod = np.zeros((*self.shape, self.model.network.n_fod), dtype=np.float32)
        fod[self.mask] = self._voxels[1]
        return fod

    @cached_property
    def quality(self) -> dict[str, Any]:
        """What to look at before trusting the maps: :attr:`training`, and the share of voxels at a bound by symbol."""
        return {**self.training, "share_at_bound": share_at_bound(self._voxels[0])}

    def predict(self, points_mm: NDArray[np.floating], acquisition: Acquisition | None = None) -> NDArray[np.float64]:
        """(N, V) noise-free signal at points in the scan's units, for its own protocol or another."""
        values = self.evaluate(points_mm)
        return predict_signal(values, values[FOD], acquisition or self.acquisition)

    def predict_voxels(
        self,
        acquisition: Acquisition | None = None,
        deviation: NDArray[np.floating] | None = None,
        voxels: NDArray[np.intp] | None = None,
    ) -> NDArray[np.float64]:
        """(N, V) noise-free signal of the mask's voxels, for the scan's own protocol or another.

        With the (N, 3, 3) ``voxel_deviation`` of the scan, that of its non-uniform gradients. With the indices of n of
        the N voxels, theirs alone; the deviation is then theirs, too. As the fit understood it: at the centres of the
        voxels or, with the setting ``voxel_average``, their averages.
        """
        protocol = acquisition or self.acquisition
        offsets = voxel_offsets(self.affine, self.config.voxel_average)
        centres = self._centres if voxels is None else self._centres[voxels]
        signal = np.zeros((len(centres), protocol.n_volumes))
        for offset in offsets:
            known = voxels is None and len(offsets) == 1
            scalars, fod = self._voxels if known else self._evaluate(centres + offset)
            values = dict(zip(SCALARS, scalars.T, strict=True))
            signal += predict_signal(values, fod, protocol, deviation) / len(offsets)
        return signal

    def telling(self, more: Mapping[str, Any]) -> FittedField:
        """Give the same field with more in :attr:`training`."""
        return replace(self, training={**self.training, **more})

    def save(self, path: str | PathLike[str]) -> None:
        """Write the field to one file (see :mod:`napari_smi_inr.inr.field_file`)."""
        from .field_file import write_field

        write_field(self, path)
