"""FODs on a grid of their own: the scan's, or a finer one in one of its planes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..parameters import FOD
from ..sampling.coordinates import world_to_voxel
from ..sampling.mask import SmoothMask
from ..signal_model.spherical_harmonics import P00, lmax_of
from .planes import Extent, View, VoxelBox


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


def fod_grids(panels: Mapping[str, NDArray[np.floating] | FodGrid], affine: NDArray[np.floating]) -> dict[str, FodGrid]:
    """Give every array of FODs its place: its own, or that of the scan.

    Raises
    ------
    InputError
        If there is none, or one is not (X, Y, Z, C) with as many coefficients as some even order has.
    """
    if not panels:
        raise InputError("panels", "is empty.", "Give the FODs of at least one panel.")
    grids = {t: p if isinstance(p, FodGrid) else FodGrid(np.asarray(p), affine) for t, p in panels.items()}
    for title, grid in grids.items():
        try:
            if grid.fod.ndim != 4:
                raise ValueError(f"{grid.fod.ndim} axes are not the four of (X, Y, Z, C)")
            lmax_of(grid.fod.shape[3])
        except ValueError as fault:
            raise InputError(title, f"has shape {grid.fod.shape}: {fault}.", "Give (X, Y, Z, C) FODs.") from None
    return grids


def filled(fod: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(...) where there is an FOD."""
    return np.asarray(np.isfinite(fod).all(axis=-1) & (fod[..., 0] > 0.01 * P00))


def cut_region(grid: FodGrid, title: str, view: View, index: int, box: VoxelBox) -> tuple[NDArray[np.float64], Extent]:
    """Cut out of a grid what a region of a plane of the scan shows.

    Parameters
    ----------
    grid
        Its axes run along the scan's, in any order and sense.
    title
        Its name, for messages.
    view, index, box
        Orientation of the scan's planes, which of them, and which region of it.

    Returns
    -------
    (across, up, C) FODs of the grid's plane nearest to that one, and where they lie in the scan's plane [mm].

    Raises
    ------
    InputError
        If the grid's axes do not run along the scan's, or it does not reach into the region.
    """
    own = View.of(view.name, grid.affine, grid.fod.shape[:3], view.radiological)
    if not np.allclose(own.frame, view.frame, atol=1e-3):
        raise InputError(title, "has a grid turned against the scan's.", "Sample its FODs along the scan's axes.")
    spots = world_to_voxel(own.affine, view.corners(index, box))
    plane = int(np.clip(np.rint(spots[:, own.axes[0]].mean()), 0, own.shape[own.axes[0]] - 1))
    ranges = []
    for axis, flip in zip(own.axes[1:], own.flipped, strict=True):
        n = own.shape[axis]
        first, last = np.clip(np.rint(np.sort(spots[:, axis]) + 0.5).astype(int), 0, n)
        ranges.append((n - last, n - first) if flip else (first, last))
    (left, right), (low, high) = ranges
    if left >= right or low >= high:
        raise InputError(title, "has no FOD in the region.", "Give FODs of the region shown.")
    x, y = view.position(own.corner(plane, left, low))
    width, height = own.size
    picture = own.picture(grid.fod, plane)[left:right, low:high]
    extent = (x, x + (right - left) * width, y, y + (high - low) * height)
    return np.where(filled(picture)[..., None], picture, 0.0).astype(np.float64), extent
