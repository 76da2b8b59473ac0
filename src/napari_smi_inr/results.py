"""What a fit leaves on disk: maps, FOD and field file, each with the record of how it came about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .estimation.estimate import Estimate
from .estimation.residual import Residual
from .estimation.voxel_fit import VoxelFit
from .estimation.with_fod import WithFod
from .inr.field import FittedField
from .io.files import output_folder, user_path
from .io.maps import MODEL, PROTOCOL, about, about_fod, map_name, save_fod, save_maps
from .io.nifti import write_image
from .io.sidecar import strict, write_sidecar
from .io.stream import stream_image
from .parameters import FOD, PARAMETERS
from .sampling.request import SampleRequest
from .sampling.sampler import Sampler
from .signal_model.spherical_harmonics import n_coefficients

FIELD_SUFFIX = ".smi.safetensors"
"""Ending of a field file's name."""

_NOISE = "sigma"
"""File label of the noise map."""

_RESIDUAL = "residual"
"""The same of the residual map."""


def record_of(field: Estimate) -> dict[str, Any]:
    """Gather what a side-car should tell of a fit: settings with the seed, versions, input checksums, quality.

    The result is strict JSON: what is not a number is null.
    """
    fit = json.loads(field.config.model_dump_json())
    if isinstance(field, FittedField):
        fit["detail_used_mm"] = field.detail
    record = {"Fit": fit, "Quality": field.quality, PROTOCOL: _protocol(field), "Provenance": field.record}
    told = strict(record)
    assert isinstance(told, dict)
    return told


def _protocol(field: Estimate) -> dict[str, Any]:
    """What the protocol can identify of the parameters."""
    verdict = field.acquisition.verdict(field.lmax)
    told = {"Identifiable": verdict.identifiable, "Weak": verdict.weak, "Verdict": verdict.text}
    return {**told, "LargestBZero": f"{1000 * field.acquisition.b0_threshold:g} s/mm²"}


def label_of(field: Estimate) -> str:
    """BIDS ``desc-<label>`` of an estimate's maps: its method, and nothing for the INR."""
    return "" if isinstance(field, FittedField) else field.config.method


def write_results(
    field: Estimate, folder: str | Path, name: str = "", desc: str = "", told: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write everything a fit gives.

    Parameters
    ----------
    field
        The fit.
    folder
        Made if missing.
    name
        First part of every file name, usually the scan's.
    desc
        BIDS ``desc-<label>`` of the maps, for results of several methods side by side.
    told
        What else every side-car is to tell.

    Returns
    -------
    The maps (each with a JSON side-car), the FOD, of an INR the field file ``<name>.smi.safetensors``, and of a
    method that went by a noise level the map of it.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    target, record = user_path(folder), {**(told or {}), **record_of(field)}
    paths = save_maps(field.maps(), field.affine, target, record, name, desc)
    paths.append(save_fod(field.fod_map(), field.affine, target / map_name(FOD, name, desc), record))
    if isinstance(field, FittedField):
        paths.append(target / f"{name or 'field'}{FIELD_SUFFIX}")
        field.save(paths[-1])
    if isinstance(field, VoxelFit) and (noise := field.noise_map()) is not None:
        paths.append(target / map_name(_NOISE, name, desc))
        write_image(paths[-1], noise, field.affine, described=True)
        write_sidecar(paths[-1], {"Description": "standard deviation of the noise", "Units": "signal", **record})
    return paths


def write_residual(
    field: Estimate,
    residual: Residual,
    folder: str | Path,
    name: str = "",
    desc: str = "",
    told: Mapping[str, Any] | None = None,
) -> Path:
    """Write what a fit leaves unexplained, with its side-car; arguments as for :func:`write_results`.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    target = output_folder(folder) / map_name(_RESIDUAL, name, desc)
    write_image(target, residual.values, field.affine, described=True)
    write_sidecar(target, {"Description": residual.description, "Units": "1", **(told or {}), **record_of(field)})
    return target


def write_sampled(
    field: FittedField,
    parameter: str,
    factor: float,
    path: str | Path,
    on_points: Callable[[int], object] = lambda n: None,
) -> Path:
    """Write a parameter on a grid finer than the scan's over the same field of view, with its side-car.

    The outer faces of the volume stay where they are, so voxels are ``factor`` times smaller along each axis.
    Values go to the file as they are computed: memory holds no map.

    Parameters
    ----------
    field
        What to sample; NaN outside its mask.
    parameter
        Symbol of one of its scalars, or ``"fod"`` for the coefficients of the FOD, as MRtrix reads them; 0 outside
        the mask.
    factor
        How much finer; below 1 coarser.
    path
        Ends in .nii or .nii.gz.
    on_points
        Called with the number of grid points done since the last call.

    Raises
    ------
    InputError
        If there is no such parameter, the factor is not positive, or the file cannot be written.
    """
    if parameter not in (*field.parameters, FOD):
        known = ", ".join((*field.parameters, FOD))
        raise InputError("parameter", f"the field has no {parameter!r}.", f"Choose one of: {known}.")
    grid = SampleRequest.over_volume(field.affine, field.shape, factor)
    # NIfTI counts its first axis fastest, a request its last
    request = SampleRequest(grid.affine[:, [2, 1, 0, 3]], grid.shape[::-1])
    record = record_of(field)
    if parameter == FOD:
        shape = (*grid.shape, n_coefficients(field.lmax))
        target = stream_image(path, shape, grid.affine, _coefficients(field, request, on_points))
        meaning = about_fod(shape[3])
    else:
        target = stream_image(path, grid.shape, grid.affine, _column(field, parameter, request, on_points))
        meaning = about(PARAMETERS[parameter], record)
    told = {**meaning, "SamplingFactor": factor, **MODEL}
    write_sidecar(target, {**told, **record})
    return target


def _column(
    field: FittedField, parameter: str, request: SampleRequest, on_points: Callable[[int], object]
) -> Iterator[NDArray[np.float32]]:
    """One parameter's values, stretch by stretch."""
    column = field.parameters.index(parameter)
    for _, values in Sampler(field).stream(request):
        yield values[:, column]
        on_points(len(values))


def _coefficients(
    field: FittedField, request: SampleRequest, on_points: Callable[[int], object]
) -> Iterator[NDArray[np.float32]]:
    """The FOD's coefficients, stretch by stretch."""
    for _, values in Sampler(WithFod(field)).stream(request):
        yield np.nan_to_num(values[:, len(field.parameters) :])
        on_points(len(values))
