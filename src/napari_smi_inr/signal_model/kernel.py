"""The fibre response, projected on Legendre polynomials.

For an axially symmetric b-tensor and a fibre of axis n, the signal of a compartment with axial
and radial diffusivity D∥ and D⊥ depends on x = n·u alone (arXiv 2506.15762, eq. 2, brackets mended):

    k(x) = exp(-b [D⊥ + (D∥ - D⊥) ((1 - b_delta)/3 + b_delta x²)]).

Its projections on P_l come from c_l(α) = ∫₀¹ exp(-α x²) P_l(x) dx with α = b b_delta (D∥ - D⊥). The
closed forms in erf(√α) cancel to nothing at small α and do not exist for α < 0; Gauss-Legendre
quadrature is exact to rounding for either sign, and its gradient comes for free.

An asymmetry ε of the b-tensor, b ε (e₁e₁ᵀ - e₂e₂ᵀ) across u, changes the signal of a fibre to first order by
-b ε (D∥ - D⊥) k(x) (1 - x²) cos 2φ, with φ about u from e₁. Its part of order l is 4π b ε A_l Σ_m p_lm
[Y_lm(e₁) - Y_lm(e₂)] with A_l = -(D∥ - D⊥) ∫₀¹ k(x) (1 - x²)² P_l''(x)/P_l''(0) dx / 4: at the equator, x = 0,
Y_lm(e₁) - Y_lm(e₂) keeps what goes with cos 2φ, and up to l = 4 nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import eval_legendre

from ..parameters import FASTEST

ORDINARY_ALPHA = 32.0
"""|α| = b·D of the strongest ordinary protocol: b = 8 ms/µm² and D = 4 µm²/ms."""

ASYMMETRY_LMAX = 4
"""Highest order in which asymmetry is seen: those above add less than its second power, which is left out, too."""


@lru_cache(maxsize=64)
def quadrature(nodes: int, lmax: int, dtype: torch.dtype, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Squares of the nodes on [0, 1] (nodes,) and weights times P_l (nodes, lmax/2 + 1)."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    x, w = (x + 1) / 2, w / 2
    weighted = w[:, None] * np.stack([eval_legendre(order, x) for order in range(0, lmax + 1, 2)], axis=1)
    return (
        torch.as_tensor(x**2, dtype=dtype, device=device),
        torch.as_tensor(weighted, dtype=dtype, device=device),
    )


@lru_cache(maxsize=64)
def _asymmetry_weights(nodes: int, lmax: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """(nodes, orders l = 2, 4) weights times (1 - x²)² P_l''(x)/P_l''(0) / 4."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    x2 = ((x + 1) / 2) ** 2
    across = (w / 8 * (1 - x2) ** 2)[:, None] * np.stack([np.ones_like(x2), 1 - 7 * x2], axis=1)
    return torch.as_tensor(across[:, : min(lmax, ASYMMETRY_LMAX) // 2], dtype=dtype, device=device)


def quadrature_nodes(alpha_max: float, dtype: torch.dtype) -> int:
    """Nodes that bring c_l(α), |α| ≤ `alpha_max`, l ≤ 8, to the rounding error of `dtype`.

    Measured against mpmath: for α in [-16, 32], 16 nodes leave 1e-9 and 24 leave 8e-16; the number
    needed grows with √α.
    """
    least = 24 if dtype == torch.float64 else 16
    return max(least, int(np.ceil(least * np.sqrt(alpha_max / ORDINARY_ALPHA))))


def legendre_projections(alpha: Any, lmax: int, nodes: int | None = None) -> torch.Tensor:
    """Projections c_l(α) = ∫₀¹ exp(-α x²) P_l(x) dx for even l.

    Parameters
    ----------
    alpha
        (…) real numbers of any sign: tensor, array or number. Floating types are kept, numbers count as float64.
    lmax
        Highest even order.
    nodes
        Quadrature nodes; by default as many as the largest |α| asks for.

    Returns
    -------
    (…, lmax/2 + 1) projections, differentiable in `alpha`.

    Notes
    -----
    arXiv 2506.15762, appendix; absolute error below 1e-6 (float32) and 1e-12 (float64), scaled by
    max(1, exp(-α)).
    """
    tensor = alpha if isinstance(alpha, torch.Tensor) else torch.tensor(np.asarray(alpha))
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.float64)
    if nodes is None:
        largest = float(tensor.detach().abs().max()) if tensor.numel() else 0.0
        nodes = quadrature_nodes(largest, tensor.dtype)
    x2, weighted = quadrature(nodes, lmax, tensor.dtype, tensor.device)
    return torch.exp(-tensor[..., None] * x2) @ weighted


def _compartment(
    b: torch.Tensor,
    b_delta: torch.Tensor,
    axial: torch.Tensor,
    radial: torch.Tensor | float,
    lmax: int,
    nodes: int,
    asymmetric: bool,
) -> torch.Tensor:
    """(…, lmax/2 + 1) projections of one compartment's k(x), those of its asymmetry after them.

    The exponent is summed before it is exponentiated: it never exceeds 0 for non-negative
    diffusivities, so nothing overflows for planar encoding either.
    """
    x2, weighted = quadrature(nodes, lmax, axial.dtype, axial.device)
    spread = axial - radial
    isotropic = b * (radial + spread * (1.0 - b_delta) / 3.0)
    exponent = isotropic[..., None] + (b * b_delta * spread)[..., None] * x2
    response = torch.exp(-exponent)
    if not asymmetric:
        return response @ weighted
    across = response @ _asymmetry_weights(nodes, lmax, axial.dtype, axial.device)
    return torch.cat([response @ weighted, -spread[..., None] * across], dim=-1)


def compartment_integrals(
    b: NDArray[np.float64], b_delta: NDArray[np.float64], lmax: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The kernel of G fixed b-tensors as matrices, for the sake of speed: few operations, whatever G and `lmax`.

    Parameters
    ----------
    b, b_delta
        (G,) b-values [ms/µm²] and shapes.
    lmax
        Highest even order.

    Returns
    -------
    exponents
        (3, 2·G·Q): Di, De and Dp times this are the exponents of the stick and, after it, of the zeppelin at the
        Q nodes of the quadrature. None exceeds 0.
    legendre
        (G·Q, L·G), L = lmax/2 + 1: their exponentials times this are the compartment's part of K_l, by order, then
        b-tensor. The kernel of both together is f times the stick's part and 1 - f times the zeppelin's, as
        :func:`kernel` computes it for any parameters.
    """
    x2, weighted = (
        part.numpy() for part in quadrature(_nodes_of(b, b_delta), lmax, torch.float64, torch.device("cpu"))
    )
    along = b[:, None] * ((1.0 - b_delta) / 3.0)[:, None] + (b * b_delta)[:, None] * x2  # (G, Q)
    across, none = b[:, None] - along, np.zeros(along.size)
    exponents = -np.stack(
        [
            np.concatenate([along.ravel(), none]),
            np.concatenate([none, along.ravel()]),
            np.concatenate([none, across.ravel()]),
        ]
    )
    legendre = np.einsum("ql,gh->gqlh", weighted, np.eye(len(b)))
    return exponents, legendre.reshape(along.size, -1)


def asymmetry_integrals(b: NDArray[np.float64], b_delta: NDArray[np.float64], lmax: int) -> NDArray[np.float64]:
    """(G·Q, orders·G) what makes A_l out of the exponentials of :func:`compartment_integrals`.

    They have to be multiplied with the compartment's spread first: Di for the stick, De - Dp for the zeppelin.
    """
    nodes = _nodes_of(b, b_delta)
    across = _asymmetry_weights(nodes, lmax, torch.float64, torch.device("cpu")).numpy()
    return np.asarray(-np.einsum("ql,gh->gqlh", across, np.eye(len(b))).reshape(len(b) * nodes, -1))


def _nodes_of(b: NDArray[np.float64], b_delta: NDArray[np.float64]) -> int:
    """Quadrature nodes for some b-tensors, whatever the tissue, in single precision."""
    return quadrature_nodes(float(np.max(np.abs(b * b_delta))) * FASTEST, torch.float32)


def kernel(
    b: torch.Tensor,
    b_delta: torch.Tensor,
    Di: torch.Tensor,
    De: torch.Tensor,
    Dp: torch.Tensor,
    f: torch.Tensor,
    lmax: int,
    nodes: int | None = None,
    *,
    asymmetric: bool = False,
) -> torch.Tensor:
    """Kernel K_l of the two-compartment Standard Model: a stick (f) and a zeppelin (1 - f).

    Parameters
    ----------
    b, b_delta
        b-value [ms/µm²] and shape of the b-tensor.
    Di, De, Dp
        Diffusivities [µm²/ms]; De < Dp is as good as De > Dp.
    f
        Intra-axonal signal fraction. All six broadcast against each other.
    lmax
        Highest even order.
    nodes
        Quadrature nodes, when the range of α is known beforehand.
    asymmetric
        Add the kernel of the b-tensor's asymmetry.

    Returns
    -------
    (…, lmax/2 + 1), so that the signal along u is 4π S0 Σ_lm K_l p_lm Y_lm(u) (arXiv 2506.15762, eq. 7).
    With asymmetry followed by A_l [µm²/ms] of l = 2 and, up to `lmax`, 4, to which b ε belongs.
    """
    if nodes is None:
        fastest = max(float(diffusivity.detach().max()) for diffusivity in (Di, De, Dp))
        largest = float((b * b_delta.abs()).detach().max()) * fastest
        nodes = quadrature_nodes(largest, Di.dtype)
    fraction = f[..., None]
    stick = _compartment(b, b_delta, Di, 0.0, lmax, nodes, asymmetric)
    zeppelin = _compartment(b, b_delta, De, Dp, lmax, nodes, asymmetric)
    return fraction * stick + (1.0 - fraction) * zeppelin
