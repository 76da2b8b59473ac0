"""What the network sees of a voxel: its raw signals over that without diffusion weighting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...acquisition import Acquisition

FEW_B0 = 5
"""With fewer b = 0 volumes their mean is taken: a median of so few is noisier and guards against little."""


def b0_level(signal: NDArray[np.floating], acquisition: Acquisition) -> NDArray[np.float64]:
    """(N,) level of the b = 0 volumes that a voxel's signals are divided by: their median, or mean where few.

    Parameters
    ----------
    signal
        (N, V) signal in any unit.
    acquisition
        Its protocol.
    """
    b0 = np.asarray(signal[:, acquisition.is_b0], dtype=np.float64)
    return np.asarray(np.median(b0, axis=1) if b0.shape[1] >= FEW_B0 else b0.mean(axis=1))


def relative_signal(signal: NDArray[np.floating], acquisition: Acquisition) -> NDArray[np.float32]:
    """(N, V) signals over :func:`b0_level`; NaN in voxels where that is not positive."""
    level = b0_level(signal, acquisition)
    unit = np.where(level > 0, level, np.nan)[:, None]
    return np.asarray(signal / unit, dtype=np.float32)
