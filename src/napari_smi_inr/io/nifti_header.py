"""The header of a NIfTI file, checked against itself and against the file before a single voxel is read.

A header says several things twice: the length of a number, where the voxels lie, how much data follow. Where the
two do not agree the file is damaged, and is refused rather than read one way or the other. Extensions, which may
hold anything, are passed over unread.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ..acquisition import MOST_VOLUMES
from ..errors import InputError

DAMAGED = (OSError, EOFError, ValueError, zlib.error)
"""What reading a damaged file raises."""

_KINDS: dict[int, Any] = {348: nib.Nifti1Header, 540: nib.Nifti2Header}  # by the first number of a file
_FORMATS = "Give a whole .nii or .nii.gz file."
_AGAIN = "Copy or export it again."
_GZIP = b"\x1f\x8b"
_DEFLATE_LIMIT = 1032  # no gzip file holds more than this many times its own size
_LARGEST_EXTENSION = 1 << 28  # bytes between header and voxels; programs that keep a whole DICOM header need some
_SCALES = (1e-30, 1e30)  # of a stored number; float32 holds what lies between
_EDGES = (1e-3, 1e2)  # of a voxel [mm]
_FARTHEST = 1e5  # from the scanner's centre to the first voxel [mm]
_LEAST_VOLUME = 0.5  # of a voxel, where 1 is a cuboid and 0 is flat
_DISAGREEMENT = 0.1  # of a voxel's shortest edge, between the two places that a header gives
_SUBJECT_SPACES = (1, 2)  # codes of the scanner's axes and of another image of the same person
_FOREIGN_UNITS = {1: "metres", 3: "micrometres"}  # NIFTI_UNITS; 2 is mm, 0 says nothing


@dataclass(frozen=True, eq=False)
class Image:
    """A NIfTI file whose header is sound; its voxels are not read yet.

    Attributes
    ----------
    path
        The file.
    packed
        Whether it is compressed, whatever its name.
    shape
        Numbers along each axis, three or more.
    dtype
        Of the numbers stored: integers or real numbers.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    placed
        Whether the header says where the voxels lie; if not, `affine` is NIfTI's guess.
    offset
        Where the voxels begin [bytes].
    slope, inter
        A number stored as n means slope n + inter.
    """

    path: Path
    packed: bool
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    affine: NDArray[np.float64]
    placed: bool
    offset: int
    slope: float
    inter: float

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def stream(self) -> BufferedIOBase:
        """Open the file, unpacked on the fly."""
        return _stream(self.path, self.packed)


def read_header(path: Path) -> Image:
    """Read and check the header of a file that exists.

    Raises
    ------
    InputError
        If it is not NIfTI, contradicts itself or the file's size, or holds anything but real numbers at known places.
    """
    header, packed = _parse(path)
    shape, dtype, offset = _shape(header, path), _dtype(header, path), _offset(header, path)
    slope, inter = _scaling(header, dtype, path)
    with np.errstate(all="ignore"):  # numbers beyond all measure are refused for what they are
        affine, placed = _place(header, shape, path)
    _check_size(path, packed, offset, math.prod(shape) * dtype.itemsize)
    return Image(path, packed, shape, dtype, affine, placed, offset, slope, inter)


def first_line(error: Exception) -> str:
    """What an error says, on one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _stream(path: Path, packed: bool) -> BufferedIOBase:
    return gzip.open(path) if packed else path.open("rb")


def _parse(path: Path) -> tuple[nib.Nifti1Header, bool]:
    """The header by its own fields, and whether the file is compressed."""
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise InputError(path, "is not readable as NIfTI (by its name it is not a NIfTI file).", _FORMATS)
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        with _stream(path, packed) as stream:
            raw = stream.read(max(_KINDS))
    except DAMAGED as error:
        raise InputError(path, f"is not readable as NIfTI ({first_line(error)}).", _FORMATS) from None
    for endian in "<>":
        size = int(np.frombuffer(raw[:4].ljust(4, b"\0"), f"{endian}i4")[0])
        if size in _KINDS and len(raw) >= size:
            header = _KINDS[size](raw[:size], endian, check=False)
            if header["magic"].item().rstrip(b"\0\r\n\x1a") == header.single_magic.rstrip(b"\0"):
                return header, packed
    fault = "is not readable as NIfTI (by its first bytes it is not a NIfTI file, or only half of a .hdr/.img pair)."
    raise InputError(path, fault, _FORMATS)


def _shape(header: nib.Nifti1Header, path: Path) -> tuple[int, ...]:
    n_axes = int(header["dim"][0])
    shape = tuple(int(n) for n in header["dim"][1 : n_axes + 1])
    if not 3 <= n_axes <= 7 or min(shape) < 1:
        raise InputError(path, f"has no voxels (shape {shape}).", "Export the image again.")
    if math.prod(shape[3:]) > MOST_VOLUMES:
        fault = f"would have {math.prod(shape[3:])} volumes, more than the {MOST_VOLUMES} that are read."
        raise InputError(path, fault, "Give a diffusion scan or a map of it.")
    return shape


def _dtype(header: nib.Nifti1Header, path: Path) -> np.dtype[np.generic]:
    code = int(header["datatype"])
    try:
        dtype = header.get_data_dtype()
    except (HeaderDataError, KeyError):
        raise InputError(path, f"is not readable as NIfTI (unknown data type {code}).", _FORMATS) from None
    if dtype.kind not in "iuf":
        raise InputError(path, f"holds {dtype} values.", "Give real numbers, such as the magnitude.")
    if header["bitpix"] not in (0, 8 * dtype.itemsize):
        fault = f"has a damaged header: {dtype} values would take {8 * dtype.itemsize} bits, not {header['bitpix']}."
        raise InputError(path, fault, _AGAIN)
    return cast("np.dtype[np.generic]", dtype)


def _offset(header: nib.Nifti1Header, path: Path) -> int:
    offset, least = float(header["vox_offset"]), header.single_vox_offset
    if offset == 0:  # some programs leave it at that
        return int(least)
    if not least <= offset <= _LARGEST_EXTENSION or offset % 1:
        raise InputError(path, f"has a damaged header: its voxels would begin at byte {offset:g}.", _AGAIN)
    return int(offset)


def _scaling(header: nib.Nifti1Header, dtype: np.dtype[np.generic], path: Path) -> tuple[float, float]:
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or math.isnan(slope):  # both mean: no scaling
        return 1.0, 0.0
    low, high = _SCALES
    if not (low <= slope <= high and abs(inter) <= high):
        fault = f"has a damaged header: its numbers are to be multiplied by {slope:g} and raised by {inter:g}."
        raise InputError(path, fault, _AGAIN)
    if dtype.kind == "f" and (slope, inter) != (1.0, 0.0):
        fault = f"holds {dtype} values and yet asks to multiply them by {slope:g} and to add {inter:g}."
        raise InputError(path, fault, "Store the final values, with scl_slope 1 and scl_inter 0.")
    return slope, inter


def _place(header: nib.Nifti1Header, shape: tuple[int, ...], path: Path) -> tuple[NDArray[np.float64], bool]:
    """The affine by NIfTI's rules, and whether the header gives one."""
    remedy = "Mend its sform and qform."
    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    if not (0 <= sform <= 5 and 0 <= qform <= 5):
        raise InputError(path, f"has a damaged header: sform code {sform}, qform code {qform}.", remedy)
    if units := _FOREIGN_UNITS.get(int(header["xyzt_units"]) & 7):
        raise InputError(path, f"gives its lengths in {units}.", "Bring its header to millimetres.")
    rows, turned = np.asarray(header.get_sform(), dtype=np.float64), _qform(header)
    if sform:
        affine = rows
    elif qform:
        affine = turned if turned is not None else np.full((4, 4), np.nan)
    else:
        affine = np.asarray(header.get_base_affine(), dtype=np.float64)
        if rows[:3].any() and _apart(rows, affine, shape) > _DISAGREEMENT * _edges(affine).min():
            fault = "says that it does not know where its voxels lie (sform and qform code 0), and yet gives a place."
            raise InputError(path, fault, "Set its sform code to 1 if the place is right; else set its sform to 0.")
    if not _places(affine):
        raise InputError(path, "has a header that does not place its voxels in space.", remedy)
    if qform and (sform == qform or sform in _SUBJECT_SPACES):
        _require_one_place(affine, turned, shape, path)
    if sform in _SUBJECT_SPACES:
        _require_voxel_size(affine, header, path)
    return affine, bool(sform or qform)


def _qform(header: nib.Nifti1Header) -> NDArray[np.float64] | None:
    """The affine of the quaternion, None where it is none."""
    if header["pixdim"][0] == 0:  # NIfTI: to be taken as 1
        header["pixdim"][0] = 1
    try:
        return np.asarray(header.get_qform(), dtype=np.float64)
    except (HeaderDataError, ValueError):
        return None


def _places(affine: NDArray[np.float64]) -> bool:
    """Whether voxels have a volume, of a size that a scanner can make, near the scanner."""
    if not np.isfinite(affine).all():
        return False
    edges = _edges(affine)
    if edges.min() < _EDGES[0] or edges.max() > _EDGES[1] or np.abs(affine[:3, 3]).max() > _FARTHEST:
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / edges)) >= _LEAST_VOLUME)


def _require_one_place(
    affine: NDArray[np.float64], other: NDArray[np.float64] | None, shape: tuple[int, ...], path: Path
) -> None:
    """Refuse two affines of one space that are not the same: which of them is right cannot be told."""
    apart = _apart(affine, other, shape) if other is not None and np.isfinite(other).all() else math.inf
    if apart > _DISAGREEMENT * _edges(affine).min():
        fault = f"says twice where its voxels lie, and the two (sform and qform) are up to {apart:.4g} mm apart."
        raise InputError(path, fault, "Find out which is right and make the other the same.")


def _apart(affine: NDArray[np.float64], other: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """How far apart two affines put a corner of the grid at most [mm]."""
    corners = np.array(np.meshgrid(*((0, n - 1) for n in shape[:3]))).reshape(3, -1)
    return float(np.linalg.norm((affine - other)[:3] @ np.vstack([corners, np.ones(8)]), axis=0).max())


def _edges(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0))


def _require_voxel_size(affine: NDArray[np.float64], header: nib.Nifti1Header, path: Path) -> None:
    edges, told = _edges(affine), np.abs(header["pixdim"][1:4].astype(np.float64))
    if not np.allclose(edges, told, rtol=0.02):
        sizes = " but ".join(" x ".join(f"{edge:.4g}" for edge in size) for size in (edges, told))
        raise InputError(path, f"gives its voxels two sizes: {sizes} mm (sform, pixdim).", "Mend its header.")


def _check_size(path: Path, packed: bool, offset: int, promised: int) -> None:
    """Compare what the header promises with the file, before any memory is set aside for it."""
    size = path.stat().st_size
    if offset + promised > size * (_DEFLATE_LIMIT if packed else 1):
        fault = f"is cut short: its header promises {promised} bytes of voxels, the file has {size}."
        raise InputError(path, fault, _AGAIN)
    if not packed and offset + promised < size:
        raise surplus(path)


def surplus(path: Path) -> InputError:
    """The error of a file that goes on after its last voxel."""
    fault = "holds more than its header speaks of: the header is damaged, or something was added to the file."
    return InputError(path, fault, "Export it again.")
