"""NIfTI images: opened with care, compared by place and not only by shape, written atomically."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from ..errors import InputError
from .files import readable_file, replacing, sidecar_of

_DAMAGED = (ImageFileError, HeaderDataError, WrapStructError, OSError, EOFError, ValueError, KeyError, zlib.error)
_FORMATS = "Give a whole .nii or .nii.gz file."
_DEFLATE_LIMIT = 1032  # no gzip file holds more than this many times its own size
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


def open_image(path: str | Path, what: str) -> nib.Nifti1Image:
    """Open a NIfTI image without reading its voxels.

    Raises
    ------
    InputError
        If it is missing, not NIfTI, damaged, shorter than its header promises, or holds anything but
        real numbers at known places.
    """
    path = readable_file(path, what)
    try:
        image = nib.load(path, keep_file_open=True)  # volumes are read one by one: never rewind a gzip stream
    except _DAMAGED as error:
        raise InputError(path, f"is not readable as NIfTI ({_first_line(error)}).", _FORMATS) from None
    if not isinstance(image, nib.Nifti1Image):
        raise InputError(path, f"is not a NIfTI file but {type(image).__name__}.", _FORMATS)
    _check_header(image, path)
    return image


def grid_of(image: nib.Nifti1Image) -> Grid:
    """Say where the voxels of an image lie."""
    return Grid(tuple(image.shape[:3]), np.asarray(image.affine, dtype=np.float64))


def read_volumes(image: nib.Nifti1Image) -> NDArray[np.float32]:
    """Read a 4-D image as float32, one volume at a time so that memory holds the scan only once.

    Returns
    -------
    (X, Y, Z, V), each volume contiguous.

    Raises
    ------
    InputError
        If the file ends early or is damaged.
    """
    data = np.empty(image.shape, dtype=np.float32, order="F")
    try:
        for volume in range(data.shape[3]):
            data[..., volume] = image.dataobj[..., volume]
    except _DAMAGED as error:
        raise _damaged(image, error) from None
    return data


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
    image = nib.squeeze_image(open_image(path, what))
    if image.ndim != 3:
        raise InputError(path, f"has {image.ndim} dimensions; a {what} has 3.", "Give one 3-D image.")
    own = grid_of(image)
    turn = ornt_transform(io_orientation(own.affine), io_orientation(grid.affine))
    turned = Grid(_turned_shape(own.shape, turn), own.affine @ inv_ornt_aff(turn, own.shape))
    require_same_place(path, what, turned, grid)
    try:
        values = np.asarray(image.dataobj, dtype=np.float32)
    except _DAMAGED as error:
        raise _damaged(image, error) from None
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


def _check_header(image: nib.Nifti1Image, path: Path) -> None:
    """Compare what the header promises with the file, before any memory is set aside for it."""
    shape, dtype = image.shape, image.get_data_dtype()
    if len(shape) < 3 or min(shape) < 1:
        raise InputError(path, f"has no voxels (shape {shape}).", "Export the image again.")
    if dtype.kind not in "iufb":
        raise InputError(path, f"holds {dtype} values.", "Give real numbers, such as the magnitude.")
    affine = image.affine
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError(path, "has a header that does not place its voxels in space.", "Mend its sform and qform.")
    promised, size = math.prod(shape) * dtype.itemsize, path.stat().st_size
    if promised > size * (_DEFLATE_LIMIT if path.suffix == ".gz" else 1):
        fault = f"is cut short: its header promises {promised} bytes of voxels, the file has {size}."
        raise InputError(path, fault, "Copy or export it again.")


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


def _damaged(image: nib.Nifti1Image, error: Exception) -> InputError:
    path = image.file_map["image"].filename
    return InputError(path, f"is damaged or cut short ({_first_line(error)}).", "Copy or export it again.")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
