"""FODs on a grid of their own: the scan's, or a finer one in one of its planes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..parameters import FOD
from ..sampling.mask import SmoothMask
from .planes import View, VoxelBox


class FodGrid(NamedTuple):
    """FODs with their place.

    Attributes
    ----------
    fod
        (X, Y, Z, C) orthonormal real SH coefficients, MRtrix basis, scanner axes; zero or NaN where there is none.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    """

    fod: NDArray[np.floating]
    affine: NDArray[np.floating]


class FodField(Protocol):
    """What gives FODs anywhere, such as a fitted INR or the phantom."""

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4) from voxel indices of the scan to RAS millimetres."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(X, Y, Z) voxels it was made from."""

    def evaluate(self, points_mm: NDArray[np.floating]) -> Mapping[str, NDArray[np.floating]]:
        """Give under ``"fod"`` the (N, C) coefficients at (N, 3) RAS positions [mm]."""


def sample_fods(
    field: FodField, axis: str = "coronal", index: int | None = None, box: VoxelBox | None = None, factor: int = 1
) -> FodGrid:
    """Sample FODs in a region of one plane, as fine as wished, for :func:`~.fods.draw_fods`.

    Parameters
    ----------
    field
        A fitted INR or the phantom.
    axis
        Orientation of the plane: ``"sagittal"``, ``"coronal"`` or ``"axial"``.
    index
        Which plane, counted along its voxel axis; by default the one in which most of the mask lies.
    box
        The region in voxels (see :data:`~.planes.VoxelBox`); all of the plane by default.
    factor
        How much finer the grid is along each axis.

    Returns
    -------
    FodGrid
        (across, up, 1, C), zero outside the mask.

    Raises
    ------
    InputError
        If the plane or the region is not in the volume.
    """
    view = View.of(axis, field.affine, field.mask.shape)
    request = view.request(view.fullest(field.mask) if index is None else index, box, factor)
    points = request.points()
    inside = SmoothMask(field.mask, field.affine)(points)
    if not inside.any():
        raise InputError("box", "holds no voxel of the mask.", "Choose a region that does.")
    values = field.evaluate(points[inside])[FOD]
    fod = np.zeros((len(points), values.shape[1]), np.float32)
    fod[inside] = values
    return FodGrid(fod.reshape(*request.shape, -1), request.affine)
