"""The verdict's rules against the Fisher information of the signal model itself."""

import numpy as np
import pytest

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.signal_model.spherical_harmonics import real_sh
from napari_smi_inr.signal_model.standard_model import predict_signal

PRIOR = {"Di": 1.0, "De": 1.0, "Dp": 0.4, "f": 0.3}
"""Spread that anatomy allows each parameter [µm²/ms, fraction]."""

TISSUES = ((2.2, 1.9, 0.6, 0.5), (1.8, 2.2, 0.8, 0.4), (2.4, 1.5, 0.5, 0.6), (2.0, 1.8, 0.7, 0.55))
SNR = 30

PROTOCOLS = {
    "linear, b 2": ((0, 1, 5), (1, 1, 40), (2, 1, 60)),
    "linear, b 5": ((0, 1, 5), (1, 1, 20), (3, 1, 40), (5, 1, 40)),
    "linear and spherical, b 2": ((0, 1, 5), (1, 1, 30), (2, 1, 55), (2, 0, 15)),
    "linear and planar, b 2": ((0, 1, 5), (1, 1, 30), (2, 1, 40), (2, -0.5, 30)),
    "three shapes, b 4": (
        (0, 1, 5),
        (1.5, 1, 20),
        (4, 1, 60),
        (1.5, -0.5, 10),
        (4, -0.5, 40),
        (4, 0.5, 40),
        (2, 0, 12),
    ),
    "simulation protocol": ((0, 1, 4), (1, 1, 20), (2, 1, 40), (8, 1, 40), (5, 0.8, 35), (2, 0, 15)),
}


def acquisition_of(shells):
    b, b_delta, n = zip(*shells, strict=True)
    u = np.random.default_rng(0).normal(size=(sum(n), 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    return Acquisition(np.repeat(b, n), np.repeat(b_delta, n), u)


def signals(theta, acquisition):
    """(N, V) signal of N voxels from columns (Di, De, Dp, f, S0, then the FOD without p00)."""
    values = dict(zip(("Di", "De", "Dp", "f", "S0"), theta.T, strict=False))
    fod = np.column_stack([np.full(len(theta), 1 / np.sqrt(4 * np.pi)), theta[:, 5:]])
    return predict_signal(values, fod, acquisition)


def remaining_spread(acquisition, tissue):
    """Standard deviation that measuring leaves, as a share of the prior's, for Di, De, Dp, f."""
    bundle = real_sh(np.array([[0.0, 0.0, 1.0]]), 4)[0, 1:]
    damping = np.repeat([0.6, 0.3], [5, 9])  # p2 and p4 of white matter
    theta = np.concatenate([tissue, [1.0], bundle * damping])
    step = 1e-5 * np.eye(19)
    jacobian = (signals(theta + step, acquisition) - signals(theta - step, acquisition)).T / 2e-5
    information = SNR**2 * jacobian.T @ jacobian
    prior = np.array(list(PRIOR.values()))
    information[range(4), range(4)] += prior**-2.0
    return np.sqrt(np.diag(np.linalg.inv(information))[:4]) / prior


@pytest.mark.parametrize("name", PROTOCOLS)
def test_identifiable_means_that_measuring_halves_the_spread(name):
    acquisition = acquisition_of(PROTOCOLS[name])
    left = np.mean([remaining_spread(acquisition, tissue) for tissue in TISSUES], axis=0)
    weak = {symbol for symbol, share in zip(PRIOR, left, strict=True) if share > 0.53}
    assert set(acquisition.verdict().weak) == weak
