"""A truth made from a scan, the way the paper made its own from an MGH subject (section 2.6)."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import DiffusionDataset
from ..io.files import replacing
from ..io.json_text import read_json
from ..io.maps import map_name, save_fod, save_maps
from ..methods import fit_steps, make_settings
from ..noise_level import estimate_noise
from ..parameters import FOD, KERNEL_PARAMETERS
from .anisotropic_filter import smooth_within_edges
from .machine import versions
from .middle import middle_of
from .multi_tissue import multi_tissue_fods
from .settings import ExperimentSettings
from .source import MapsSource
from .truth_folder import physical, read_truth

LMAX = 8
"""Order of the FODs, as far as the scan supports it."""

_RECORD = "made.json"
_NOISE = "mppca"
SMI_SETTINGS: dict[str, Any] = {"lmax": 4, "rician_correction": True}
"""As the paper ran it."""


def kept_truth(original: DiffusionDataset, settings: ExperimentSettings, folder: Path) -> MapsSource:
    """The truth made from a scan, read from a folder if it was made before.

    Parameters
    ----------
    original, settings
        As for :func:`truth_from_scan`.
    folder
        Belongs to these settings and this scan.
    """
    record = folder / _RECORD
    if not record.is_file():
        made = truth_from_scan(original, settings)
        about = {
            "Model": {"Description": f"Standard Model of white matter: {made.description}"},
            "Experiment": json.loads(settings.model_dump_json()),
            "Provenance": {"versions": versions(), "inputs": dict(made.checksums), "notes": list(made.notes)},
        }
        save_maps(made.truth.maps(), made.truth.affine, folder, about)
        save_fod(made.truth.fod_map(), made.truth.affine, folder / map_name(FOD), about)
        with replacing(record) as stream:
            stream.write(json.dumps({"description": made.description, "notes": made.notes}, indent=2).encode())
    # always from the files: a run that goes on must meet the very same numbers
    told = read_json(record, "record of a truth")
    notes = tuple(map(str, told.get("notes") or ()))
    return MapsSource(read_truth(folder).truth, str(told.get("description")), notes, original.checksums)


def truth_from_scan(original: DiffusionDataset, settings: ExperimentSettings) -> MapsSource:
    """Make maps to be taken as the truth.

    Kernel maps by SMI (with the correction for Rician noise, its level by MP-PCA unless known), smoothed by
    anisotropic diffusion; FODs by multi-tissue deconvolution, divided by their l = 0 term.

    Parameters
    ----------
    original
        The scan.
    settings
        How many voxels are wanted, those nearest the middle; seed and device.

    Returns
    -------
    MapsSource
        Voxels with De < Dp are left out; its notes count them.

    Raises
    ------
    InputError
        If SMI or the deconvolution cannot work with the scan, or no voxel is physical.
    """
    n = settings.truth_voxels
    scan = original if n is None else middle_of(original, n)
    if scan.noise is None:
        scan = replace(scan, noise=estimate_noise(scan.signal, scan.acquisition, scan.mask, _NOISE))
    maps = _smi(scan, settings)
    smooth = {symbol: smooth_within_edges(maps[symbol], scan.mask) for symbol in KERNEL_PARAMETERS}
    found = multi_tissue_fods(scan, LMAX)
    fod = np.zeros((*scan.shape, found.shape[1]))
    fod[scan.mask] = found
    truth, notes = physical({**smooth, "S0": maps["S0"]}, fod, scan.mask, scan.affine)
    order = f"FODs reach lmax {truth.lmax}, which the protocol supports."
    return MapsSource(truth, "maps made from a scan as the paper made its truth", (*notes, order), original.checksums)


def _smi(scan: DiffusionDataset, settings: ExperimentSettings) -> dict[str, NDArray[np.float32]]:
    config = make_settings("smi", seed=settings.seed, device=settings.device, **SMI_SETTINGS)
    (last,) = deque(fit_steps(scan, config), maxlen=1)
    return last.field().maps()
