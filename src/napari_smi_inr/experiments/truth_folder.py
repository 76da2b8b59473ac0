"""A truth that the user gives: a folder of maps."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..io.files import sha256, user_path
from ..io.maps import map_name
from ..io.nifti import Grid, grid_of, open_image, read_map, read_volumes
from ..parameters import FOD, PARAMETERS
from ..signal_model.spherical_harmonics import P00, lmax_of
from ..simulation.from_maps import TrueMaps
from ..simulation.phantom import S0_LEVEL
from .source import MapsSource

_NEEDED = ("Di", "De", "Dp", "f")


def read_truth(folder: str | Path) -> MapsSource:
    """Read maps to be taken as the truth.

    Parameters
    ----------
    folder
        Has NIfTI maps of Di, De, Dp and f and the SH coefficients ``fod`` (MRtrix basis, scanner axes), named
        plainly (``Di.nii.gz``) or as a fit writes them (``…model-sm_param-di_dwimap.nii.gz``). ``S0`` and ``mask``
        may be there; without them S0 is the same everywhere, and every voxel with finite maps counts.

    Returns
    -------
    MapsSource
        Voxels with De < Dp, which are unphysical, and without a FOD are left out; its notes count them.

    Raises
    ------
    InputError
        If the folder or a map is missing, or the maps do not lie on one grid or are unphysical.
    """
    place = user_path(folder)
    if not os.path.isdir(place):  # unlike Path.is_dir, also of what cannot be looked at
        raise InputError(place, "there is no such folder (maps taken as the truth).", "Check the path.")
    files = {symbol: _find(place, symbol, PARAMETERS[symbol].label) for symbol in _NEEDED}
    files[FOD] = _find(place, FOD, FOD)
    grid = grid_of(open_image(files["Di"], "map of Di"))
    maps = {symbol: read_map(files[symbol], f"map of {symbol}", grid)[0] for symbol in _NEEDED}
    for symbol, label in (("S0", "s0"), ("mask", "mask")):
        if path := _seek(place, symbol, label):
            files[symbol] = path
            maps[symbol] = read_map(path, f"map of {symbol}", grid)[0]
    maps.setdefault("S0", np.full(grid.shape, S0_LEVEL, dtype=np.float32))
    wanted = maps.pop("mask", np.ones(grid.shape, dtype=np.float32)) > 0
    truth, notes = physical(maps, _read_fod(files[FOD], grid), wanted, grid.affine)
    return MapsSource(truth, f"maps in {place.name}", notes, {path.name: sha256(path) for path in files.values()})


def physical(
    maps: dict[str, NDArray[np.floating]],
    fod: NDArray[np.floating],
    wanted: NDArray[np.bool_],
    affine: NDArray[np.float64],
) -> tuple[TrueMaps, tuple[str, ...]]:
    """Keep the voxels whose tissue can exist, and make their FODs integrate to one.

    The paper leaves out De < Dp (section 2.6, where it is misprinted as De > Dp).

    Returns
    -------
    truth
        The voxels kept.
    notes
        How many were left out, and why.
    """
    finite = wanted & np.all([np.isfinite(values) for values in maps.values()], axis=0) & np.isfinite(fod).all(axis=-1)
    with_fod = finite & (fod[..., 0] > 0) & (maps["S0"] > 0)
    kept = with_fod & (maps["De"] >= maps["Dp"])
    counts = {
        "unknown values": np.count_nonzero(wanted & ~finite),
        "no FOD or no S0": np.count_nonzero(finite & ~with_fod),
        "De < Dp": np.count_nonzero(with_fod & ~kept),
    }
    notes = [f"{n} voxels with {what} are left out." for what, n in counts.items() if n]
    if not kept.any():
        raise InputError("truth", "has no physical voxel. " + " ".join(notes), "Check the maps and the mask.")
    coefficients = fod[kept].astype(np.float64)
    coefficients *= P00 / coefficients[:, :1]
    values = {symbol: volume[kept] for symbol, volume in maps.items()}
    return TrueMaps(values, coefficients, kept, affine), (f"{kept.sum()} voxels taken as the truth.", *notes)


def _read_fod(path: Path, grid: Grid) -> NDArray[np.float32]:
    image = open_image(path, "FOD")
    found = grid_of(image)
    if image.ndim != 4:
        raise InputError(path, f"has {image.ndim} dimensions; an FOD has 4.", "Give its SH coefficients as volumes.")
    if found.distance(grid) > 0.1 * grid.voxel_size.min():
        raise InputError(path, f"is not on the grid of the maps: {found}; they have {grid}.", "Resample it to theirs.")
    try:
        lmax_of(image.shape[3])
    except ValueError as error:
        raise InputError(path, f"cannot be an FOD: {error}.", "Give all coefficients of the even orders.") from None
    return read_volumes(image)


def _find(folder: Path, symbol: str, label: str) -> Path:
    path = _seek(folder, symbol, label)
    if path is None:
        raise InputError(folder, f"has no map of {symbol}.", f"Name it {symbol}.nii.gz or {map_name(label)}.")
    return path


def _seek(folder: Path, symbol: str, label: str) -> Path | None:
    """The one file of a parameter, if there is any."""
    plain = [folder / f"{symbol}{ending}" for ending in (".nii.gz", ".nii")]
    found = [path for path in plain if path.is_file()] or sorted(folder.glob(f"*{map_name(label)}"))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(folder, f"has several maps of {symbol}: {names}.", "Keep one of them there.")
    return found[0] if found else None
