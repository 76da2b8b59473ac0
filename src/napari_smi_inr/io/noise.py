"""The noise level a user gives: a number, a map, or a word for how to estimate it from the scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition
from ..errors import InputError
from ..noise_level import NOISE_ESTIMATORS, estimate_noise, noise_note
from .files import is_missing, user_path
from .nifti import Grid, read_map

Noise = str | Path | float | None
"""As users give it; text that is no word of :data:`~napari_smi_inr.noise_level.NOISE_ESTIMATORS` is a path."""


def parse_noise(text: str) -> Noise:
    """Understand what a user types: a number, a word, the path of a map, or nothing.

    A file that is called like a word is reached by ``./word``.
    """
    text = text.strip()
    if not text or text in NOISE_ESTIMATORS:
        return text or None
    try:
        return float(text)
    except ValueError:
        return Path(text)


def is_noise_file(noise: Noise) -> bool:
    """Whether it is the path of a map."""
    return isinstance(noise, Path) or (isinstance(noise, str) and noise not in NOISE_ESTIMATORS)


def read_noise(noise: Noise, grid: Grid) -> tuple[float | NDArray[np.float32] | None, str]:
    """Read what is given as a number or a map; a word waits for the scan.

    Returns
    -------
    sigma
        Number or (X, Y, Z) map; None where there is none, or none yet.
    note
        What is to be known about it, or nothing.

    Raises
    ------
    InputError
        If the map is missing, damaged or lies elsewhere than the scan.
    """
    if isinstance(noise, str | Path):
        if not is_noise_file(noise):
            return None, ""
        if is_missing(user_path(noise)):
            fault = "there is no such file (noise map), nor such a way to estimate the noise."
            raise InputError(noise, fault, f"Give a number, the path of a map, or one of: {_words()}.")
        return read_map(noise, "noise map", grid)
    return None if noise is None else float(noise), ""


def estimated_noise(
    how: str, signal: NDArray[np.float32], acquisition: Acquisition, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], str]:
    """Estimate what is asked for by a word.

    Returns
    -------
    sigma
        (X, Y, Z) map.
    note
        How it was found and how large it is.

    Raises
    ------
    InputError
        As :func:`~napari_smi_inr.noise_level.estimate_noise`.
    """
    sigma = estimate_noise(signal, acquisition, mask, how)
    return sigma, noise_note(sigma, signal, acquisition, mask, how)


def _words() -> str:
    return ", ".join(NOISE_ESTIMATORS)
