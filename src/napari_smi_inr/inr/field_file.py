"""The field file: one safetensors file, numbers as tensors and everything else as JSON in its header.

Nothing in it can run code; unknown or damaged files are refused before anything is built from them. A checksum over
all it holds finds out a single changed bit. Files of version 1 have none: they open, with a note in their record.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, NonNegativeInt
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..acquisition import Acquisition
from ..errors import InputError
from ..estimation.device import resolve_device
from ..io.files import readable_file
from ..io.json_text import parse_object
from ..parameters import TABLE_VERSION
from .config import FitConfig
from .field import FittedField
from .model import FieldModel

FORMAT = "napari-smi-inr field"
FORMAT_VERSION = 2
_KEY = "napari_smi_inr"
_CHECKSUM = "sha256"
_WITHOUT_CHECKSUM = 1
"""The version whose files cannot tell whether they are damaged."""
_UNCHECKED = (
    "The field file was written by an earlier version, without a checksum: damage to its numbers would not be noticed. "
    "Save it again to add one."
)
_LARGEST = 1 << 32  # bytes; forty times the network of the published size
_MOST_LAYERS = 64
_PROTOCOL = ("b", "b_delta", "directions")


def write_field(field: FittedField, path: str | PathLike[str]) -> None:
    """Write a field; the file appears whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written there.
    """
    tensors = {f"model.{name}": tensor.detach().cpu().contiguous() for name, tensor in _unshared(field.model).items()}
    tensors |= {f"protocol.{name}": torch.as_tensor(getattr(field.acquisition, name)) for name in _PROTOCOL}
    tensors["affine"] = torch.as_tensor(field.affine)
    tensors["mask"] = torch.from_numpy(field.mask.astype(np.uint8))
    header = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "parameter_table": TABLE_VERSION,
        "config": field.config.model_dump(),
        "detail": field.detail,
        "scale": field.scale,
        "record": dict(field.record),
        "training": dict(field.training),
    }
    header = parse_object(json.dumps(header))  # as it will be read
    header[_CHECKSUM] = checksum(tensors, header)
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(save(tensors, metadata={_KEY: json.dumps(header)}))
        os.replace(partial, target)
    except OSError as error:
        raise InputError(
            target, f"cannot be written ({error.strerror}).", "Choose a folder you may write to."
        ) from error
    finally:
        with suppress(OSError):  # gone already, or never made
            partial.unlink()


def checksum(tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> str:
    """SHA-256 of all that a file holds: its header but for the checksum itself, and every tensor with name and type."""
    told = {key: value for key, value in header.items() if key != _CHECKSUM}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name in sorted(tensors):
        numbers = tensors[name].numpy()
        digest.update(f"\0{name}\0{numbers.dtype.str}{numbers.shape}".encode())
        digest.update(np.ascontiguousarray(numbers).data)
    return digest.hexdigest()


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
    source = readable_file(Path(path), "field file")
    try:
        if source.stat().st_size > _LARGEST:
            raise ValueError("it is too large for a field")
        with safe_open(source, framework="pt") as file:
            header = _header(source, file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        _check_checksum(header, tensors)
        return _build(header, tensors, place)
    except (OSError, SafetensorError, struct.error) as error:
        raise InputError(source, f"is not a readable field file ({error}).", "Was it copied whole?") from error
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, MemoryError) as error:
        if isinstance(error, InputError) and error.where == str(source):
            raise
        raise InputError(source, f"is damaged: {_brief(error)}.", "Fit again, or fetch a fresh copy.") from error


def _header(source: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The JSON header, after checking that this file is ours and not from the future."""
    if _KEY not in metadata:
        raise InputError(source, "is a safetensors file, but holds no field.", "Choose a file saved by this program.")
    header = parse_object(metadata[_KEY])
    if header["format"] != FORMAT:
        raise InputError(source, f"holds {header['format']!r}, not a field.", "Choose a file saved by this program.")
    for name, known in (("version", FORMAT_VERSION), ("parameter_table", TABLE_VERSION)):
        if int(header[name]) > known:
            raise InputError(source, f"comes from a newer version ({name} {header[name]}).", "Update napari-smi-inr.")
    return header


def _check_checksum(header: dict[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse what has changed since it was written; where that cannot be told, leave a note in the record."""
    if _CHECKSUM in header:
        if header[_CHECKSUM] != checksum(tensors, header):
            raise ValueError("its content has changed since it was written")
    elif int(header["version"]) == _WITHOUT_CHECKSUM:
        record = dict(header["record"])
        header["record"] = record | {"notes": [*record.get("notes", ()), _UNCHECKED]}
    else:
        raise ValueError("its checksum is missing")


def _build(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], device: torch.device) -> FittedField:
    _check_numbers(header, tensors)
    config = FitConfig.model_validate(header["config"])
    weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    _check_shapes(config, weights)
    model = FieldModel(config, float(header["detail"]), weights["encoding.centre"])
    model.load_state_dict(weights, strict=not config.share_hidden)
    return FittedField(
        model=model.eval().requires_grad_(False).to(device),
        config=config,
        detail=float(header["detail"]),
        affine=tensors["affine"].numpy(),
        mask=tensors["mask"].numpy().astype(bool),
        scale=float(header["scale"]),
        acquisition=Acquisition(*(tensors[f"protocol.{name}"].numpy() for name in _PROTOCOL)),
        record=dict(header["record"]),
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


def _check_shapes(config: FitConfig, weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights that are not those of the settings, before memory is set aside for a network of these."""
    if config.layers > _MOST_LAYERS or max(config.width, config.features) > max(map(torch.numel, weights.values())):
        raise ValueError("its weights do not fit its settings")
    with torch.device("meta"):  # shapes without numbers
        expected = _unshared(FieldModel(config, 1.0, torch.zeros(3)))
    if {name: t.shape for name, t in weights.items()} != {name: t.shape for name, t in expected.items()}:
        raise ValueError("its weights do not fit its settings")


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
