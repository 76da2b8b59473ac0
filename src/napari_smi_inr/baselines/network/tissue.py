"""The tissues the network learns from: drawn evenly from all there could be, and around those found in a scan.

A tissue is a row of nine numbers, in the order of :data:`TARGETS`; its S0 is 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...parameters import KERNEL_PARAMETERS, PARAMETERS
from ...signal_model.spherical_harmonics import P00, P2_SCALE

ORDER: Final = 2
"""The one FOD order of this method."""

N_KERNEL = len(KERNEL_PARAMETERS)

TARGETS = (*KERNEL_PARAMETERS, *(f"p2{m:+d}" if m else "p20" for m in range(-ORDER, ORDER + 1)))
"""What the network estimates: Di, De, Dp, f and the five FOD coefficients of order 2."""

SPREAD = 0.3
"""Standard deviation of a mutation, as a share of the value (the setting of the published script)."""

STRAYS = 0.05
"""Share of mutants that may stay out of bounds; they are removed."""

_BOUNDS = np.array([PARAMETERS[symbol].bounds for symbol in KERNEL_PARAMETERS], dtype=np.float64).T


def coherence(tissue: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) p2 of (N, 9) tissues."""
    return np.asarray(P2_SCALE * np.linalg.norm(tissue[:, N_KERNEL:], axis=1), dtype=np.float64)


def fod_of(tissue: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, 6) SH coefficients of (N, 9) tissues, p00 in front."""
    return np.column_stack([np.full(len(tissue), P00), tissue[:, N_KERNEL:]])


def in_bounds(tissue: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(N,) whether tissues lie within the bounds of the parameter table, p2 ≤ 1 included; NaN does not."""
    low, high = _BOUNDS
    kernel = tissue[:, :N_KERNEL]
    return np.asarray(((kernel >= low) & (kernel <= high)).all(axis=1) & (coherence(tissue) <= 1.0))


def clip(tissue: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, 9) tissues brought within bounds: the kernel's values cut off, an FOD with p2 > 1 scaled to p2 = 1."""
    clipped = np.array(tissue, dtype=np.float64)
    clipped[:, :N_KERNEL] = clipped[:, :N_KERNEL].clip(*_BOUNDS)
    clipped[:, N_KERNEL:] /= np.maximum(coherence(tissue), 1.0)[:, None]
    return clipped


def uniform_tissue(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, 9) tissues drawn evenly within the bounds of the parameter table.

    The FOD coefficients follow de Almeida Martins et al. 2021: a random direction in five dimensions times
    √(5/4π), each component then times its own number from U(0, 1). That favours p2 around 0.5 and keeps it
    below 1.
    """
    low, high = _BOUNDS
    kernel = rng.uniform(low, high, size=(n, N_KERNEL))
    direction = rng.standard_normal((n, 2 * ORDER + 1))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return np.column_stack([kernel, direction * rng.uniform(size=direction.shape) / P2_SCALE])


def mutants(parents: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Variations of given tissues: every number times 1 + 0.3 N(0, 1) of its own.

    Parameters
    ----------
    parents
        (P, 9) tissues within bounds, which take turns.
    n
        Variations to draw.
    rng
        Source of the random numbers.

    Returns
    -------
    (M, 9) with 0.95 n ≤ M ≤ n: those out of bounds are drawn again until at most 5 % remain, and these removed.
    """
    drawn = parents[np.arange(n) % len(parents)]
    stray = np.ones(n, dtype=bool)
    origin = drawn.copy()
    while stray.sum() > STRAYS * n:
        drawn[stray] = origin[stray] * (1.0 + SPREAD * rng.standard_normal((int(stray.sum()), len(TARGETS))))
        stray = ~in_bounds(drawn)
    return drawn[~stray]


def mixed_tissue(n: int, parents: NDArray[np.float64], share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """About `n` tissues in random order: a share around those of a scan, the rest drawn evenly.

    Parameters
    ----------
    n
        Tissues asked for; up to 5 % of the scan's share may be missing (:func:`mutants`).
    parents
        (P, 9) tissues found in a scan; those out of bounds are left aside. With none left, all are drawn evenly.
    share
        Share around the parents, which are themselves among them.
    rng
        Source of the random numbers.
    """
    usable = parents[in_bounds(parents)]
    n_brain = round(share * n) if len(usable) else 0
    parts = [uniform_tissue(n - n_brain, rng)]
    if n_brain:
        kept = usable[:n_brain]
        parts += [kept, mutants(usable, n_brain - len(kept), rng)]
    tissue = np.concatenate(parts)
    return tissue[rng.permutation(len(tissue))]
