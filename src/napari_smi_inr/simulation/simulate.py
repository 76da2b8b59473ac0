"""Scan the phantom: the whole way from tissue to noisy images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..acquisition import Acquisition, b_tensors
from ..dataset import LARGEST_DEVIATION, DiffusionDataset
from ..errors import InputError
from ..parameters import FOD
from ..signal_model.noise import NoiseKind, add_noise
from ..signal_model.standard_model import predict_signal
from .gradient_field import deviation_over
from .phantom import S0_LEVEL, Phantom
from .protocol import paper_protocol
from .truth import PhantomField

FLUID_DIFFUSIVITY = 3.0
"""Free water at body temperature [µm²/ms]."""

FLUID_S0 = 1.7 * S0_LEVEL
"""Signal of cerebrospinal fluid without diffusion weighting."""

_CHUNK = 1 << 14
"""Points whose signal is held at a time."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SimulatedDataset(DiffusionDataset):
    """A scan of the phantom.

    Attributes
    ----------
    truth
        The phantom on the scan's grid: sample it anywhere.
    """

    truth: PhantomField

    def truth_maps(self) -> dict[str, NDArray[np.float32]]:
        """(X, Y, Z) true maps at the voxel centres by symbol, NaN outside the mask."""
        return self.truth.maps()


def simulate(
    shape: tuple[int, int, int] = (28, 28, 8),
    voxel_size: float | tuple[float, float, float] = 3.0,
    snr: float = 50.0,
    lmax: int = 2,
    noise: NoiseKind = "gaussian",
    seed: int = 0,
    protocol: Acquisition | None = None,
    affine: ArrayLike | None = None,
    subvoxel: int = 1,
    deviation: float = 0.0,
) -> SimulatedDataset:
    """Scan the brain-like phantom.

    Parameters
    ----------
    shape
        Voxels along each axis. The anatomy scales with the field of view.
    voxel_size
        Edge length of the voxels, one or three numbers [mm].
    snr
        S0 over the standard deviation of the noise, in every voxel; ``inf`` for none.
    lmax
        Order of the FODs: 2, 4, 6 or 8 (2 implies p2 ≤ 0.4).
    noise
        ``"gaussian"`` or ``"rician"``.
    seed
        Of the noise and of the default protocol.
    protocol
        What to measure; default :func:`~.protocol.paper_protocol`.
    affine
        (4, 4) from voxel indices to RAS millimetres, possibly oblique; replaces ``voxel_size``. By default the
        axes run to the right, front and top and the origin is the middle of the grid. The anatomy stays upright in
        the scanner, in the middle of the grid.
    subvoxel
        The signal of a voxel is the mean over this many points along each of its edges; 1 takes the centre.
    deviation
        Largest relative deviation of the gradients over the tissue, as :func:`~.gradient_field.coil_deviation`
        spreads it about the origin; 0 for uniform gradients, 0.1 for a wide field of view. The signal is that of
        the exact b-tensors.

    Returns
    -------
    SimulatedDataset
        Tissue in the mask, fluid in ventricles and sulci around it, zero elsewhere; ``noise`` is the map of sigma,
        None without noise; ``deviation`` is that of the gradients, None where they are uniform.

    Raises
    ------
    InputError
        If an argument makes no scan; the message names it.
    """
    _check(shape, snr, subvoxel, deviation)
    protocol = paper_protocol(seed) if protocol is None else protocol
    grid = _grid(shape, voxel_size, affine, lmax)
    seen_by = deviation_over(grid.centres, deviation, grid.mask.ravel()) if deviation else None
    clean = _fluid_signal(grid, protocol, seen_by)
    clean[grid.mask] = np.concatenate(list(_tissue_signal(grid, protocol, subvoxel, seen_by)))
    sigma = _sigma(clean, protocol, snr)
    bent = () if seen_by is None else (f"Its gradients deviate by up to {100 * deviation:g} % over the tissue.",)
    signal = add_noise(clean, sigma[..., None], noise, np.random.default_rng(seed))
    return SimulatedDataset(
        signal=signal.astype(np.float32),
        acquisition=protocol,
        mask=grid.mask,
        affine=grid.affine,
        noise=None if np.isinf(snr) else sigma,
        deviation=None if seen_by is None else seen_by.reshape(*shape, 3, 3).astype(np.float32),
        truth=grid,
        notes=(
            f"Simulated: {grid.mask.sum()} voxels of tissue, lmax {lmax}, SNR {snr:g} ({noise}), seed {seed}.",
            *bent,
        ),
    )


def _check(shape: tuple[int, int, int], snr: float, subvoxel: int, deviation: float) -> None:
    if len(shape) != 3 or min(shape) < 1:
        raise InputError("shape", f"{shape} is no grid.", "Give three numbers of voxels, each 1 or more.")
    if not snr > 0:
        raise InputError("snr", f"{snr} is not above 0.", "Give a ratio such as 50, or inf for no noise.")
    if subvoxel < 1:
        raise InputError("subvoxel", f"{subvoxel} points make no voxel.", "Give 1 or more.")
    if not 0 <= deviation <= LARGEST_DEVIATION:
        remedy = f"Give a fraction such as 0.1, at most {LARGEST_DEVIATION:g}, or 0 for uniform gradients."
        raise InputError("deviation", f"{deviation} is none that gradient coils have.", remedy)


def _grid(
    shape: tuple[int, int, int], voxel_size: float | tuple[float, float, float], affine: ArrayLike | None, lmax: int
) -> PhantomField:
    """The phantom, as large as the grid and in its middle."""
    middle = (np.array(shape) - 1) / 2
    if affine is None:
        matrix = np.diag([*np.broadcast_to(np.asarray(voxel_size, dtype=np.float64), 3), 1.0])
        matrix[:3, 3] = -matrix[:3, :3] @ middle
    else:
        matrix = np.asarray(affine, dtype=np.float64)
    if matrix.shape != (4, 4) or not abs(np.linalg.det(matrix[:3, :3])) > 0:
        raise InputError("affine", "it maps voxels onto no volume.", "Give a 4 x 4 matrix of voxels with a size.")
    extent = np.linalg.norm(matrix[:3, :3], axis=0) * shape
    centre = matrix[:3, :3] @ middle + matrix[:3, 3]
    x, y, z = extent.tolist()
    return PhantomField(Phantom(lmax, (x, y, z), tuple(centre.tolist())), matrix, shape)


def _tissue_signal(
    grid: PhantomField, protocol: Acquisition, subvoxel: int, seen_by: NDArray[np.float64] | None
) -> Iterator[NDArray[np.float64]]:
    """Noise-free signal (n, V) of the mask's voxels, chunk by chunk; gradients are alike all over a voxel."""
    steps = (np.arange(subvoxel) + 0.5) / subvoxel - 0.5
    offsets = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) @ grid.affine[:3, :3].T
    inside = np.flatnonzero(grid.mask)
    centres = grid.centres[inside]
    size = max(1, _CHUNK // len(offsets))
    for start in range(0, len(centres), size):
        points = (centres[start : start + size, None] + offsets).reshape(-1, 3)
        truth = grid.evaluate(points)
        some = None if seen_by is None else np.repeat(seen_by[inside[start : start + size]], len(offsets), axis=0)
        signal = predict_signal(truth, truth[FOD], protocol, some)
        yield signal.reshape(-1, len(offsets), protocol.n_volumes).mean(axis=1)
    yield np.empty((0, protocol.n_volumes))


def _fluid_signal(
    grid: PhantomField, protocol: Acquisition, seen_by: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """(X, Y, Z, V) free water around the tissue, so that the images look like a head's."""
    fluid = np.flatnonzero(grid.phantom.in_fluid(grid.centres))
    signal = np.zeros((len(grid.centres), protocol.n_volumes))
    b = protocol.b if seen_by is None else np.trace(b_tensors(protocol, seen_by[fluid]), axis1=2, axis2=3)
    signal[fluid] = FLUID_S0 * np.exp(-b * FLUID_DIFFUSIVITY)
    return signal.reshape(*grid.shape, protocol.n_volumes)


def _sigma(clean: NDArray[np.float64], protocol: Acquisition, snr: float) -> NDArray[np.float32]:
    """(X, Y, Z) standard deviation of the noise, mean b = 0 signal over SNR (arXiv 2506.15762, section 2.6)."""
    if not protocol.is_b0.any():
        raise InputError("protocol", "it has no b = 0 volume.", "Add one: the noise level is relative to it.")
    return np.asarray(clean[..., protocol.is_b0].mean(axis=-1) / snr, dtype=np.float32)
