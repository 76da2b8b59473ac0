"""The field file: one safetensors file, numbers as tensors and everything else as JSON in its header.

Nothing in it can run code; unknown or damaged files are refused before anything is built from them.
"""

from __future__ import annotations

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
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..acquisition import Acquisition
from ..errors import InputError
from ..estimation.device import resolve_device
from ..io.sidecar import CONVENTIONS
from ..parameters import TABLE_VERSION
from .config import FitConfig
from .field import FittedField
from .model import FieldModel

FORMAT = "napari-smi-inr field"
FORMAT_VERSION = 1
_KEY = "napari_smi_inr"
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
        "conventions": CONVENTIONS,
    }
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


def _unshared(model: FieldModel) -> Mapping[str, torch.Tensor]:
    """The state with shared matrices named once: safetensors refuses two names for one memory."""
    seen: dict[int, str] = {}
    return {name: t for name, t in model.state_dict().items() if seen.setdefault(t.data_ptr(), name) == name}


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
    source, place = Path(path), resolve_device(device)
    try:
        with safe_open(source, framework="pt") as file:
            header = _header(source, file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        return _build(header, tensors, place)
    except FileNotFoundError as error:
        raise InputError(source, "there is no such file.", "Check the path.") from error
    except (OSError, SafetensorError, struct.error) as error:
        raise InputError(source, f"is not a readable field file ({error}).", "Was it copied whole?") from error
    except (LookupError, TypeError, ValueError, RuntimeError, ValidationError) as error:
        if isinstance(error, InputError) and error.where == str(source):
            raise
        raise InputError(source, f"is damaged: {_brief(error)}.", "Fit again, or fetch a fresh copy.") from error


def _header(source: Path, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """The JSON header, after checking that this file is ours and not from the future."""
    if not metadata or _KEY not in metadata:
        raise InputError(source, "is a safetensors file, but holds no field.", "Choose a file saved by this program.")
    header = json.loads(metadata[_KEY])
    if header["format"] != FORMAT:
        raise InputError(source, f"holds {header['format']!r}, not a field.", "Choose a file saved by this program.")
    for name, known in (("version", FORMAT_VERSION), ("parameter_table", TABLE_VERSION)):
        if header[name] > known:
            raise InputError(source, f"comes from a newer version ({name} {header[name]}).", "Update napari-smi-inr.")
    return dict(header)


def _build(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], device: torch.device) -> FittedField:
    _check_numbers(header, tensors)
    config = FitConfig.model_validate(header["config"])
    weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    _check_size(config, weights)
    model = FieldModel(config, float(header["detail"]), weights["encoding.centre"])
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if unexpected or (missing and not config.share_hidden):
        raise ValueError(f"its weights do not fit its settings ({', '.join([*missing, *unexpected])})")
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


def _check_numbers(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse numbers no fit can have left, which would surface later as empty maps or as a voxel grid nowhere."""
    bad = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    bad += [name for name in ("scale", "detail") if not 0 < float(header[name]) < math.inf]
    shapes = {"affine": (4, 4), "mask": (*tensors["mask"].shape, 1, 1, 1)[:3], "model.encoding.centre": (3,)}
    bad += [name for name, shape in shapes.items() if tensors[name].shape != shape]
    if bad:
        raise ValueError(f"no use can be made of {', '.join(bad)}")


def _check_size(config: FitConfig, weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse settings that ask for a larger network than the file holds, before it is built."""
    found = (tuple(weights["encoding.frequencies"].shape), tuple(weights["network.heads.weight"].shape)[1])
    if found != ((3, config.features), config.width) or config.layers > 64:
        raise ValueError("its weights do not fit its settings")


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
