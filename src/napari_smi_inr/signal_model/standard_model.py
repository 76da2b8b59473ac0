"""The forward model: tissue parameters and FOD to signal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..acquisition import Acquisition, b_tensors
from ..parameters import KERNEL_PARAMETERS
from .kernel import kernel
from .spherical_harmonics import degrees, lmax_of, real_sh
from .tensor_signal import predict_tensor_signal

_CHUNK = 4096
"""Voxels predicted at a time; bounds memory at a few hundred MB for any protocol."""


def predict_signal(
    values: Mapping[str, ArrayLike],
    fod: ArrayLike,
    acquisition: Acquisition,
    deviation: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """Noise-free signal of the Standard Model of white matter.

    Parameters
    ----------
    values
        (N,) arrays by symbol: Di, De, Dp [µm²/ms], f and S0 (any unit, the signal's own).
    fod
        (N, C) orthonormal real SH coefficients in the MRtrix basis and scanner axes.
    acquisition
        Protocol of V volumes.
    deviation
        (N, 3, 3) matrices L where gradients were not uniform (see
        :func:`~napari_smi_inr.acquisition.voxel_gradients.b_tensors`); the b-tensors L B Lᵀ are then taken as they
        are, by :func:`~.tensor_signal.predict_tensor_signal`.

    Returns
    -------
    (N, V) signal S0 4π Σ_lm K_l(b, b_delta) p_lm Y_lm(u) in float64 (arXiv 2506.15762, eqs 2-7).
    """
    coefficients = np.atleast_2d(np.asarray(fod, dtype=np.float64))
    columns = {key: np.asarray(values[key], dtype=np.float64) for key in (*KERNEL_PARAMETERS, "S0")}
    chunks = []
    for start in range(0, len(coefficients), _CHUNK):
        rows = slice(start, start + _CHUNK)
        some = {key: column[rows] for key, column in columns.items()}
        if deviation is None:
            chunks.append(_predict(some, coefficients[rows], acquisition))
        else:
            chunks.append(predict_tensor_signal(some, coefficients[rows], b_tensors(acquisition, deviation[rows])))
    return np.concatenate(chunks) if chunks else np.empty((0, acquisition.n_volumes))


def _predict(
    values: Mapping[str, NDArray[np.float64]], fod: NDArray[np.float64], acquisition: Acquisition
) -> NDArray[np.float64]:
    lmax = lmax_of(fod.shape[1])
    b, b_delta, group = acquisition.kernel_groups()
    Di, De, Dp, f = (torch.as_tensor(values[key])[:, None] for key in KERNEL_PARAMETERS)
    response = kernel(torch.as_tensor(b), torch.as_tensor(b_delta), Di, De, Dp, f, lmax).numpy()  # (N, G, L)
    basis = real_sh(acquisition.directions, lmax)
    order = degrees(lmax) // 2
    signal = np.empty((len(fod), acquisition.n_volumes))
    for g in range(len(b)):
        volumes = group == g
        signal[:, volumes] = (fod * response[:, g, order]) @ basis[volumes].T
    return 4.0 * np.pi * values["S0"][:, None] * signal
