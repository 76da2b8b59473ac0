"""Scan given maps instead of the phantom: a brain that was measured once, measured again without noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..acquisition import Acquisition
from ..dataset import DiffusionDataset
from ..errors import InputError
from ..parameters import FOD, SCALARS
from ..signal_model.noise import NoiseKind, add_noise
from ..signal_model.spherical_harmonics import P00, P2_SCALE, lmax_of, n_coefficients
from ..signal_model.standard_model import predict_signal
from .gradient_field import deviation_over
from .protocol import paper_protocol

_MEASURED = tuple(symbol for symbol in SCALARS if symbol != "p2")
_ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class TrueMaps:
    """Standard Model parameters on a grid, taken as the truth.

    Attributes
    ----------
    values
        (N,) arrays of Di, De, Dp [µm²/ms], f and S0 [signal], voxels in C order of the mask.
    fod
        (N, C) orthonormal real SH coefficients, MRtrix basis, scanner axes, p00 = 1/sqrt(4 pi).
    mask
        (X, Y, Z) the N voxels.
    affine
        (4, 4) from voxel indices to RAS millimetres.

    Raises
    ------
    InputError
        If a map is missing, not finite or unphysical, or the FOD is not normalised.
    """

    values: Mapping[str, NDArray[np.floating]]
    fod: NDArray[np.floating]
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = int(np.count_nonzero(self.mask))
        if not n:
            raise InputError("truth", "has no voxel.", "Give maps that are physical somewhere (De at least Dp).")
        for symbol in _MEASURED:
            _check(symbol, self.values.get(symbol), n)
        if len(self.fod) != n or not np.isfinite(self.fod).all():
            raise InputError(FOD, "is not known in every voxel of the truth.", "Give finite coefficients everywhere.")
        if np.abs(self.fod[:, 0] - P00).max() > _ROUNDING:
            raise InputError(FOD, "does not integrate to one.", "Divide it by p00 sqrt(4 pi) in every voxel.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        x, y, z = self.mask.shape
        return x, y, z

    @property
    def lmax(self) -> int:
        """Order of the FODs."""
        return lmax_of(self.fod.shape[1])

    def maps(self) -> dict[str, NDArray[np.float32]]:
        """(X, Y, Z) true maps by symbol, p2 among them, NaN outside the mask."""
        p2 = P2_SCALE * np.linalg.norm(self.fod[:, 1:6], axis=1)
        return {symbol: self._on_grid(self.values.get(symbol, p2), np.nan) for symbol in SCALARS}

    def fod_map(self) -> NDArray[np.float32]:
        """(X, Y, Z, C) true FOD, 0 outside the mask."""
        return self._on_grid(self.fod, 0.0)

    def truncated(self, lmax: int) -> TrueMaps:
        """The same with FODs of a lower order.

        Raises
        ------
        InputError
            If the order is higher than the FODs'.
        """
        if lmax > self.lmax:
            raise InputError("lmax", f"is {lmax}, but the true FODs reach {self.lmax} only.", "Choose a lower order.")
        return replace(self, fod=self.fod[:, : n_coefficients(lmax)])

    def nearest(self, n: int) -> TrueMaps:
        """The n voxels nearest the middle, on a grid just large enough; all of them if there are fewer."""
        voxels = np.argwhere(self.mask)
        size = np.linalg.norm(self.affine[:3, :3], axis=0)
        distance = np.linalg.norm((voxels - np.median(voxels, axis=0)) * size, axis=1)
        kept = np.sort(np.argsort(distance, kind="stable")[:n])
        low, high = voxels[kept].min(axis=0), voxels[kept].max(axis=0) + 1
        mask = np.zeros(high - low, dtype=bool)
        mask[tuple((voxels[kept] - low).T)] = True
        affine = np.array(self.affine)
        affine[:3, 3] += affine[:3, :3] @ low
        return TrueMaps({s: v[kept] for s, v in self.values.items()}, self.fod[kept], mask, affine)

    def _on_grid(self, values: NDArray[np.floating], outside: float) -> NDArray[np.float32]:
        grid = np.full((*self.shape, *values.shape[1:]), outside, dtype=np.float32)
        grid[self.mask] = values
        return grid


@dataclass(frozen=True, eq=False, kw_only=True)
class MapsDataset(DiffusionDataset):
    """A scan of given maps.

    Attributes
    ----------
    truth
        The maps.
    """

    truth: TrueMaps

    def truth_maps(self) -> dict[str, NDArray[np.float32]]:
        """(X, Y, Z) true maps by symbol, NaN outside the mask."""
        return self.truth.maps()


def simulate_maps(
    truth: TrueMaps,
    protocol: Acquisition | None = None,
    snr: float = 50.0,
    lmax: int | None = None,
    noise: NoiseKind = "gaussian",
    seed: int = 0,
    deviation: float = 0.0,
) -> MapsDataset:
    """Scan given maps.

    Parameters
    ----------
    truth
        Parameters and FODs of every voxel.
    protocol
        What to measure; default :func:`~.protocol.paper_protocol`.
    snr
        S0 over the standard deviation of the noise, in every voxel; ``inf`` for none.
    lmax
        Order up to which the FODs are used; all of it by default.
    noise
        ``"gaussian"`` or ``"rician"``.
    seed
        Of the noise and of the default protocol.
    deviation
        Largest relative deviation of the gradients, as in :func:`~.simulate.simulate`.

    Raises
    ------
    InputError
        If the FODs do not reach `lmax`, the SNR is not above 0, or the protocol cannot be fitted.
    """
    if not snr > 0:
        raise InputError("snr", f"{snr} is not above 0.", "Give a ratio such as 50, or inf for no noise.")
    protocol = paper_protocol(seed) if protocol is None else protocol
    used = truth if lmax is None else truth.truncated(lmax)
    seen_by = _deviation(used, deviation) if deviation else None
    clean = predict_signal(used.values, used.fod, protocol, None if seen_by is None else seen_by[used.mask])
    sigma = clean[:, protocol.is_b0].mean(axis=1) / snr
    noisy = add_noise(clean, sigma[:, None], noise, np.random.default_rng(seed))
    signal = np.zeros((*used.shape, protocol.n_volumes), dtype=np.float32)
    signal[used.mask] = noisy
    level = np.zeros(used.shape, dtype=np.float32)
    level[used.mask] = sigma
    return MapsDataset(
        signal=signal,
        acquisition=protocol,
        mask=used.mask,
        affine=used.affine,
        noise=None if np.isinf(snr) else level,
        deviation=None if seen_by is None else seen_by.astype(np.float32),
        truth=used,
        notes=(
            f"Simulated from maps: {used.mask.sum()} voxels, lmax {used.lmax}, SNR {snr:g} ({noise}), seed {seed}.",
        ),
    )


def _deviation(truth: TrueMaps, largest: float) -> NDArray[np.float64]:
    """(X, Y, Z, 3, 3) gradients of every voxel, about the middle of the grid."""
    centred = np.indices(truth.shape).reshape(3, -1).T - (np.array(truth.shape) - 1) / 2
    matrices = deviation_over(centred @ truth.affine[:3, :3].T, largest, truth.mask.ravel())
    return matrices.reshape(*truth.shape, 3, 3)


def _check(symbol: str, values: NDArray[np.floating] | None, n: int) -> None:
    if values is None or values.shape != (n,) or not np.isfinite(values).all():
        raise InputError(symbol, "is not known in every voxel of the truth.", "Give a finite map of it.")
    if (values < 0).any() or (symbol == "f" and (values > 1).any()) or (symbol == "S0" and (values == 0).any()):
        bounds = {"f": "between 0 and 1", "S0": "above 0"}.get(symbol, "not negative")
        raise InputError(symbol, f"runs from {values.min():g} to {values.max():g}.", f"It must be {bounds}.")
