"""Fits kept in a folder as soon as they end, so that a run that was cut short goes on where it stopped."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import DiffusionDataset
from ..errors import InputError
from ..estimation.device import resolve_device
from ..estimation.estimate import Estimate
from ..estimation.settings import Settings
from ..estimation.voxel_fit import VoxelFit
from ..inr.field_file import open_field
from ..io.files import output_folder, replacing
from ..io.json_text import read_json
from ..io.maps import map_name
from ..io.nifti import open_image, read_volumes
from ..parameters import FOD, PARAMETERS, SCALARS
from ..results import FIELD_SUFFIX, write_results

_RECORD = "fit.json"


@dataclass(frozen=True, eq=False)
class StoredFit:
    """A fit with the time it took.

    Attributes
    ----------
    estimate
        The fit.
    seconds
        How long it took.
    """

    estimate: Estimate
    seconds: float


class FitStore:
    """A folder of fits, one sub-folder each.

    Parameters
    ----------
    folder
        Made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = output_folder(folder)

    def recall(self, label: str, dataset: DiffusionDataset, config: Settings) -> StoredFit | None:
        """The fit of this name, if it was made of the same data with the same settings."""
        place = self.folder / label
        try:
            record = read_json(place / _RECORD, "record of a fit")
        except InputError:
            return None
        if record.get("key") != key_of(dataset, config):
            return None
        try:
            estimate = _open(place, dataset, config)
        except (InputError, OSError, ValueError, TypeError, LookupError, AttributeError):
            return None  # spoilt since: fitted again
        return StoredFit(estimate, float(record["seconds"]))

    def keep(
        self, label: str, dataset: DiffusionDataset, config: Settings, estimate: Estimate, seconds: float
    ) -> StoredFit:
        """Write a fit; its folder appears whole or not at all.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        place, part = self.folder / label, self.folder / f".{label}.part"
        _remove(part)
        write_results(estimate, part)
        record = {"label": label, "settings": config.model_dump(), "seconds": seconds, "key": key_of(dataset, config)}
        with replacing(part / _RECORD) as stream:
            stream.write((json.dumps(record, indent=2) + "\n").encode())
        _remove(place)
        try:
            part.rename(place)
        except OSError as error:
            raise InputError(place, f"cannot be written: {error.strerror}.", "Choose another folder.") from None
        return StoredFit(estimate, seconds)


def key_of(dataset: DiffusionDataset, config: Settings) -> str:
    """Fingerprint of what decides a fit: the data and the settings."""
    return dataset.fingerprint(json.dumps(config.model_dump(), sort_keys=True).encode())


def _open(place: Path, dataset: DiffusionDataset, config: Settings) -> Estimate:
    field = place / f"field{FIELD_SUFFIX}"
    if field.is_file():
        return open_field(field, str(resolve_device(getattr(config, "device", "auto"))))
    maps = {symbol: _read(place / map_name(PARAMETERS[symbol].label)) for symbol in SCALARS}
    sidecar = read_json(place / map_name(FOD).replace(".nii.gz", ".json"), "side-car")
    quality = sidecar["Quality"]
    return VoxelFit(
        config=config,
        scalars=np.stack([maps[symbol][dataset.mask] for symbol in SCALARS], axis=1),
        fod=_read(place / map_name(FOD))[dataset.mask],
        affine=dataset.affine,
        mask=dataset.mask,
        scale=dataset.scale,
        acquisition=dataset.acquisition,
        record=sidecar["Provenance"],
        training={key: value for key, value in quality.items() if key != "share_at_bound"},
    )


def _read(path: Path) -> Any:
    return read_volumes(open_image(path, "map"))


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
