"""Protocols to measure the phantom with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition

PAPER_SHELLS = ((0.0, 1.0, 4), (1.0, 1.0, 20), (2.0, 1.0, 40), (8.0, 1.0, 40), (5.0, 0.8, 35), (2.0, 0.0, 15))
"""b [ms/µm²], b_delta and number of volumes of each shell in the simulations of arXiv 2506.15762."""

_STEPS = 200

_DECIMALS = 8
"""Of direction components: text files hold them exactly, and all machines agree on them."""


def paper_protocol(seed: int = 0) -> Acquisition:
    """The 154 volumes of arXiv 2506.15762: linear, nearly linear and spherical encoding up to b = 8 ms/µm².

    Parameters
    ----------
    seed
        Of the starting directions; the same seed gives the same protocol.

    Returns
    -------
    Acquisition
        Shells in the order of :data:`PAPER_SHELLS`. Directions of a shell are spread by electrostatic
        repulsion of their axes, then every other one is flipped, so that eddy-current effects would cancel;
        b = 0 and spherical encoding have none (zeros).
    """
    rng = np.random.default_rng(seed)
    directions = [_shell_directions(b * b_delta, n, rng) for b, b_delta, n in PAPER_SHELLS]
    counts = [n for *_, n in PAPER_SHELLS]
    b, b_delta = (np.repeat([shell[i] for shell in PAPER_SHELLS], counts).astype(np.float64) for i in (0, 1))
    return Acquisition(b, b_delta, np.concatenate(directions))


def spread_axes(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, 3) unit vectors whose axes repel each other like charges, on the upper hemisphere.

    Every axis carries a unit charge at both of its ends (Jones et al. 1999). Points follow the force along the
    sphere with a step that shrinks, which suffices for evenness and is the same on every machine.
    """
    points = _unit(rng.normal(size=(n, 3)))
    for step in np.geomspace(0.5, 0.02, _STEPS) / np.sqrt(n):
        force = _repulsion(points)
        along = force - np.sum(force * points, axis=1, keepdims=True) * points
        points = _unit(points + step * along / max(np.abs(along).max(), 1e-12))
    return np.where(points[:, 2:] < 0, -points, points)


def _repulsion(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) Coulomb force on each point from all others and their antipodes."""
    ends = np.concatenate([points, -points])
    apart = points[:, None] - ends[None]
    distance = np.linalg.norm(apart, axis=-1, keepdims=True)
    # A point's own two ends are no neighbours: the near one is itself, the far one pushes only outwards.
    return np.asarray(np.sum(apart / np.maximum(distance, 1e-6) ** 3, axis=1))


def _shell_directions(anisotropy: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if anisotropy == 0:
        return np.zeros((n, 3))
    axes = spread_axes(n, rng)
    axes[1::2] *= -1
    return axes.round(_DECIMALS)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
