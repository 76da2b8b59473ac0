"""A phantom of known geometry: a bundle along an arc of a circle in an oblique plane, in scanner millimetres."""

from dataclasses import dataclass, field

import numpy as np

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.sampling.coordinates import voxel_to_world
from napari_smi_inr.signal_model.spherical_harmonics import P00, real_sh
from napari_smi_inr.simulation.from_maps import TrueMaps, simulate_maps
from napari_smi_inr.simulation.protocol import spread_axes

TISSUE = {"Di": 2.3, "De": 1.9, "Dp": 0.5, "f": 0.6, "S0": 100.0}


def lobe(axes, lmax, kappa=10.0):
    """(N, C) FODs of a density exp(κ cos²) about (N, 3) axes."""
    x, w = np.polynomial.legendre.leggauss(60)
    density = np.exp(kappa * (x**2 - 1))
    density /= 2 * np.pi * (w * density).sum()
    fod = real_sh(axes, lmax)
    for order in range(0, lmax + 1, 2):
        legendre = np.polynomial.Legendre.basis(order)(x)
        moment = 2 * np.pi * (w * density * legendre).sum()
        start, end = order * (order - 1) // 2, (order + 1) * (order + 2) // 2
        fod[:, start:end] *= moment
    assert np.allclose(fod[:, 0], P00)
    return fod


def shells(*shells, seed=0):
    """A protocol of (b, b_delta, number) shells with directions spread over the sphere."""
    rng = np.random.default_rng(seed)
    directions = [spread_axes(n, rng) if b * shape else np.zeros((n, 3)) for b, shape, n in shells]
    b, shape, n = np.array(shells, float).T
    return Acquisition(np.repeat(b, n.astype(int)), np.repeat(shape, n.astype(int)), np.concatenate(directions))


@dataclass(frozen=True)
class Arc:
    """A tube about an arc.

    Attributes
    ----------
    affine
        (4, 4) of a grid that holds it.
    shape
        Of the grid.
    across, up
        (3,) unit vectors of the plane: the arc runs from ``across`` to ``up``.
    radius, width
        Of the arc and of the tube [mm].
    """

    affine: np.ndarray
    shape: tuple[int, int, int]
    radius: float = 22.0
    width: float = 6.0
    across: np.ndarray = field(default_factory=lambda: np.array([0.8, 0.6, 0.0]))
    up: np.ndarray = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))

    @property
    def centre(self):
        """(3,) of the circle [mm]: the tube fills the grid."""
        middle = voxel_to_world(self.affine, (np.array([self.shape]) - 1) / 2)[0]
        return middle - 0.5 * self.radius * (self.across + self.up)

    def geometry(self, points):
        """Distance to the arc's circle [mm], unit tangent, and angle [rad] of (N, 3) points."""
        offset = points - self.centre
        a, c = offset @ self.across, offset @ self.up
        angle = np.arctan2(c, a)
        nearest = self.radius * (np.cos(angle)[:, None] * self.across + np.sin(angle)[:, None] * self.up)
        tangent = -np.sin(angle)[:, None] * self.across + np.cos(angle)[:, None] * self.up
        return np.linalg.norm(offset - nearest, axis=1), tangent, angle

    def maps(self, lmax=6):
        """True maps in the tube."""
        points = voxel_to_world(self.affine, np.argwhere(np.ones(self.shape, bool)))
        distance, tangent, angle = self.geometry(points)
        inside = (distance <= self.width) & (angle > -0.35) & (angle < np.pi / 2 + 0.35)
        n = np.count_nonzero(inside)
        values = {symbol: np.full(n, value) for symbol, value in TISSUE.items()}
        return TrueMaps(values, lobe(tangent[inside], lmax), inside.reshape(self.shape), self.affine)

    def scan(self, protocol, snr=50.0, lmax=6, seed=0):
        """A scan of it."""
        return simulate_maps(self.maps(lmax), protocol, snr=snr, seed=seed)
