"""What a protocol can identify, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy
from numpy.polynomial.legendre import Legendre, leggauss
from numpy.typing import NDArray

from .shells import Shell

_ORDERS = (2, 4, 6, 8)
_SHAPE_B = 1.0  # ms/µm²: below, a second b-tensor shape differs too little from the first to help
_SHAPE_SPREAD = 0.3  # in b_delta: the least difference that counts as a second shape
_AXONAL_B = 3.0  # ms/µm²: from here the water around the axons fades, which tells its radial diffusivity
_SAME_AXIS = np.cos(np.deg2rad(1.0))


@dataclass(frozen=True)
class Verdict:
    """What a protocol can identify.

    Attributes
    ----------
    identifiable
        Symbols of the parameters whose maps can be trusted.
    weak
        Symbols of those it hardly constrains.
    lmax
        Highest FOD order its directions and b-values support.
    text
        The same in plain words, with what would help.
    """

    identifiable: tuple[str, ...]
    weak: tuple[str, ...]
    lmax: int
    text: str


def judge(
    shells: tuple[Shell, ...], reach: NDArray[np.float64], directions: NDArray[np.float64], lmax: int | None
) -> Verdict:
    """Judge a protocol.

    Parameters
    ----------
    shells
        Its shells.
    reach
        (V,) b |b_delta| [ms/µm²], which scales the signal's dependence on direction.
    directions
        (V, 3) symmetry axes.
    lmax
        FOD order the user has in mind, if any.
    """
    identifiable, weak, text = _judge_kernel([shell for shell in shells if not shell.is_b0])
    highest = _supported_lmax(reach, directions)
    text += f" Directions and b-values support a FOD up to lmax {highest}."
    if lmax is not None and lmax > highest:
        text += f" With lmax {lmax} ({_n_coefficients(lmax)} coefficients) its finest lobes would be guesswork."
    return Verdict(identifiable, weak, highest, text)


def _judge_kernel(shells: list[Shell]) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Tell which parameters the shapes and b-values of the weighted shells can pin down.

    Linear encoding at moderate b leaves two branches of (f, Di, De, Dp) with nearly the same signal
    (Jelescu et al. 2016, doi:10.1002/nbm.3450); a second b-tensor shape separates them (Coelho et al.
    2019, doi:10.1002/mrm.27714). The limits follow the Fisher information: a parameter counts as
    identified where a hundred volumes or so at SNR 30 halve the spread that anatomy allows it. A
    second shape does that for Di, strong weighting for Dp; De takes both and gains the least.
    """
    b_max = max((shell.b for shell in shells), default=0.0)
    seen = f"b up to {b_max:.3g} ms/µm²"
    if len(shells) < 2:
        return ("S0",), ("p2",), "Only one shell: nothing but S0 can be identified. Add a second b-value or shape."
    if all(shell.is_spherical for shell in shells):
        return ("S0",), ("f",), f"Spherical encoding only, {seen}: no orientation can be seen. Add linear encoding."
    strong = [shell for shell in shells if shell.b >= _SHAPE_B]
    several = len(shells) > 2 and len(strong) > 1 and np.ptp([shell.b_delta for shell in strong]) >= _SHAPE_SPREAD
    high = b_max >= _AXONAL_B
    shapes = _and(tuple(dict.fromkeys(shell.shape for shell in shells)))
    weak = {"Di": not several, "De": not (several and high), "Dp": not high}
    doubtful = tuple(symbol for symbol in weak if weak[symbol])
    trusted = tuple(symbol for symbol in ("Di", "De", "Dp", "f", "S0", "p2") if symbol not in doubtful)
    return trusted, doubtful, f"{shapes.capitalize()} encoding, {seen}: {_advise(trusted, doubtful)}"


def _advise(trusted: tuple[str, ...], doubtful: tuple[str, ...]) -> str:
    """Say what can be trusted, why the rest cannot, and what would mend it."""
    if not doubtful:
        return "all parameters can be identified, De least surely."
    text = f"{_and(trusted)} can be trusted; {_and(doubtful)} only weakly"
    if {"Di", "Dp"} <= set(doubtful):
        text += ", since two sets of values explain the signal nearly equally well"
    remedies = {
        "Di": "a second b-tensor shape (planar or spherical) in three shells or more",
        "Dp": "b of 3 ms/µm² or more",
    }
    return f"{text}. To settle them, add {_and([remedies[symbol] for symbol in remedies if symbol in doubtful])}."


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _supported_lmax(reach: NDArray[np.float64], directions: NDArray[np.float64]) -> int:
    """Find the highest order seen along at least as many axes as the FOD has coefficients."""
    visible = np.array([_visible_order(round(float(r), 2)) for r in reach])
    supported = [order for order in _ORDERS if _n_axes(directions[visible >= order]) >= _n_coefficients(order)]
    return max(supported, default=0)


def _n_coefficients(lmax: int) -> int:
    return (lmax + 1) * (lmax + 2) // 2


def _n_axes(directions: NDArray[np.float64]) -> int:
    """Count distinct axes; u and -u measure the same."""
    same = np.abs(directions @ directions.T) > _SAME_AXIS
    return int(scipy.sparse.csgraph.connected_components(same, directed=False)[0]) if len(directions) else 0


@cache
def _visible_order(reach: float) -> int:
    """Find the highest order whose ripple reaches 2 % of S0, for half the signal in aligned sticks.

    A stick of 2.2 µm²/ms at b |b_delta| = ``reach`` has the profile exp(-2.2 reach x²); the root mean
    square of its order l over the sphere is sqrt(2l+1) |∫_0^1 exp(-2.2 reach x²) P_l(x) dx|.
    """
    nodes, weights = leggauss(24)
    x = (nodes + 1) / 2
    profile = 0.5 * (weights / 2) * np.exp(-2.2 * reach * x**2)
    ripple = {order: np.sqrt(2 * order + 1) * abs(profile @ Legendre.basis(order)(x)) for order in _ORDERS}
    return max((order for order, size in ripple.items() if size >= 0.02), default=0)
