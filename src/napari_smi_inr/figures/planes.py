"""Planes of a voxel grid as figures show them: upright, with known sides, cut or sampled finely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sampling.coordinates import nearest_voxel_axes, voxel_sizes, voxel_to_world, world_to_voxel
from ..sampling.request import SampleRequest

PlaneName = Literal["sagittal", "coronal", "axial"]

Extent = tuple[float, float, float, float]
"""Left, right, bottom and top in a plane [mm], from the lower left corner of the whole plane as shown."""

VoxelBox = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""A region of a volume: along each voxel axis its first voxel and the one after its last."""

_WORLD = {"sagittal": (0, 1, 2), "coronal": (1, 0, 2), "axial": (2, 0, 1)}  # looked along, to the right, upwards
ORIENTATIONS = tuple(_WORLD)
"""Names of the planes."""

_ENDS = (("L", "R"), ("P", "A"), ("I", "S"))


@dataclass(frozen=True, eq=False)
class View:
    """How the planes of one orientation are shown: anterior or superior up, as the plugin shows them.

    Nothing is resampled: a plane is one of the voxel grid, the one nearest to the anatomical orientation. Axial and
    coronal planes have the patient's right on the right, as seen from above and from behind (neurological), or on the
    left (radiological); sagittal ones have anterior on the right.

    Attributes
    ----------
    name
        ``"sagittal"``, ``"coronal"`` or ``"axial"``.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    shape
        Voxels along each axis.
    axes
        The voxel axes looked along, to the right and upwards.
    flipped
        Whether indices fall to the right, and upwards.
    letters
        What lies on the left, right, bottom and top: L, R, P, A, I or S.
    radiological
        Whether the patient's right is shown on the left.
    """

    name: str
    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    axes: tuple[int, int, int]
    flipped: tuple[bool, bool]
    letters: tuple[str, str, str, str]
    radiological: bool

    @classmethod
    def of(cls, name: str, affine: NDArray[np.floating], shape: tuple[int, ...], radiological: bool = False) -> View:
        """Find the planes of an orientation in a grid.

        Raises
        ------
        InputError
            If there is no such orientation, or the affine is singular.
        """
        if name not in _WORLD:
            raise InputError("plane", f"{name!r} is no orientation.", f"Choose one of: {', '.join(_WORLD)}.")
        matrix = np.asarray(affine, np.float64)
        world = _WORLD[name]
        found = nearest_voxel_axes(matrix)
        through, across, up = (found[w] for w in world)
        mirrored = radiological and world[1] == 0
        falls = [bool(matrix[w, found[w]] < 0) for w in world]
        left_right = _ENDS[world[1]][::-1] if mirrored else _ENDS[world[1]]
        x, y, z = shape[:3]
        return cls(
            name, matrix, (x, y, z), (through, across, up), (falls[1] != mirrored, falls[2]),
            (*left_right, *_ENDS[world[2]]), radiological,
        )  # fmt: skip

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of a voxel as shown [mm]."""
        sizes = voxel_sizes(self.affine)
        return float(sizes[self.axes[1]]), float(sizes[self.axes[2]])

    @property
    def frame(self) -> NDArray[np.float64]:
        """(3, 3) unit vectors in scanner axes: to the right, upwards, and towards the viewer."""
        steps = self.affine[:3, list(self.axes[1:])] * np.where(self.flipped, -1.0, 1.0)
        right = steps[:, 0] / np.linalg.norm(steps[:, 0])
        up = steps[:, 1] - (steps[:, 1] @ right) * right
        up /= np.linalg.norm(up)
        return np.stack([right, up, np.cross(right, up)])

    def check(self, index: int) -> int:
        """Make sure that there is a plane of this number.

        Raises
        ------
        InputError
            If there is not.
        """
        n = self.shape[self.axes[0]]
        if not 0 <= index < n:
            raise InputError("plane", f"{index} is not one of the {n} {self.name} planes.", "Count from 0.")
        return index

    def fullest(self, mask: NDArray[np.bool_]) -> int:
        """Find the plane in which most of a mask lies."""
        others = tuple(axis for axis in range(3) if axis != self.axes[0])
        return int(np.argmax(mask.sum(axis=others)))

    def picture(self, volume: NDArray[Any], index: int) -> NDArray[Any]:
        """(across, up, ...) view of one plane of an (X, Y, Z, ...) volume, indices rising to the right and upwards."""
        plane: NDArray[Any] = np.moveaxis(volume, self.axes, (0, 1, 2))[self.check(index)]
        shown: NDArray[Any] = plane[tuple(slice(None, None, -1 if flip else 1) for flip in self.flipped)]
        return shown

    def whole(self) -> VoxelBox:
        """All of the volume."""
        x, y, z = self.shape
        return (0, x), (0, y), (0, z)

    def around(self, mask: NDArray[np.bool_], index: int, margin: float = 0.5) -> Extent:
        """Find the rectangle around a mask in one plane [mm], with a margin [voxels]; all of it if that is empty."""
        shown, size = self.picture(mask, index), self.size
        edges = []
        for axis in (0, 1):
            inside = np.flatnonzero(shown.any(axis=1 - axis))
            first, last = (inside[0], inside[-1] + 1) if inside.size else (0, shown.shape[axis])
            edges += [(first - margin) * size[axis], (last + margin) * size[axis]]
        return float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3])

    def box_around(self, mask: NDArray[np.bool_], index: int) -> VoxelBox:
        """Find the region around a mask in one plane; all of the plane if the mask is empty there."""
        plane = np.moveaxis(mask, self.axes[0], 0)[self.check(index)]
        found = list(self.whole())
        for axis, other in zip(sorted(self.axes[1:]), (1, 0), strict=True):
            inside = np.flatnonzero(plane.any(axis=other))
            if inside.size:
                found[axis] = (int(inside[0]), int(inside[-1]) + 1)
        return found[0], found[1], found[2]

    def extent(self, box: VoxelBox | None = None) -> Extent:
        """Where a region lies in the plane [mm]; all of the plane by default.

        Raises
        ------
        InputError
            If the region is empty or reaches beyond the volume.
        """
        (left, right), (bottom, top) = self.ranges(box)
        width, height = self.size
        return left * width, right * width, bottom * height, top * height

    def ranges(self, box: VoxelBox | None = None) -> tuple[tuple[int, int], tuple[int, int]]:
        """First and one after the last voxel of a region as shown, across and upwards.

        Raises
        ------
        InputError
            If the region is empty or reaches beyond the volume.
        """
        found = []
        for axis, flip in zip(self.axes[1:], self.flipped, strict=True):
            first, last = (self.whole() if box is None else box)[axis]
            n = self.shape[axis]
            if not 0 <= first < last <= n:
                fault = f"{first} to {last} is no region of the {n} voxels along axis {axis}."
                raise InputError("box", fault, "Give the first voxel and the one after the last of each axis.")
            found.append((n - last, n - first) if flip else (first, last))
        return found[0], found[1]

    def request(self, index: int, box: VoxelBox | None = None, factor: int = 1) -> SampleRequest:
        """Points of a region of one plane, ``factor`` times finer along each axis, as (across, up, 1).

        Of the planes of the finer grid, the one next to the middle of the voxels is taken.

        Raises
        ------
        InputError
            If the plane or the region is not in the volume, or the factor is below 1.
        """
        if factor < 1:
            raise InputError("factor", f"is {factor}.", "Give a whole number, e.g. 8 for eight times finer.")
        ranges = self.ranges(box)
        corner = np.zeros(3)  # in voxels, of the first point
        corner[self.axes[0]] = self.check(index) + (0.5 / factor if factor % 2 == 0 else 0.0)
        steps = np.zeros((3, 3))  # columns: one point across, up and through, in voxels
        steps[self.axes[0], 2] = 1.0
        for column, (axis, flip, (first, _)) in enumerate(zip(self.axes[1:], self.flipped, ranges, strict=True)):
            along = first + 0.5 / factor - 0.5
            corner[axis] = self.shape[axis] - 1 - along if flip else along
            steps[axis, column] = (-1.0 if flip else 1.0) / factor
        affine = np.eye(4)
        affine[:3, :3] = self.affine[:3, :3] @ steps
        affine[:3, 3] = voxel_to_world(self.affine, corner)
        across, up = ((last - first) * factor for first, last in ranges)
        return SampleRequest(affine, (across, up, 1))

    def corners(self, index: int, box: VoxelBox) -> NDArray[np.float64]:
        """(2, 3) RAS positions [mm] of two opposite corners of a region, in the middle of one plane."""
        ends = np.array(box, np.float64).T - 0.5
        ends[:, self.axes[0]] = index
        return voxel_to_world(self.affine, ends)

    def corner(self, index: int, across: int, up: int) -> NDArray[np.float64]:
        """(3,) RAS position [mm] of the lower left corner of a voxel, counted as shown, in the middle of one plane."""
        spot = np.zeros(3)
        spot[self.axes[0]] = index
        for axis, flip, n in zip(self.axes[1:], self.flipped, (across, up), strict=True):
            spot[axis] = (self.shape[axis] - n if flip else n) - 0.5
        return voxel_to_world(self.affine, spot)

    def position(self, point_mm: NDArray[np.floating]) -> tuple[float, float]:
        """Where an RAS position (3,) lies across and up in the plane as shown [mm]."""
        spot = world_to_voxel(self.affine, point_mm) + 0.5
        x, y = (
            (self.shape[axis] - spot[axis] if flip else spot[axis]) * size
            for axis, flip, size in zip(self.axes[1:], self.flipped, self.size, strict=True)
        )
        return float(x), float(y)
