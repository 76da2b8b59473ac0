"""A simulated scan as files, with its truth."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..io.export import save_scan
from ..io.maps import map_name, save_fod, save_maps
from ..io.sidecar import versions
from ..parameters import FOD
from ..signal_model.noise import NoiseKind
from .simulate import SimulatedDataset, simulate

STEP = 1 / 16
"""The stored signal is a multiple of this, as a scanner's numbers are; far below any noise, and half the file size."""

TRUTH = "truth"
"""Folder of the true maps, within the scan's."""

SAMPLE_LMAX = 4
"""Order of the sample's FODs: sharp enough for bundles to stand out."""


def write_sample(
    folder: str | Path,
    shape: tuple[int, int, int] = (28, 28, 8),
    voxel_size: float = 3.0,
    snr: float = 50.0,
    lmax: int = SAMPLE_LMAX,
    noise: NoiseKind = "gaussian",
    seed: int = 0,
    deviation: float = 0.0,
) -> list[Path]:
    """Simulate a scan of the phantom and write it with its truth; the same arguments give the same bytes.

    Parameters
    ----------
    folder
        Made if missing. Gets the scan (``dwi.nii.gz`` with ``.bval``, ``.bvec``, ``.bdelta``), ``mask.nii.gz``,
        ``noise.nii.gz``, where gradients deviate ``grad_dev.nii.gz`` and, in ``truth/``, the noise-free maps and FOD
        at the voxel centres.
    shape, voxel_size, snr, lmax, noise, seed, deviation
        As in :func:`~.simulate.simulate`.

    Returns
    -------
    The NIfTI and text files written, the scan first.

    Raises
    ------
    InputError
        If an argument makes no scan, or the folder cannot be written to.
    """
    scan = _as_stored(simulate(shape, voxel_size, snr, lmax, noise, seed, deviation=deviation))
    settings = {"shape": shape, "voxel_size": voxel_size, "lmax": lmax, "noise": noise, "seed": seed}
    settings |= {"deviation": deviation} if deviation else {}
    settings["snr"] = snr if np.isfinite(snr) else "inf"  # JSON has no infinity
    record = {
        "Model": {"Description": "Standard Model of white matter: the phantom's truth"},
        "Simulation": settings,
        "Provenance": {"versions": versions(), "notes": list(scan.notes)},
    }
    truth = Path(folder) / TRUTH
    paths = save_scan(scan, folder, record=record)
    paths += save_maps(scan.truth_maps(), scan.affine, truth, record)
    paths.append(save_fod(scan.truth.fod_map(), scan.affine, truth / map_name(FOD), record))
    return paths


def _as_stored(scan: SimulatedDataset) -> SimulatedDataset:
    """Round the scan's signal to :data:`STEP`, and its noise level to where machines agree on every digit."""
    sigma = None if scan.noise is None else _round(np.asarray(scan.noise), STEP / 64)
    return dataclasses.replace(scan, signal=_round(scan.signal, STEP), noise=sigma)


def _round(values: NDArray[np.floating], step: float) -> NDArray[np.float32]:
    return (np.round(values / step) * step).astype(np.float32)
