"""Where the truth comes from, and the scans made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..acquisition import Acquisition
from ..errors import InputError
from ..simulation.from_maps import MapsDataset, TrueMaps, simulate_maps
from ..simulation.simulate import SimulatedDataset, simulate
from .phantom_size import VOXEL_SIZE, phantom_shape
from .plan import SimulatedScan

TrueDataset = SimulatedDataset | MapsDataset
"""A scan whose truth is known."""


class Source(Protocol):
    """A truth that can be scanned."""

    @property
    def description(self) -> str:
        """What it is, in words."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or assumed."""

    @property
    def checksums(self) -> Mapping[str, str]:
        """SHA-256 of the files it came from, by name."""

    def scan(self, scan: SimulatedScan, protocol: Acquisition, seed: int) -> TrueDataset:
        """Measure it."""


@dataclass(frozen=True)
class PhantomSource:
    """The phantom at a size.

    Attributes
    ----------
    n_voxels
        Voxels of tissue, about.
    """

    n_voxels: int
    notes: tuple[str, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Its grid."""
        return phantom_shape(self.n_voxels)

    @property
    def description(self) -> str:
        """What it is, in words."""
        grid = " × ".join(map(str, self.shape))
        return f"the phantom, {grid} voxels of {VOXEL_SIZE:g} mm"

    def scan(self, scan: SimulatedScan, protocol: Acquisition, seed: int) -> SimulatedDataset:
        """Measure it."""
        return simulate(
            self.shape,
            VOXEL_SIZE,
            scan.snr,
            scan.lmax,
            scan.noise,
            seed,
            protocol=protocol,
            subvoxel=scan.subvoxel,
            deviation=scan.deviation,
        )


@dataclass(frozen=True, eq=False)
class MapsSource:
    """Given maps.

    Attributes
    ----------
    truth
        The maps.
    description, notes, checksums
        What they are, what was left out, and the SHA-256 of their files by name.
    """

    truth: TrueMaps
    description: str
    notes: tuple[str, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)

    def cut_to(self, n_voxels: int | None) -> MapsSource:
        """The voxels nearest the middle, no more than so many."""
        if n_voxels is None or n_voxels >= self.truth.mask.sum():
            return self
        note = f"Of these the {n_voxels} voxels nearest the middle."
        return MapsSource(self.truth.nearest(n_voxels), self.description, (*self.notes, note), self.checksums)

    def scan(self, scan: SimulatedScan, protocol: Acquisition, seed: int) -> MapsDataset:
        """Measure them; where no order of the FODs is asked for beyond theirs.

        Raises
        ------
        InputError
            If the FODs do not reach the order, or the scan needs the truth between voxels.
        """
        if scan.subvoxel > 1:
            raise InputError("truth", "is known at voxel centres only.", "Use the phantom for this experiment.")
        return simulate_maps(self.truth, protocol, scan.snr, scan.lmax, scan.noise, seed, scan.deviation)
