"""A brain-like phantom whose Standard Model parameters are known at every point of space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import poly2leg
from numpy.typing import NDArray

from ..errors import InputError
from ..parameters import FOD, SCALARS
from ..signal_model.spherical_harmonics import P00, degrees, n_coefficients, real_sh, rotational_invariants
from . import anatomy
from .place import Place, Values

S0_LEVEL = 100.0
"""Signal of average white matter without diffusion weighting."""

_CHUNK = 1 << 14
"""Points worked on at a time: what a processor's cache holds."""

_TRACE = 1e-4
"""Densities below this count as none, which spares most of the work on most structures."""


class Tissue(NamedTuple):
    """Diffusivities [µm²/ms], intra-axonal signal fraction and S0 relative to average white matter."""

    Di: float
    De: float
    Dp: float
    f: float
    S0: float


class Structure(NamedTuple):
    """A piece of anatomy: where it is, which way it runs and what it is made of.

    ``coherence`` is the share of its fibres that follow its direction; the rest are isotropic.
    """

    density: Callable[[Place], Values]
    direction: Callable[[Place], Values]
    tissue: Tissue
    coherence: float


TRACTS = (
    Structure(anatomy.callosum, anatomy.callosum_axis, Tissue(2.55, 2.00, 0.42, 0.70, 0.93), 1.00),
    Structure(anatomy.capsule, anatomy.capsule_axis, Tissue(2.20, 2.20, 0.55, 0.64, 0.96), 0.97),
    Structure(anatomy.longitudinal, anatomy.longitudinal_axis, Tissue(2.40, 1.90, 0.64, 0.59, 0.97), 0.95),
    Structure(anatomy.cingulum, anatomy.cingulum_axis, Tissue(2.55, 2.10, 0.50, 0.65, 0.95), 0.95),
    Structure(anatomy.optic_radiation, anatomy.optic_radiation_axis, Tissue(2.05, 2.10, 0.68, 0.56, 0.99), 0.95),
    Structure(anatomy.external_capsule, anatomy.external_capsule_axis, Tissue(2.10, 1.80, 0.74, 0.50, 1.00), 0.90),
)
"""Named bundles, which share a place where they cross."""

GREY = (
    Structure(anatomy.cortex, anatomy.fan, Tissue(2.02, 1.80, 0.78, 0.43, 1.04), 0.50),
    Structure(anatomy.thalamus, anatomy.fan, Tissue(1.98, 1.80, 0.76, 0.45, 1.03), 0.45),
    Structure(anatomy.putamen, anatomy.fan, Tissue(1.80, 1.65, 0.82, 0.39, 1.04), 0.35),
    Structure(anatomy.caudate, anatomy.fan, Tissue(1.78, 1.62, 0.84, 0.38, 1.06), 0.35),
)
"""Cortex and deep nuclei; they displace white matter."""

OTHER_WHITE = Structure(anatomy.gyral_blades, anatomy.fan, Tissue(2.20, 1.92, 0.71, 0.51, 1.00), 0.70)
"""White matter that belongs to no named bundle; it gives way to them."""

STRUCTURES = (*TRACTS, *GREY, OTHER_WHITE)

_VARIATION = {"Di": 0.06, "De": 0.09, "Dp": 0.15, "f": 0.06}
"""Relative amplitude of the slow variation within every tissue."""


@dataclass(frozen=True)
class Phantom:
    """An analytic brain: callosum, capsules, crossing bundles, nuclei, ventricles and folded cortex.

    Attributes
    ----------
    lmax
        Order of the FODs (2, 4, 6 or 8). A bundle's FOD is a lobe proportional to (n·t)^lmax, the sharpest
        that is both non-negative and exactly band-limited, so p2 reaches 0.40, 0.57, 0.67 or 0.73.
    field_of_view
        (3,) extent of the grid it should fill [mm]; the anatomy scales with the smaller in-plane extent.
    centre
        (3,) position of the middle of the brain [RAS mm].

    Raises
    ------
    InputError
        If lmax or the field of view makes no phantom.
    """

    lmax: int = 2
    field_of_view: tuple[float, float, float] = (84.0, 84.0, 24.0)
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.lmax not in (2, 4, 6, 8):
            raise InputError("lmax", f"a phantom of order {self.lmax} cannot be made.", "Choose 2, 4, 6 or 8.")
        if min(self.field_of_view) <= 0:
            raise InputError("field_of_view", f"{self.field_of_view} mm is empty.", "Give three extents above 0.")

    def evaluate(self, points_mm: NDArray[np.floating]) -> dict[str, Values]:
        """The truth at points.

        Parameters
        ----------
        points_mm
            (N, 3) RAS positions [mm]. Outside the brain tissue continues smoothly; see :meth:`inside`.

        Returns
        -------
        (N,) arrays by symbol (Di, De, Dp, f, S0, p2), and under ``"fod"`` the (N, C) SH coefficients.
        """
        columns, fod = self._on_points(points_mm, self.lmax)
        return {**dict(zip(SCALARS, columns.T, strict=True)), FOD: fod}

    def scalars(self, points_mm: NDArray[np.floating]) -> Values:
        """(N, 6) scalar parameters alone at (N, 3) RAS positions [mm]; several times faster at high lmax."""
        return self._on_points(points_mm, 2)[0]

    def _on_points(self, points_mm: NDArray[np.floating], order: int) -> tuple[Values, Values]:
        """(N, 6) scalars, and the FOD's (N, C) coefficients up to an order that holds p2."""
        units = self._units(points_mm)
        columns, fod = np.empty((len(units), len(SCALARS))), np.empty((len(units), n_coefficients(order)))
        for start in range(0, len(units), _CHUNK):
            part = slice(start, start + _CHUNK)
            columns[part], fod[part] = self._evaluate(units[part], order)
        return columns, fod

    def inside(self, points_mm: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(N,) points in tissue: in the brain, outside sulci and ventricles."""
        return self._test(points_mm, lambda place: place.tissue > 0)

    def in_fluid(self, points_mm: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(N,) points in cerebrospinal fluid: ventricles, sulci and a thin rim around the brain."""
        return self._test(points_mm, lambda place: (place.tissue <= 0) & (place.hull < 1.04))

    def _test(self, points_mm: NDArray[np.floating], test: Callable[[Place], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        units = self._units(points_mm)
        parts = [test(Place.at(units[i : i + _CHUNK])) for i in range(0, len(units), _CHUNK)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)

    def _units(self, points_mm: NDArray[np.floating]) -> Values:
        """Millimetres to brain units."""
        half = min(self.field_of_view[:2]) / 2
        return (np.asarray(points_mm, dtype=np.float64) - self.centre) / half

    def _evaluate(self, units: Values, order: int) -> tuple[Values, Values]:
        """(N, 6) scalars and (N, C) FOD at positions in brain units."""
        place = Place.at(units)
        shares = _shares(place)
        tissue = shares @ np.array([s.tissue for s in STRUCTURES])  # (N, 5)
        for column, symbol in enumerate(_VARIATION):
            tissue[:, column] *= 1 + _VARIATION[symbol] * _wave(units, column)
        tissue[:, -1] *= S0_LEVEL * _coil(units)
        coherence = 0.92 + 0.08 * _wave(units, len(_VARIATION))
        fod = self._fod(place, shares * coherence[:, None], order)
        return np.column_stack([tissue, rotational_invariants(fod)[:, 1]]), fod

    def _fod(self, place: Place, shares: Values, order: int) -> Values:
        """(N, C): each structure's lobe, weighed by its share and coherence; what is left is isotropic."""
        fod = np.zeros((len(shares), n_coefficients(order)))
        for structure, share in zip(STRUCTURES, shares.T, strict=True):
            there = share > 0
            if there.any():
                axes = structure.direction(place.select(there))
                fod[there] += (share[there] * structure.coherence)[:, None] * self._lobe(axes, order)
        fod[:, 0] = P00
        return fod

    def _lobe(self, axes: Values, order: int) -> Values:
        """(N, C) SH coefficients of the normalised lobe (lmax + 1) (n·t)^lmax / 4π about each axis t."""
        return np.asarray(real_sh(axes, order) * _lobe_moments(self.lmax)[degrees(order) // 2])


def _lobe_moments(lmax: int) -> Values:
    """(lmax/2 + 1,) mean of P_l under the lobe, from its expansion in Legendre polynomials."""
    expansion = poly2leg([0.0] * lmax + [1.0])[::2]
    return np.asarray((lmax + 1) * expansion / (2 * np.arange(0, lmax + 1, 2) + 1), dtype=np.float64)


def _shares(place: Place) -> Values:
    """(N, structures) share of each structure in the tissue; rows add up to one."""
    grey = [s.density(place) for s in GREY]
    white = np.prod([1 - g for g in grey], axis=0)
    tracts = [s.density(place) for s in TRACTS]
    rest = white * np.prod([1 - t for t in tracts], axis=0) * OTHER_WHITE.density(place)
    weights = np.stack([*(white * t for t in tracts), *grey, rest], axis=1)
    weights = np.maximum(weights - _TRACE, 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _wave(units: Values, which: int) -> Values:
    """(N,) slow variation in [-1, 1], of its own for each parameter, over 0.7 to 1.4 brain units."""
    rng = np.random.default_rng(which)
    direction = rng.normal(size=(3, 3))
    wavelengths = np.array([[0.7], [1.0], [1.4]])
    wave_vectors = 2 * np.pi / wavelengths * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    phases = rng.uniform(0, 2 * np.pi, size=3)
    return np.asarray(np.mean(np.sin(units @ wave_vectors.T + phases), axis=1))


def _coil(units: Values) -> Values:
    """(N,) receive sensitivity of a head coil: brighter near the surface, a little uneven."""
    x, y, z = units.T
    return np.asarray(0.95 + 0.11 * (x**2 + y**2) + 0.05 * x - 0.04 * y + 0.05 * z)
