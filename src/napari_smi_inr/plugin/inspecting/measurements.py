"""What a scan measured at a place: signal, noise and gradients of the voxel there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...acquisition import Acquisition
from ...dataset import DiffusionDataset
from ...errors import InputError
from ...noise_level import noise_from_b0
from ...sampling.coordinates import napari_to_world, voxel_to_world, world_to_voxel
from ..layer_origin import MapOrigin, ScanOrigin, origin_of
from ..napari_compat import unwrapped
from ..world_volumes import WorldVolumes

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate

_REACH = 2  # voxels around one that its noise estimate looks at
_SAME_PLACE = 0.01  # of a voxel

Voxel = tuple[int, int, int]


def nearest_voxel(affine: NDArray[np.floating], shape: tuple[int, ...], point_mm: NDArray[np.floating]) -> Voxel | None:
    """Give the voxel that holds a RAS position [mm], or None outside the volume."""
    index = np.floor(world_to_voxel(affine, point_mm) + 0.5)
    if not np.all((index >= 0) & (index < shape[:3])):
        return None
    i, j, k = (int(n) for n in index)
    return i, j, k


@dataclass(frozen=True, eq=False)
class Measurements:
    """A scan to be looked up.

    Attributes
    ----------
    name
        What to call it.
    signal
        (X, Y, Z, V), in the scan's units.
    affine
        (4, 4) from its voxel indices to RAS millimetres.
    noise
        Standard deviation of the noise in the scan's units: number, (X, Y, Z) map, or unknown.
    deviation
        (X, Y, Z, 3, 3) gradient deviation, as of :class:`~napari_smi_inr.DiffusionDataset`.
    """

    name: str
    signal: NDArray[np.floating]
    affine: NDArray[np.float64]
    noise: float | NDArray[np.floating] | None = None
    deviation: NDArray[np.floating] | None = None

    @classmethod
    def of_dataset(cls, dataset: DiffusionDataset, name: str = "the scan that was fitted") -> Measurements:
        """Look up a dataset."""
        return cls(name, dataset.signal, dataset.affine, dataset.noise, dataset.deviation)

    def voxel_at(self, point_mm: NDArray[np.floating]) -> Voxel | None:
        """Its voxel that holds a RAS position [mm], or None."""
        return nearest_voxel(self.affine, self.signal.shape, point_mm)

    def noise_at(self, voxel: Voxel, acquisition: Acquisition) -> tuple[float, str] | None:
        """Standard deviation of the noise in a voxel, and where it is known from; None if unknown.

        Without one that came with the scan, as :func:`~napari_smi_inr.noise_level.noise_from_b0` has it.
        """
        if self.noise is not None:
            given = np.asarray(self.noise)
            sigma, source = float(given[voxel] if given.ndim else given), "given with the scan"
        else:
            sigma, source = self._noise_around(voxel, acquisition), "from the differences of the b = 0 volumes"
        return (sigma, source) if np.isfinite(sigma) and sigma > 0 else None

    def _noise_around(self, voxel: Voxel, acquisition: Acquisition) -> float:
        near = tuple(slice(max(0, i - _REACH), i + _REACH + 1) for i in voxel)
        signal = np.asarray(self.signal[near], dtype=np.float64)
        known = np.isfinite(signal).all(axis=-1) & (signal[..., acquisition.is_b0].mean(axis=-1) > 0)
        middle = tuple(i - part.start for i, part in zip(voxel, near, strict=True))
        if not known[middle]:
            return np.nan
        try:
            return float(noise_from_b0(np.nan_to_num(signal), acquisition, known)[middle])
        except InputError:  # one b = 0 volume alone
            return np.nan


def find_measurements(viewer: Any, field: Estimate) -> Measurements | None:
    """Find what a field was fitted to: the dataset its layers know of, or else a scan on its grid among the layers.

    Of several, one whose file is named in the field's record goes first, then the topmost.
    """
    layers = list(reversed(unwrapped(viewer).layers))
    maps = [origin for layer in layers if isinstance(origin := origin_of(layer), MapOrigin) and origin.field is field]
    dataset = next((origin.dataset for origin in maps if origin.dataset is not None), None)
    if dataset is not None:
        return Measurements.of_dataset(dataset)
    inputs = field.record.get("inputs", {})
    found = [scan for layer in layers if (scan := _of_layer(layer)) and _belongs(scan, field)]
    return next((m for m in found if m.name in inputs), found[0] if found else None)


def _of_layer(layer: Any) -> Measurements | None:
    """The scan of a layer, without a copy of its signal."""
    origin = origin_of(layer)
    if not isinstance(origin, ScanOrigin):
        return None
    name = origin.path.name if origin.path is not None else str(layer.name)
    if origin.dataset is not None:
        return Measurements.of_dataset(origin.dataset, name)
    data = layer.data
    if isinstance(data, WorldVolumes):
        return Measurements(name, data.image, np.asarray(data.affine, dtype=np.float64))
    if not isinstance(data, np.ndarray) or data.ndim != 4:
        return None
    affine = np.diag([*napari_to_world(layer.scale[-3:]), 1.0])
    affine[:3, 3] = napari_to_world(layer.translate[-3:])
    return Measurements(name, data.T, affine)


def _belongs(scan: Measurements, field: Estimate) -> bool:
    """Whether a scan has the voxels and the number of volumes of what was fitted; its axes may run otherwise."""
    if scan.signal.shape[3] != field.acquisition.n_volumes or scan.signal[..., 0].size != field.mask.size:
        return False
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in field.mask.shape], indexing="ij"), axis=-1).reshape(-1, 3)
    there = world_to_voxel(scan.affine, voxel_to_world(field.affine, corners))
    inside = (there > -_SAME_PLACE) & (there < np.array(scan.signal.shape[:3]) - 1 + _SAME_PLACE)
    return bool(inside.all() and np.abs(there - np.round(there)).max() < _SAME_PLACE)
