"""Simulated voxels to learn from: tissues and the noisy signals they would give."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...acquisition import Acquisition
from ...parameters import KERNEL_PARAMETERS
from ...signal_model.noise import add_noise
from ...signal_model.standard_model import predict_signal
from .inputs import relative_signal
from .scaling import Range
from .tissue import N_KERNEL, fod_of

VALIDATION = 0.25
"""Share of the vectors that validate."""

_CHUNK = 4096
_MAPPED = 2**15
_SIMULATING = 0.9
"""Share of the time that the signals take; the rest maps them to [-1, 1]."""

_RESPONSES = 2**16
"""Fibre responses, voxels times distinct (b, b_delta), worked out at a time: keeps a step short for any protocol."""


class TrainingSet(NamedTuple):
    """Inputs and targets, each mapped to [-1, 1].

    Attributes
    ----------
    inputs
        (n, V) relative signals.
    targets
        (n, 9) tissues.
    input_range, target_range
        What maps to [-1, 1].
    n_train
        The first so many train, the others validate.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    input_range: Range
    target_range: Range
    n_train: int


def signal_of(tissue: NDArray[np.float64], acquisition: Acquisition) -> NDArray[np.float64]:
    """(N, V) noise-free signal of (N, 9) tissues with S0 = 1."""
    values = dict(zip(KERNEL_PARAMETERS, tissue[:, :N_KERNEL].T, strict=True))
    return predict_signal({**values, "S0": np.ones(len(tissue))}, fod_of(tissue), acquisition)


def simulate_set(
    tissue: NDArray[np.float64], acquisition: Acquisition, snr: float, rng: np.random.Generator
) -> Generator[float, None, TrainingSet]:
    """Simulate a training set, chunk by chunk.

    Parameters
    ----------
    tissue
        (n, 9) tissues in random order.
    acquisition
        Protocol of the V volumes.
    snr
        S0 over the standard deviation of the Gaussian noise; inf for none.
    rng
        Source of the noise.

    Yields
    ------
    Share done.

    Returns
    -------
    TrainingSet
        The ranges are those of all vectors.
    """
    inputs = np.empty((len(tissue), acquisition.n_volumes), dtype=np.float32)
    size = int(np.clip(_RESPONSES // len(acquisition.kernel_groups()[0]), 64, _CHUNK))
    for start in range(0, len(tissue), size):
        rows = slice(start, start + size)
        noisy = add_noise(signal_of(tissue[rows], acquisition), 1.0 / snr, "gaussian", rng)
        inputs[rows] = relative_signal(noisy, acquisition)
        yield _SIMULATING * min(start + size, len(tissue)) / len(tissue)
    targets = tissue.astype(np.float32)
    input_range, target_range = Range.of(inputs), Range.of(targets)
    for start in range(0, len(tissue), _MAPPED):  # in place: the inputs are by far the largest thing in memory
        rows = slice(start, start + _MAPPED)
        inputs[rows] = input_range.to_unit(inputs[rows])
        yield _SIMULATING + (1.0 - _SIMULATING) * min(start + _MAPPED, len(tissue)) / len(tissue)
    n_train = len(tissue) - round(VALIDATION * len(tissue))
    return TrainingSet(inputs, target_range.to_unit(targets), input_range, target_range, n_train)
