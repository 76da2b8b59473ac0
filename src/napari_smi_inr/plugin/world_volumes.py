"""Scans in scanner axes: napari cannot slice an oblique image in place, so its planes are resampled when looked at."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from ..sampling.coordinates import NAPARI_AXES, is_axis_aligned, napari_to_world, world_array, world_to_voxel
from .zoom.pyramid import Pyramid


class WorldVolumes:
    """A (V, Z, Y, X) array in scanner axes over an oblique (X, Y, Z, V) image; reads what is asked for, and no more.

    napari drops the part of a rotated affine that points out of the plane, which puts a scan millimetres away
    from the maps made from it. Here every sample is where it says it is.

    Parameters
    ----------
    values
        (X, Y, Z, V) image.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    order
        0 takes the nearest voxel, 1 interpolates between them.
    """

    def __init__(self, values: NDArray[Any], affine: NDArray[np.floating], order: Literal[0, 1] = 1) -> None:
        self._values, self._affine, self._order = values, affine, order
        self._pyramid = Pyramid.around(affine, values.shape[:3])
        self.dtype = values.dtype
        self.shape = (values.shape[3], *self._pyramid.shapes[-1])
        self.ndim = 4
        self.size = int(np.prod(self.shape, dtype=object))

    @property
    def image(self) -> NDArray[Any]:
        """(X, Y, Z, V) image beneath."""
        return self._values

    @property
    def affine(self) -> NDArray[np.floating]:
        """(4, 4) from the voxel indices of :attr:`image` to RAS millimetres."""
        return self._affine

    @property
    def scale(self) -> NDArray[np.float64]:
        """(3,) spacing of the samples in napari's order [mm]."""
        return self._pyramid.step(self._pyramid.coarsest)

    @property
    def translate(self) -> NDArray[np.float64]:
        """(3,) position of the first sample in napari's order [mm]."""
        return self._pyramid.low + self.scale / 2

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Samples at integers and slices along each axis, as of a numpy array."""
        whole = index if isinstance(index, tuple) else (index,)
        whole += (slice(None),) * (4 - len(whole))
        ranges = [np.atleast_1d(np.arange(n)[i]) for n, i in zip(self.shape, whole, strict=True)]
        kept = tuple(0 if np.ndim(i) == 0 and not isinstance(i, slice) else slice(None) for i in whole)
        return self._read(*ranges)[kept]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Every sample, for whoever insists."""
        return np.asarray(self[:], dtype=dtype)

    def _read(self, volumes: NDArray[np.int_], *indices: NDArray[np.int_]) -> NDArray[Any]:
        along = (s * i + t for s, i, t in zip(self.scale, indices, self.translate, strict=True))
        points = np.stack(np.meshgrid(*along, indexing="ij"), axis=-1)
        voxels = world_to_voxel(self._affine, napari_to_world(points))
        outside = np.any((voxels < -0.5) | (voxels > np.array(self._values.shape[:3]) - 0.5), axis=-1)
        at = np.moveaxis(voxels, -1, 0)
        out = np.empty((len(volumes), *points.shape[:3]), self.dtype)
        for row, volume in zip(out, volumes, strict=True):
            row[...] = scipy.ndimage.map_coordinates(
                self._values[..., int(volume)], at, order=self._order, mode="nearest", prefilter=False
            )
        out[:, outside] = np.nan if np.issubdtype(self.dtype, np.floating) else 0  # NaN is transparent
        return out


def place_in_world(
    values: NDArray[Any], affine: NDArray[np.floating], order: Literal[0, 1] = 1
) -> tuple[Any, dict[str, Any]]:
    """Data and transform for a napari layer that shows a NIfTI image where it is.

    Parameters
    ----------
    values
        (X, Y, Z) or (X, Y, Z, V) image.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    order
        Of interpolation, where the affine is oblique.

    Returns
    -------
    data, options
        ([V,] Z, Y, X) array, and the layer's scale, translate, units and axis labels.
    """
    data: Any
    if is_axis_aligned(affine):
        data, scale, translate = world_array(values, affine)
    else:
        volumes = WorldVolumes(values if values.ndim == 4 else values[..., None], affine, order)
        data = volumes if values.ndim == 4 else volumes[0]
        scale, translate = volumes.scale, volumes.translate
    extra = values.ndim - 3
    return data, {
        "scale": (1.0,) * extra + tuple(scale),
        "translate": (0.0,) * extra + tuple(translate),
        "units": ("pixel",) * extra + ("mm",) * 3,
        "axis_labels": ("volume",) * extra + NAPARI_AXES,
    }
