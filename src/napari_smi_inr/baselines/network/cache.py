"""Trained networks kept in a folder, one safetensors file each.

A network depends on the protocol, on the settings of its training, and on the NLLS fits that seeded half its
training set. By default it is kept per protocol and settings and used for every scan measured alike, as a
network trained once for a study is; the fits that seeded it are kept in the file with a fingerprint of their
scan, and each result's record tells them. ``reuse="scan"`` makes the scan part of the key.

Files hold numbers and JSON only. One that is damaged, foreign or of other content than its name says is trained
over; nothing in it is trusted beyond the weights, whose shapes are those of the network.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import save

from ...acquisition import B0_THRESHOLD, Acquisition
from ...dataset import DiffusionDataset
from ...errors import InputError
from ...inr.tensor_file import content_of
from ...io.files import is_missing, output_folder, readable_file, replacing, user_path
from ...io.json_text import parse_object
from ...parameters import TABLE_VERSION
from .config import NetworkConfig
from .model import TrainedNetwork, weight_shapes
from .scaling import Range
from .tissue import TARGETS

RECIPE = 1
"""Raised whenever the same settings would train another network: networks of older recipes are left aside."""

FORMAT = "napari-smi-inr network"
SUFFIX = ".nn.safetensors"
_KEY = "napari_smi_inr"
_LARGEST = 1 << 26
"""Bytes; no network is as large, so such a file is not read."""

_TRAINING_SETTINGS = ("vectors", "brain", "seed", "epochs", "patience", "batch_size", "learning_rate")


@dataclass(frozen=True, eq=False)
class Kept:
    """A trained network and how it came about.

    Attributes
    ----------
    network
        Ready for use.
    parents
        (P, 9) NLLS fits that seeded its training set.
    record
        The story of its training, in JSON's types.
    """

    network: TrainedNetwork
    parents: NDArray[np.float32]
    record: Mapping[str, Any]


def digest(*arrays: NDArray[Any]) -> str:
    """SHA-256 of arrays, their types and shapes; equal numbers give equal digests on every machine."""
    total = hashlib.sha256()
    for array in arrays:
        plain = np.ascontiguousarray(array + np.zeros((), array.dtype), dtype=array.dtype.newbyteorder("<"))  # -0 is 0
        total.update(f"{plain.dtype.str}{plain.shape}".encode() + plain.tobytes())
    return total.hexdigest()


def scan_digest(dataset: DiffusionDataset) -> str:
    """Fingerprint of what is fitted of a scan: the signal in its mask, and the deviation of its gradients."""
    deviation = dataset.voxel_deviation
    return digest(dataset.signal[dataset.mask], *([] if deviation is None else [deviation]))


def dependencies(dataset: DiffusionDataset, config: NetworkConfig, snr: float) -> dict[str, Any]:
    """All that decides what a trained network is, in JSON's types.

    Parameters
    ----------
    dataset
        Its exact protocol counts; the scan itself only with ``reuse="scan"``, and then only if it seeds the set.
    config
        Settings of the training.
    snr
        As used, which ``snr="auto"`` leaves open.
    """
    protocol = dataset.acquisition
    return {
        "recipe": RECIPE,
        "parameter_table": TABLE_VERSION,
        "volumes": protocol.n_volumes,
        "protocol": digest(protocol.b, protocol.b_delta, protocol.directions, *_chosen_b0(protocol)),
        **{name: getattr(config, name) for name in _TRAINING_SETTINGS},
        "snr": snr if np.isfinite(snr) else "inf",
        "scan": scan_digest(dataset) if config.reuse == "scan" and config.brain > 0 else None,
    }


def _chosen_b0(protocol: Acquisition) -> list[NDArray[np.generic]]:
    """Which volumes count as b = 0, if not those that do by themselves: a network kept before then still counts."""
    return [] if protocol.b0_threshold == B0_THRESHOLD else [protocol.is_b0]


class Cache:
    """A folder of trained networks, or none.

    Parameters
    ----------
    place
        A folder, made when first written to; ``"auto"`` for the user's cache folder, ``"off"`` for none.
    """

    def __init__(self, place: str) -> None:
        self.folder: Path | None = None
        if place == "auto":
            self.folder = platformdirs.user_cache_path("napari-smi-inr", appauthor=False) / "networks"
        elif place != "off":
            self.folder = user_path(place)

    def path(self, depends: Mapping[str, Any]) -> Path | None:
        """Where a network is or would be kept."""
        key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
        return None if self.folder is None else self.folder / f"{key[:40]}{SUFFIX}"

    def read(self, depends: Mapping[str, Any]) -> tuple[Kept | None, str | None]:
        """The network kept for these dependencies, if any, and a note where a file is of no use."""
        path = self.path(depends)
        try:
            return (_read(path, depends) if path is not None else None), None
        except FileNotFoundError:
            return None, None
        except (OSError, SafetensorError, struct.error, LookupError, TypeError, ValueError, RuntimeError) as error:
            return None, f"A kept network could not be used ({str(error) or type(error).__name__}); trained anew."

    def write(self, depends: Mapping[str, Any], kept: Kept) -> str | None:
        """Keep a network, whole or not at all; a note where that cannot be done."""
        path = self.path(depends)
        if path is None:
            return None
        try:
            output_folder(path.parent)
            with replacing(path) as stream:
                stream.write(_pack(depends, kept))
        except (InputError, OSError) as error:
            return f"The trained network was not kept: {error}"
        return None


def tensors_of(kept: Kept) -> dict[str, torch.Tensor]:
    """A network, and what seeded it, in tensors by name."""
    tensors = {f"weight.{name}": weight.contiguous() for name, weight in kept.network.weights.items()}
    for name, span in (("inputs", kept.network.inputs), ("targets", kept.network.targets)):
        tensors[f"{name}.low"], tensors[f"{name}.high"] = torch.from_numpy(span.low), torch.from_numpy(span.high)
    tensors["parents"] = torch.from_numpy(kept.parents)
    return tensors


def kept_of(tensors: Mapping[str, torch.Tensor], record: Mapping[str, Any], n_volumes: int) -> Kept:
    """The network for a protocol of so many volumes that is in tensors.

    Raises
    ------
    ValueError, KeyError
        If there is none.
    """
    _check(tensors, n_volumes)
    weights = {name.removeprefix("weight."): t for name, t in tensors.items() if name.startswith("weight.")}
    inputs, targets = (Range(tensors[f"{n}.low"].numpy(), tensors[f"{n}.high"].numpy()) for n in ("inputs", "targets"))
    return Kept(TrainedNetwork(weights, inputs, targets), tensors["parents"].numpy(), dict(record))


def _pack(depends: Mapping[str, Any], kept: Kept) -> bytes:
    tensors = tensors_of(kept)
    header = {"format": FORMAT, "depends": depends, "digest": _digest_of(tensors, kept.record), "record": kept.record}
    return save(tensors, metadata={_KEY: json.dumps(header)})


def _read(path: Path, depends: Mapping[str, Any]) -> Kept:
    if not is_missing(path):  # else what opens it says that it is not there
        readable_file(path, "trained network")
    if path.stat().st_size > _LARGEST:
        raise ValueError("it is too large")
    metadata, tensors = content_of(path)
    header = parse_object(metadata[_KEY])
    if header["format"] != FORMAT or header["depends"] != depends:
        raise ValueError("it is another network")
    kept = kept_of(tensors, header["record"], int(depends["volumes"]))
    if header["digest"] != _digest_of(tensors, header["record"]):
        raise ValueError("its content has changed")
    return kept


def _check(tensors: Mapping[str, torch.Tensor], n_volumes: int) -> None:
    """Refuse tensors of other names, shapes or types than the network's, and numbers that are not finite."""
    expected = {f"weight.{name}": shape for name, shape in weight_shapes(n_volumes).items()}
    expected |= {f"{name}.{end}": (n,) for name, n in _spans(n_volumes) for end in ("low", "high")}
    expected["parents"] = (len(tensors["parents"]), len(TARGETS))
    if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != expected:
        raise ValueError("its shapes are not the network's")
    if not all(t.dtype == torch.float32 and bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise ValueError("some of its numbers are not finite")


def _spans(n_volumes: int) -> tuple[tuple[str, int], ...]:
    return ("inputs", n_volumes), ("targets", len(TARGETS))


def _digest_of(tensors: Mapping[str, torch.Tensor], record: Mapping[str, Any]) -> str:
    numbers = digest(*(tensors[name].numpy() for name in sorted(tensors)))
    return hashlib.sha256((numbers + json.dumps(record, sort_keys=True)).encode()).hexdigest()
