"""The field file: one safetensors file, numbers as tensors and everything else as JSON in its header.

Nothing in it can run code; unknown or damaged files are refused before anything is built from them. A checksum over
all it holds finds out a single changed bit. Files of version 1 have none: they open, with a note in their record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, NonNegativeInt

from ..acquisition import B0_THRESHOLD, Acquisition
from ..estimation.device import resolve_device
from ..io.sidecar import CONVENTIONS
from ..parameters import TABLE_VERSION
from .config import FitConfig
from .field import FittedField
from .model import FieldModel
from .tensor_file import CHECKSUM, read_tensors, write_tensors

FORMAT = "napari-smi-inr field"
FORMAT_VERSION = 2
_KNOWN = {"format": FORMAT, "version": FORMAT_VERSION, "parameter_table": TABLE_VERSION}
_UNSIGNED = 1
"""The version whose files cannot tell whether they are damaged."""
_UNCHECKED = (
    "The field file was written by an earlier version, without a checksum: damage to its numbers would not be noticed. "
    "Save it again to add one."
)
_MOST_LAYERS = 64
_PROTOCOL = ("b", "b_delta", "directions")
_B0 = "b0_threshold"
"""Of the protocol, which files of earlier versions do not tell: there was one only."""


def write_field(field: FittedField, path: str | PathLike[str]) -> None:
    """Write a field; the file appears whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written there.
    """
    tensors = {f"model.{name}": tensor for name, tensor in _unshared(field.model).items()}
    tensors |= {f"protocol.{name}": torch.as_tensor(getattr(field.acquisition, name)) for name in _PROTOCOL}
    tensors["affine"] = torch.as_tensor(field.affine)
    tensors["mask"] = torch.from_numpy(field.mask.astype(np.uint8))
    header = {
        **_KNOWN,
        "config": field.config.model_dump(),
        "detail": field.detail,
        "scale": field.scale,
        _B0: field.acquisition.b0_threshold,
        "record": dict(field.record),
        "training": dict(field.training),
        "conventions": CONVENTIONS,
    }
    write_tensors(Path(path), tensors, header)


def _unshared(model: FieldModel) -> dict[str, torch.Tensor]:
    """The state with shared matrices named once: safetensors refuses two names for one memory."""
    seen: dict[int, str] = {}
    state = model.state_dict(keep_vars=True)
    return {name: t for name, t in state.items() if seen.setdefault(id(t), name) == name}


def open_field(path: str | PathLike[str], device: str = "cpu") -> FittedField:
    """Open a field file.

    Parameters
    ----------
    path
        A file written by :meth:`FittedField.save`, on any device.
    device
        Where to evaluate it.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind, or from a newer version; or the device
        does not exist.
    """
    place = resolve_device(device)
    build = partial(_build, device=place)
    return read_tensors(Path(path), "field", _KNOWN, build, "Fit again, or fetch a fresh copy.", unsigned=_UNSIGNED)


def _build(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], *, device: torch.device) -> FittedField:
    _check_numbers(header, tensors)
    config = FitConfig.model_validate(header["config"])
    weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    _check_size(config, weights)
    model = FieldModel(config, float(header["detail"]), weights["encoding.centre"])
    _check_shapes(model, weights)
    model.load_state_dict(weights, strict=not config.share_hidden)
    record = dict(header["record"])
    if CHECKSUM not in header:
        record["notes"] = [*record.get("notes", ()), _UNCHECKED]
    return FittedField(
        model=model.eval().requires_grad_(False).to(device),
        config=config,
        detail=float(header["detail"]),
        affine=tensors["affine"].numpy(),
        mask=tensors["mask"].numpy().astype(bool),
        scale=float(header["scale"]),
        acquisition=Acquisition(
            **{name: tensors[f"protocol.{name}"].numpy() for name in _PROTOCOL},
            b0_threshold=float(header.get(_B0, B0_THRESHOLD)),
        ),
        record=record,
        training=dict(header["training"]),
    )


class _Told(BaseModel):
    """What others rely on in a field's record and in the story of its training; more may be there."""

    inputs: dict[str, str] = {}
    notes: list[str] = []
    epochs: float = 0.0
    held_out_volumes: list[NonNegativeInt] = []
    held_out_rmse: float = math.nan
    rmse: float = math.nan


def _check_numbers(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse numbers no fit can have left, which would surface later as empty maps or as a voxel grid nowhere."""
    bad = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    bad += [name for name in ("scale", "detail") if not 0 < float(header[name]) < math.inf]
    shapes = {"affine": (4, 4), "mask": (*tensors["mask"].shape, 1, 1, 1)[:3], "model.encoding.centre": (3,)}
    bad += [name for name, shape in shapes.items() if tensors[name].shape != shape]
    if bad or not tensors["mask"].any() or np.linalg.det(tensors["affine"].numpy()[:3, :3]) == 0:
        raise ValueError(f"no use can be made of {', '.join(bad) or 'its mask or affine'}")
    told = [_Told.model_validate(header[part]) for part in ("record", "training")]
    if max(told[1].held_out_volumes, default=0) >= len(tensors["protocol.b"]):
        raise ValueError("it tells of volumes that its protocol does not have")


def _check_size(config: FitConfig, weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse settings of a network with more weights than there are, before memory is set aside for it.

    Torch's meta device would tell all shapes without any memory, but imports a thousand modules for the first of them:
    a second and a half in which a window would not answer.
    """
    further = min(config.layers - 1, 2) if config.share_hidden else config.layers - 1
    matrices = (2 * config.features + further * config.width) * config.width
    if config.layers > _MOST_LAYERS or matrices > sum(map(torch.numel, weights.values())):
        raise ValueError("its weights do not fit its settings")


def _check_shapes(model: FieldModel, weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights that are not those of a network."""
    if {name: t.shape for name, t in weights.items()} != {name: t.shape for name, t in _unshared(model).items()}:
        raise ValueError("its weights do not fit its settings")
