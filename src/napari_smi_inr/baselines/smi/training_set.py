"""Simulated voxels to learn from, drawn as Coelho et al. 2022 draw them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TARGETS = ("Di", "De", "Dp", "f", "p2")
"""What is learnt, in column order."""

PRIOR = {"Di": (1.0, 3.0), "De": (1.0, 3.0), "Dp": (0.1, 1.2), "f": (0.05, 0.95), "p2": (0.05, 0.99)}
"""Range of each target in the training set; diffusivities in µm²/ms."""

_WATER = (0.0, 0.5)
"""Range of the fraction of free water that f makes room for, and that is then left out."""

_SPARE = 5
"""Pairs of f and free water drawn for each voxel; those with f + water < 1 (72 %) count."""

_P4_SHARE = 0.9
"""p4 is at most this share of p2."""


def draw(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Parameters of simulated voxels.

    All are uniform but f: it is drawn with a fraction of free water, kept where both leave room for extra-axonal
    water, and then stands alone (f and 1 - f). High f is thereby rarer: 5.4 % lie over 0.8, the mean is 0.413.

    Parameters
    ----------
    n
        Voxels.
    rng
        Source of the random numbers.

    Returns
    -------
    values
        (n, 5) columns :data:`TARGETS`.
    p
        (n, 3) invariants p_0 = 1, p_2 and p_4 of the FOD, p_4 uniform between 0 and 0.9 p_2.
    """
    values = {symbol: rng.uniform(*PRIOR[symbol], n) for symbol in TARGETS if symbol != "f"}
    f, water = rng.uniform(*PRIOR["f"], _SPARE * n), rng.uniform(*_WATER, _SPARE * n)
    values["f"] = f[f + water < 1][:n]
    p4 = rng.uniform(0, _P4_SHARE, n) * values["p2"]
    columns = np.stack([values[symbol] for symbol in TARGETS], axis=1)
    return columns, np.stack([np.ones(n), values["p2"], p4], axis=1)
