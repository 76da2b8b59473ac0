"""Freezing: parameters sampled on a regular grid, finer than the scan's, where one looks or everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...estimation.with_fod import WithFod
from ...io.files import user_path
from ...io.maps import map_name, save_fod, save_map
from ...parameters import FOD, PARAMETERS
from ...sampling.field import Field
from ...sampling.request import SampleRequest
from ...sampling.sampler import CHUNK, Sampler
from ...signal_model.spherical_harmonics import n_coefficients
from ..visible import VisiblePlane
from ..zoom.pyramid import Pyramid

if TYPE_CHECKING:
    from ...estimation.estimate import Estimate

FACTORS = range(1, 9)
"""Samples per voxel along each axis."""

MAX_VALUES = 150_000_000
"""Most values that are kept in memory at once: 600 MB."""

_REVERSED = [2, 1, 0, 3]  # columns of an affine: napari counts z first, NIfTI x


@dataclass(frozen=True)
class Freezing:
    """What to freeze.

    Attributes
    ----------
    symbols
        Parameters, by symbol.
    factor
        Samples per voxel along each axis.
    thickness
        Of the slab around the plane in view [mm]; None: of a voxel. 0: the plane alone.
    whole
        The whole volume, rather than what is in view.
    fod
        The FOD's SH coefficients, too.
    """

    symbols: tuple[str, ...]
    factor: int = 4
    thickness: float | None = None
    whole: bool = False
    fod: bool = False


def world_grid(field: Field, freezing: Freezing, plane: VisiblePlane | None) -> SampleRequest:
    """Lay a grid along the scanner's axes over what is to be frozen; its samples divide those of the voxels.

    Parameters
    ----------
    field
        What is sampled. For a scan along the scanner's axes, a factor of 1 gives its voxels' centres.
    freezing
        What to freeze.
    plane
        What is in view; None: the whole volume.

    Returns
    -------
    Points in napari's order: z, y, x from slowest to fastest.

    Raises
    ------
    InputError
        If nothing of the field is in view.
    """
    pyramid = Pyramid.around(field.affine, field.mask.shape)
    voxel = pyramid.step(pyramid.coarsest)
    step = voxel / freezing.factor
    count = np.rint((pyramid.high - pyramid.low) / step).astype(int)
    first = pyramid.low + step / 2
    if plane is not None and not freezing.whole:
        for axis, low, high in zip(plane.displayed, plane.low, plane.high, strict=True):
            start = max(0, math.floor((low - pyramid.low[axis]) / step[axis] + 1e-6))
            stop = min(int(count[axis]), math.ceil((high - pyramid.low[axis]) / step[axis] - 1e-6))
            first[axis] += start * step[axis]
            count[axis] = stop - start
        axis = plane.axis
        thickness = float(voxel[axis]) if freezing.thickness is None else freezing.thickness
        planes = _planes(plane.position, thickness, float(step[axis]))
        planes = planes[(planes > pyramid.low[axis]) & (planes < pyramid.high[axis])]
        count[axis] = len(planes)
        if len(planes):
            first[axis] = planes[0]
    if count.min() < 1:
        raise InputError("view", "shows nothing of the fit.", "Move it over the scan, or freeze the whole volume.")
    vectors = np.zeros((4, 4))
    vectors[(0, 1, 2), (0, 1, 2)], vectors[:3, 3] = step, first
    affine = np.eye(4)
    affine[:3] = vectors[2::-1]  # rows from (z, y, x) to RAS; columns stay in napari's order
    return SampleRequest(affine, (int(count[0]), int(count[1]), int(count[2])))


def _planes(position: float, thickness: float, step: float) -> NDArray[np.float64]:
    """Positions of planes a step apart that fill a slab around a position."""
    n = max(1, round(thickness / step))
    return np.asarray(position + (np.arange(n) - (n - 1) / 2) * step, np.float64)


def scan_grid(field: Field, factor: int) -> SampleRequest:
    """Lay a grid along the scan's own axes over its whole volume, points in reversed order (k, j, i)."""
    x, y, z = field.mask.shape
    grid = SampleRequest.over_volume(field.affine, (x, y, z), factor)
    return SampleRequest(grid.affine[:, _REVERSED], (grid.shape[2], grid.shape[1], grid.shape[0]))


def grid_of(field: Field, freezing: Freezing, plane: VisiblePlane | None, to_file: bool) -> SampleRequest:
    """Choose the grid: the scan's own axes for a file of the whole volume, the scanner's otherwise."""
    if to_file and (freezing.whole or plane is None):
        return scan_grid(field, freezing.factor)
    return world_grid(field, freezing, plane)


def n_values(freezing: Freezing, request: SampleRequest, lmax: int) -> int:
    """Count the numbers that freezing gives."""
    return request.size * (len(freezing.symbols) + (n_coefficients(lmax) if freezing.fod else 0))


def in_words(freezing: Freezing, request: SampleRequest, lmax: int) -> str:
    """Say how much it will be: samples along x, y and z, and megabytes before compression."""
    size = 4e-6 * n_values(freezing, request, lmax)
    return f"{' x '.join(str(n) for n in request.shape[::-1])} samples, {_megabytes(size)}"


def _megabytes(size: float) -> str:
    return f"{size / 1000:.1f} GB" if size >= 1000 else f"{size:.1f} MB" if size < 100 else f"{size:.0f} MB"


def require_sensible(freezing: Freezing, request: SampleRequest, lmax: int) -> None:
    """Refuse what is empty or would not fit into memory.

    Raises
    ------
    InputError
        With the size, and what to do.
    """
    if not (freezing.symbols or freezing.fod):
        raise InputError("parameters", "are none.", "Choose at least one to freeze.")
    if freezing.factor not in FACTORS:
        fault = f"is {freezing.factor}."
        raise InputError("factor", fault, f"Give a whole number from {FACTORS[0]} to {FACTORS[-1]}.")
    if n_values(freezing, request, lmax) > MAX_VALUES:
        fault = f"would be {in_words(freezing, request, lmax)}; {_megabytes(4e-6 * MAX_VALUES)} is the most."
        raise InputError("frozen copy", fault, "Choose a smaller factor, fewer parameters, or what is in view alone.")


@dataclass(frozen=True, eq=False)
class Frozen:
    """Sampled parameters.

    Attributes
    ----------
    field
        Where they are from.
    freezing
        What was asked for.
    request
        The grid, points in reversed order.
    values
        (K, J, I) by symbol, NaN outside the smooth mask; under ``"fod"`` (K, J, I, C).
    """

    field: Estimate
    freezing: Freezing
    request: SampleRequest
    values: Mapping[str, NDArray[np.float32]]

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4) from indices (I, J, K) to RAS millimetres."""
        return np.asarray(self.request.affine[:, _REVERSED])


def n_steps(request: SampleRequest) -> int:
    """Say how often :func:`freeze_steps` yields."""
    return -(-request.size // CHUNK)


def freeze_steps(
    field: Estimate,
    freezing: Freezing,
    request: SampleRequest,
    cancelled: Callable[[], bool] = lambda: False,
) -> Generator[None, None, Frozen | None]:
    """Sample a field; on any thread.

    Yields
    ------
    Once for each stretch of points; returns what was sampled, or None if cancelled.
    """
    source = WithFod(field) if freezing.fod else field
    columns = {s: source.parameters.index(s) for s in freezing.symbols}
    values = {s: np.empty(request.size, np.float32) for s in freezing.symbols}
    n_scalars, n_fod = len(field.parameters), n_coefficients(field.lmax) if freezing.fod else 0
    fod = np.empty((request.size, n_fod), np.float32)
    done = 0
    for part, piece in Sampler(source).stream(request, cancelled):
        for symbol, column in columns.items():
            values[symbol][part] = piece[:, column]
        if freezing.fod:
            fod[part] = piece[:, n_scalars:]
        done = part.stop
        yield
    if done < request.size:
        return None
    shaped = {symbol: v.reshape(request.shape) for symbol, v in values.items()}
    return Frozen(field, freezing, request, shaped | ({FOD: fod.reshape(*request.shape, -1)} if freezing.fod else {}))


def write_frozen(frozen: Frozen, path: str | Path) -> list[Path]:
    """Write frozen parameters as NIfTI with JSON side-cars, each file whole or not at all.

    Parameters
    ----------
    frozen
        What to write.
    path
        Of the map, if there is one; of several, the first part of each file's name.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    from ...results import record_of  # brings torch

    base = user_path(path)
    prefix = base.name.removesuffix(".gz").removesuffix(".nii")
    region = "whole volume" if frozen.freezing.whole else "what was in view"
    record = {**record_of(frozen.field), "Sampling": {"SamplesPerVoxel": frozen.freezing.factor, "Region": region}}
    written = []
    for symbol, values in frozen.values.items():
        label = FOD if symbol == FOD else PARAMETERS[symbol].label
        target = base if len(frozen.values) == 1 else base.with_name(map_name(label, prefix))
        data = np.moveaxis(values, (0, 1, 2), (2, 1, 0))
        save = save_fod(data, frozen.affine, target, record) if symbol == FOD else None
        written.append(save or save_map(symbol, data, frozen.affine, target, record))
    return written
