"""The same real spherical harmonics in torch: for a basis of millions of directions, on any device."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from .spherical_harmonics import P00


def real_sh_torch(directions: torch.Tensor, lmax: int) -> torch.Tensor:
    """Basis functions at directions, as :func:`~.spherical_harmonics.real_sh` gives them.

    Every function is a polynomial in x, y and z, found by recurrence: nothing is singular at the poles, and
    gradients flow.

    Parameters
    ----------
    directions
        (…, 3) vectors in scanner axes; length is ignored, a zero vector counts as +z. The floating type is kept.
    lmax
        Highest even order.

    Returns
    -------
    (…, C) values in the MRtrix basis. In memory the C functions lie one after another (``movedim(-1, 0)`` is
    contiguous), each with its directions side by side.

    Notes
    -----
    Measured against :func:`~.spherical_harmonics.real_sh` up to lmax 8: largest difference 1e-14 in
    float64 and 5e-6 in float32, at a tenth of its time or less.
    """
    x, y, z = _unit(directions).unbind(-1)
    columns: dict[tuple[int, int], torch.Tensor] = {}
    cosine, sine = torch.ones_like(x), torch.zeros_like(x)  # (sin θ)^m times cos mφ and sin mφ
    sectoral = P00
    for m in range(lmax + 1):
        if m:
            cosine, sine = x * cosine - y * sine, x * sine + y * cosine
            sectoral *= -math.sqrt((2 * m + 1) / (2 * m))
        for l, polynomial in _zonal_part(z, m, lmax, sectoral):
            if m == 0:
                columns[l, 0] = polynomial
            else:
                polynomial = math.sqrt(2.0) * polynomial
                columns[l, m], columns[l, -m] = polynomial * cosine, polynomial * sine
    stacked = torch.stack([columns[l, m] for l in range(0, lmax + 1, 2) for m in range(-l, l + 1)])
    return stacked.movedim(0, -1)


def _zonal_part(z: torch.Tensor, m: int, lmax: int, sectoral: float) -> Iterator[tuple[int, torch.Tensor]]:
    """Even l and the orthonormal associated Legendre function P_l^m(z) without its factor (sin θ)^m.

    Begins at P_m^m = `sectoral` and climbs by the three-term recurrence in l, which is stable upwards.
    """
    below, here = torch.zeros_like(z), torch.full_like(z, sectoral)
    for l in range(m, lmax + 1):
        if l > m:
            up = math.sqrt((4 * l * l - 1) / (l * l - m * m))
            down = math.sqrt(((l - 1) ** 2 - m * m) / (4 * (l - 1) ** 2 - 1))
            below, here = here, up * (z * here - down * below)
        if l % 2 == 0:
            yield l, here


def _unit(directions: torch.Tensor) -> torch.Tensor:
    """Unit vectors; the largest component is divided out first, so that no square over- or underflows."""
    largest = directions.abs().amax(-1, keepdim=True)
    none = largest == 0
    scaled = directions / torch.where(none, 1.0, largest)
    pole = torch.zeros_like(directions)
    pole[..., 2] = 1.0
    scaled = torch.where(none, pole, scaled)
    return scaled / scaled.square().sum(-1, keepdim=True).sqrt()
