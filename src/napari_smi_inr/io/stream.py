"""Writing an image piece by piece, for maps too large for memory."""

from __future__ import annotations

import gzip
import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, BinaryIO, cast

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .files import output_file, replacing, sidecar_of

_COPIED = 1 << 20  # bytes at a time
_LARGEST_AXIS = np.iinfo(np.int16).max  # of a NIfTI-1 header


def stream_image(
    path: str | Path, shape: tuple[int, ...], affine: NDArray[np.float64], pieces: Iterable[NDArray[np.floating]]
) -> Path:
    """Write a float32 NIfTI from consecutive stretches of its voxels; the file appears whole or not at all.

    The JSON beside an older image of this name is removed with it.

    Parameters
    ----------
    path
        Ends in .nii or .nii.gz; its folder is made if missing.
    shape
        Voxels along each axis; and, of an image of volumes, their number.
    affine
        (4, 4) from voxel indices to RAS millimetres.
    pieces
        (n,) values, the first axis varying fastest; together every voxel once. Of volumes (n, volumes): a file has them
        one after the other, so all numbers wait on the disk, where the image will be, until the last is known.

    Raises
    ------
    InputError
        If the name or the size does not suit NIfTI, or the file cannot be written.
    """
    target = output_file(path)
    if not target.name.endswith((".nii", ".nii.gz")):
        raise InputError(target, "is not a name for a NIfTI image.", "End it in .nii.gz or .nii.")
    if max(shape) > _LARGEST_AXIS:
        fault = f"would have {' x '.join(map(str, shape))} voxels; NIfTI allows {_LARGEST_AXIS} along an axis."
        raise InputError(target, fault, "Choose a smaller factor.")
    whole = replacing(target, sidecar_of(target))
    with whole as file, _packed(file) if target.suffix == ".gz" else nullcontext(file) as stream:
        stream.write(_header(shape, affine))
        if len(shape) > 3:
            _write_volumes(stream, shape, pieces, target.parent)
            return target
        for piece in pieces:
            stream.write(np.ascontiguousarray(piece, "<f4").tobytes())
    return target


def _write_volumes(
    stream: IO[bytes], shape: tuple[int, ...], pieces: Iterable[NDArray[np.floating]], folder: Path
) -> None:
    """Write volume after volume what comes point after point."""
    size = math.prod(shape[:3])
    with tempfile.TemporaryFile(dir=folder) as waiting:
        start = 0
        for piece in pieces:
            for volume, values in enumerate(np.ascontiguousarray(piece.T, "<f4")):
                waiting.seek(4 * (volume * size + start))
                waiting.write(values.tobytes())
            start += len(piece)
        waiting.seek(0)
        shutil.copyfileobj(waiting, stream, _COPIED)


@contextmanager
def _packed(file: BinaryIO) -> Iterator[IO[bytes]]:
    """Compress what is written, without the name and date that would make each file different."""
    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as stream:
        yield cast(IO[bytes], stream)


def _header(shape: tuple[int, ...], affine: NDArray[np.float64]) -> bytes:
    header = nib.Nifti1Header(endianness="<")
    header.set_data_shape(shape)
    header.set_data_dtype(np.float32)
    header.set_sform(affine, code=1)
    header.set_qform(affine, code=1)
    header.set_xyzt_units("mm")
    header["magic"], header["vox_offset"] = b"n+1", 352
    return bytes(header.binaryblock) + bytes(4)  # no header extensions
