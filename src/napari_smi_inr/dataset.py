"""A scan ready to be fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .acquisition import B0_THRESHOLD, Acquisition
from .errors import InputError

LARGEST_DEVIATION = 0.5
"""Largest entry of L - I that a gradient coil can have over any field of view; beyond it, L is a mistake."""

_VOXELS_AT_A_TIME = 4096
"""So that the signal in the mask, which may be as large as the scan, need not be copied as a whole."""


@dataclass(frozen=True, eq=False)
class DiffusionDataset:
    """Signal, protocol, mask and geometry of one diffusion scan.

    Attributes
    ----------
    signal
        (X, Y, Z, V) signal in the scan's own units, finite inside the mask.
    acquisition
        Protocol of the V volumes, directions in scanner axes.
    mask
        (X, Y, Z) voxels to fit; only usable ones (finite signal, positive b = 0).
    affine
        (4, 4) from voxel indices to RAS millimetres.
    noise
        Standard deviation of the noise in the scan's units: scalar, (X, Y, Z) map, or unknown.
    deviation
        (X, Y, Z, 3, 3) non-uniformity of the gradients: matrices L such that a voxel saw the gradient L g where g
        was asked for, both in scanner (RAS) axes; None if the gradients were perfect. See
        :func:`~napari_smi_inr.acquisition.voxel_gradients.voxel_gradients`.
    checksums
        SHA-256 of each input file by name, for the record kept with results.
    read_from
        What each part was read from, by role (``dwi``, ``mask``, ``bval``, …): the name of a file, or for the noise the
        number or the way to estimate it that was asked for. For the same record.
    notes
        What was detected, assumed or repaired on reading, in words for the user.
    findings
        What checks of the scan found doubtful, in words, for the record kept with results.

    Raises
    ------
    InputError
        If shapes disagree, the mask is empty, signal, noise or deviation inside it is unusable, or the
        protocol has no b = 0 volume or only one shell.
    """

    signal: NDArray[np.float32]
    acquisition: Acquisition
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    noise: float | NDArray[np.float32] | None = None
    deviation: NDArray[np.float32] | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    read_from: Mapping[str, str | float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_geometry()
        self._check_signal()
        self._check_noise()
        self._check_deviation()
        self.acquisition.require_fittable()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        x, y, z = self.mask.shape
        return x, y, z

    @property
    def n_voxels(self) -> int:
        """Voxels inside the mask."""
        return int(np.count_nonzero(self.mask))

    @property
    def voxel_size(self) -> NDArray[np.float64]:
        """(3,) voxel edge lengths [mm]."""
        size: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return size

    @property
    def scale(self) -> float:
        """Typical b = 0 signal inside the mask (95th percentile), the unit in which errors are told."""
        b0 = np.stack([self.signal[..., v][self.mask] for v in np.flatnonzero(self.acquisition.is_b0)])
        return float(np.percentile(b0.mean(axis=0), 95))

    @property
    def image_scale(self) -> float:
        """95th percentile of all b = 0 volumes, what lies outside the mask included: the published code's unit."""
        return float(np.nanpercentile(self.signal[..., self.acquisition.is_b0], 95))

    @property
    def voxel_deviation(self) -> NDArray[np.float64] | None:
        """(N, 3, 3) :attr:`deviation` of the mask's voxels in C order, or None."""
        return None if self.deviation is None else self.deviation[self.mask].astype(np.float64)

    @cached_property
    def digest(self) -> str:
        """:meth:`fingerprint` of the dataset alone; takes a moment the first time."""
        return self.fingerprint()

    def fingerprint(self, more: bytes = b"") -> str:
        """SHA-256 of all that a fit depends on: what lies in the mask, where, and the protocol; and of `more`."""
        digest = hashlib.sha256()
        acquisition = self.acquisition
        for part in (acquisition.b, acquisition.b_delta, acquisition.directions, self.affine, self.mask):
            digest.update(f"{part.shape}{part.dtype}".encode() + part.tobytes())
        if acquisition.b0_threshold != B0_THRESHOLD:  # so that what was kept before it could be chosen still counts
            digest.update(f"b0 {acquisition.b0_threshold}".encode())
        digest.update(f"{(self.n_voxels, acquisition.n_volumes)}{self.signal.dtype}".encode())
        voxels = np.argwhere(self.mask)
        for start in range(0, len(voxels), _VOXELS_AT_A_TIME):
            digest.update(self.signal[tuple(voxels[start : start + _VOXELS_AT_A_TIME].T)].tobytes())
        for known in (self.noise, self.deviation):
            if known is not None:
                values = np.asarray(known)
                inside = np.ascontiguousarray(values[self.mask] if values.ndim else values)
                digest.update(f"{inside.shape}{inside.dtype}".encode() + inside.tobytes())
        digest.update(more)
        return digest.hexdigest()

    def _check_shapes(self) -> None:
        expected = (*self.mask.shape, self.acquisition.n_volumes)
        if self.signal.ndim != 4 or self.signal.shape != expected:
            raise InputError(
                "signal",
                f"has shape {self.signal.shape}; mask and protocol ask for {expected}.",
                "Give an (X, Y, Z, V) signal with a mask of its (X, Y, Z) and a protocol of its V volumes.",
            )
        if self.mask.dtype != bool or not self.mask.any():
            raise InputError(
                "mask",
                f"({self.mask.dtype}) marks no voxel to fit.",
                "Give a boolean array that is True in the voxels to fit.",
            )

    def _check_geometry(self) -> None:
        affine = self.affine
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or np.linalg.det(affine[:3, :3]) == 0:
            raise InputError(
                "affine",
                f"{np.round(affine, 3).tolist()} does not place voxels in space.",
                "Give a 4 x 4 matrix from voxel indices to RAS millimetres.",
            )

    def _check_signal(self) -> None:
        # one volume at a time: a copy of the whole masked signal may be as large as the scan
        bad = [v for v in range(self.signal.shape[3]) if not np.isfinite(self.signal[..., v][self.mask]).all()]
        if bad:
            raise InputError(
                "signal",
                f"is not finite everywhere inside the mask (volumes {bad}).",
                "Leave such voxels out of the mask.",
            )

    def _check_noise(self) -> None:
        if self.noise is None:
            return
        noise = np.asarray(self.noise)
        if noise.shape not in ((), self.mask.shape):
            raise InputError(
                "noise",
                f"has shape {noise.shape}; the mask has {self.mask.shape}.",
                "Give one number or a map on the scan's grid.",
            )
        inside = noise[self.mask] if noise.ndim else noise
        n_bad = int(np.count_nonzero(~(np.isfinite(inside) & (inside > 0))))
        if n_bad:
            raise InputError(
                "noise",
                f"is not positive and finite in {n_bad} of {inside.size} voxels of the mask."
                if noise.ndim
                else f"is {noise:g}, which is not positive and finite.",
                "Give the standard deviation of the noise in the scan's units, or leave it out.",
            )

    def _check_deviation(self) -> None:
        if self.deviation is None:
            return
        if self.deviation.shape != (*self.mask.shape, 3, 3):
            raise InputError(
                "deviation",
                f"has shape {self.deviation.shape}; the mask has {self.mask.shape}.",
                "Give a 3 x 3 matrix for each voxel of the scan's grid.",
            )
        inside = self.deviation[self.mask]
        n_missing = int(np.count_nonzero(~np.isfinite(inside).all(axis=(1, 2))))
        if n_missing:
            raise InputError(
                "deviation",
                f"is not finite in {n_missing} of {len(inside)} voxels of the mask.",
                "Leave such voxels out of the mask.",
            )
        largest = float(np.abs(inside - np.eye(3)).max())
        if largest > LARGEST_DEVIATION or np.linalg.det(inside).min() <= 0:
            raise InputError(
                "deviation",
                f"departs from the identity by up to {largest:.3g}, which no gradient coil does.",
                "Give matrices L near the identity: the gradient seen for each unit of gradient asked for.",
            )
