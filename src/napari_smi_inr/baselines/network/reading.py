"""From a trained network's output to the columns every method gives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...acquisition import Acquisition
from .model import TrainedNetwork
from .tissue import N_KERNEL, coherence, fod_of


class VoxelReading(NamedTuple):
    """What a network reads off n voxels, in the scan's units.

    Attributes
    ----------
    scalars
        (n, 6) columns Di, De, Dp, f, S0, p2.
    fod
        (n, 6) SH coefficients.
    clipped
        (n, 5) which of Di, De, Dp, f and p2 had to be brought within bounds.
    blank
        (n,) voxels without signal at b = 0: S0 is 0 there and the rest the network's answer to middling inputs.
    """

    scalars: NDArray[np.float64]
    fod: NDArray[np.float64]
    clipped: NDArray[np.bool_]
    blank: NDArray[np.bool_]


def read_voxels(
    network: TrainedNetwork, signal: NDArray[np.floating], acquisition: Acquisition, device: torch.device
) -> VoxelReading:
    """Parameters of voxels; S0 is the mean of their b = 0 volumes.

    Parameters
    ----------
    network
        Trained for this protocol.
    signal
        (n, V) in the scan's units.
    acquisition
        Protocol.
    device
        Where the network works.
    """
    reading = network.read(signal, acquisition, device)
    b0 = signal[:, acquisition.is_b0].mean(axis=1, dtype=np.float64)
    s0 = np.where(reading.blank, 0.0, np.maximum(b0, 0.0))
    kernel = reading.tissue[:, :N_KERNEL]
    scalars = np.column_stack([kernel, s0, coherence(reading.tissue)])
    return VoxelReading(scalars, fod_of(reading.tissue), reading.clipped, reading.blank)
