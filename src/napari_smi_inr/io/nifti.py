"""NIfTI images: opened with care, compared by place and not only by shape, written atomically."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform
from nibabel.volumeutils import apply_read_scaling, array_from_file
from numpy.typing import NDArray

from ..errors import InputError
from ..memory import machine_memory
from .files import readable_file, replacing, sidecar_of
from .nifti_header import DAMAGED, Image, first_line, read_header, surplus

_SAME_PLACE = 0.1  # of a voxel edge: headers round, people do not move that little


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of an image lie.

    Attributes
    ----------
    shape
        Voxels along each axis.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64]

    @property
    def voxel_size(self) -> NDArray[np.float64]:
        """(3,) voxel edge lengths [mm]."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    def corners(self) -> NDArray[np.float64]:
        """Find the (8, 3) centres of the corner voxels [mm]."""
        index = np.array(list(product(*((0, n - 1) for n in self.shape))))
        return np.asarray(nib.affines.apply_affine(self.affine, index))

    def distance(self, other: Grid) -> float:
        """Measure how far corresponding corners lie apart at most [mm]; infinite if the shapes differ."""
        if self.shape != other.shape:
            return math.inf
        return float(np.linalg.norm(self.corners() - other.corners(), axis=1).max())

    def __str__(self) -> str:
        size = " x ".join(f"{edge:.3g}" for edge in self.voxel_size)
        return f"{' x '.join(map(str, self.shape))} voxels of {size} mm, axes {''.join(nib.aff2axcodes(self.affine))}"


def open_image(path: str | Path, what: str) -> Image:
    """Open a NIfTI image without reading its voxels.

    Raises
    ------
    InputError
        If it is missing, not NIfTI, damaged, of another size than its header promises, or holds anything but
        real numbers at known places.
    """
    return read_header(readable_file(path, what))


def grid_of(image: Image) -> Grid:
    """Say where the voxels of an image lie."""
    return Grid(image.shape[:3], image.affine)


def read_volumes(image: Image, into: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Read an image as float32, one volume at a time so that memory holds the scan only once.

    Parameters
    ----------
    image
        What to read.
    into
        (X, Y, Z, volumes) where to; new memory without it.

    Returns
    -------
    Values of the image's shape, each volume contiguous.

    Raises
    ------
    InputError
        If the file ends early, goes on after its last voxel, is damaged, or does not fit into memory.
    """
    data = room_for((*image.shape[:3], math.prod(image.shape[3:])), image.path) if into is None else into
    try:
        with image.stream() as stream:
            stream.seek(image.offset)
            for volume in range(data.shape[3]):
                stored = array_from_file(data.shape[:3], image.dtype, stream, stream.tell(), mmap=False)
                with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite
                    data[..., volume] = apply_read_scaling(stored, image.slope, image.inter)
            after = stream.read(1)  # the end of a gzip stream checks its checksum
    except DAMAGED as error:
        fault = f"is damaged or cut short ({first_line(error)})."
        raise InputError(image.path, fault, "Copy or export it again.") from None
    if after:
        raise surplus(image.path)
    return data.reshape(image.shape, order="F")


def room_for(shape: tuple[int, ...], path: Path) -> NDArray[np.float32]:
    """Set memory aside for (X, Y, Z, volumes), unless this machine has not as much.

    Raises
    ------
    InputError
        Then; naming the file it was for.
    """
    needed = 4 * math.prod(shape)
    try:
        if needed > machine_memory():
            raise MemoryError
        return np.empty(shape, dtype=np.float32, order="F")
    except MemoryError:
        fault = f"takes {needed / 2**30:.1f} GiB of memory, which this machine does not have."
        raise InputError(path, fault, "Cut it to the region of interest, or use a larger machine.") from None


def read_map(path: str | Path, what: str, grid: Grid) -> tuple[NDArray[np.float32], str]:
    """Read a 3-D image on a scan's grid, turning its axes where only their order or direction differs.

    Parameters
    ----------
    path
        The image.
    what
        Its role, for messages.
    grid
        The scan's.

    Returns
    -------
    values
        (X, Y, Z) on the scan's grid.
    note
        What was turned, or nothing.

    Raises
    ------
    InputError
        If the image is damaged, not 3-D, or lies elsewhere than the scan.
    """
    image = open_image(path, what)
    if math.prod(image.shape[3:]) != 1:
        raise InputError(path, f"has {image.ndim} dimensions; a {what} has 3.", "Give one 3-D image.")
    own = grid_of(image)
    turn = ornt_transform(io_orientation(own.affine), io_orientation(grid.affine))
    turned = Grid(_turned_shape(own.shape, turn), own.affine @ inv_ornt_aff(turn, own.shape))
    require_same_place(path, what, turned, grid)
    values = read_volumes(image).reshape(own.shape, order="F")
    note = f"The {what} was turned from axes {''.join(nib.aff2axcodes(own.affine))} to the scan's."
    same_axes = np.array_equal(turn, [[0, 1], [1, 1], [2, 1]])
    return np.ascontiguousarray(apply_orientation(values, turn)), "" if same_axes else note


def write_image(path: Path, data: NDArray[np.generic], affine: NDArray[np.float64], *, described: bool = False) -> None:
    """Write an image as float32, the same bytes every time, whole or not at all.

    Parameters
    ----------
    path
        Ends in .nii or .nii.gz.
    data
        (X, Y, Z) or (X, Y, Z, V).
    affine
        (4, 4) from voxel indices to RAS millimetres, kept in both sform and qform.
    described
        Whether a JSON beside it is ours and describes it: that of an older image is removed with it.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    image = nib.Nifti1Image(np.asarray(data, dtype=np.float32), affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    with replacing(path, sidecar_of(path) if described else None) as stream:
        if path.suffix != ".gz":
            image.to_stream(stream)
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0, compresslevel=6) as packed:
            image.to_stream(packed)


def require_same_place(path: str | Path, what: str, turned: Grid, grid: Grid) -> None:
    """Refuse an image whose voxels do not lie where those of a scan's grid do.

    Raises
    ------
    InputError
        Naming the image and its role (``what``).
    """
    remedy = f"Give a {what} made from this scan, or resample it onto the scan's grid."
    distance = turned.distance(grid)
    if math.isinf(distance) or not np.allclose(turned.voxel_size, grid.voxel_size, rtol=0.02):
        raise InputError(path, f"is not on the scan's grid: the {what} has {turned}; the scan {grid}.", remedy)
    if distance > _SAME_PLACE * grid.voxel_size.min():
        fault = f"lies elsewhere than the scan: corners of the {what} are up to {distance:.2f} mm off."
        raise InputError(path, fault, remedy)


def _turned_shape(shape: tuple[int, ...], turn: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in np.argsort(turn[:, 0]))
