"""Invariants against the forward model, which knows nothing of them."""

import numpy as np
import pytest

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.baselines.smi.invariants import Invariants
from napari_smi_inr.signal_model.spherical_harmonics import P00, n_coefficients, real_sh, rotational_invariants
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.protocol import paper_protocol, spread_axes
from scan_files import turned

RNG = np.random.default_rng(0)
AXES = RNG.normal(size=(50, 2, 3))


def rich_protocol():
    """Shells that each hold the order 4 to the last digit: linear, planar and in between."""
    shells = ((0, 1, 3), (1.5, 1, 45), (2, -0.5, 45), (2.3, 0.5, 45), (1, 0, 6))
    b, b_delta = (np.repeat([s[i] for s in shells], [s[2] for s in shells]).astype(float) for i in (0, 1))
    u = [np.zeros((n, 3)) if x * s == 0 else spread_axes(n, RNG) for x, s, n in shells]
    return Acquisition(b, b_delta, np.concatenate(u))


def fods(axes, lmax):
    """Two crossing lobes a voxel."""
    fod = sum(share * real_sh(axes[:, i], lmax) for i, share in ((0, 0.5), (1, 0.2)))
    fod[:, 0] = P00
    assert fod.shape[1] == n_coefficients(lmax)
    return fod


def tissue(n=50, seed=0):
    rng = np.random.default_rng(seed)
    bounds = {"Di": (1, 3), "De": (1, 3), "Dp": (0.1, 1.2), "f": (0.05, 0.95), "S0": (50, 200)}
    return {symbol: rng.uniform(*limits, n) for symbol, limits in bounds.items()}


@pytest.mark.parametrize(("acquisition", "lmax"), [(paper_protocol(), 2), (rich_protocol(), 4)])
def test_they_are_those_of_the_kernel_and_the_fod(acquisition, lmax):
    """S_l = S0 p_l |K_l|."""
    values, fod = tissue(), fods(AXES, lmax)
    p = np.zeros((len(fod), 3))
    p[:, : lmax // 2 + 1] = rotational_invariants(fod)
    invariants = Invariants(acquisition)
    expected = invariants.expect(values, p)
    found = invariants.measure(predict_signal(values, fod, acquisition))
    np.testing.assert_allclose(found, values["S0"][:, None] * expected, atol=1e-9)
    assert np.any(expected[:, -1] > 1e-4) == (lmax == 4)  # the last feature is of order 4


def test_they_do_not_see_how_a_voxel_is_turned():
    acquisition, turn = rich_protocol(), turned((1, 2, -0.5), 71)
    values = tissue()
    invariants = Invariants(acquisition)
    here, there = (
        invariants.measure(predict_signal(values, fods(axes, 4), acquisition)) for axes in (AXES, AXES @ turn.T)
    )
    np.testing.assert_allclose(here, there, atol=1e-9)


def test_they_scale_with_the_signal():
    invariants = Invariants(paper_protocol())
    signal = RNG.uniform(1, 2, (20, 154))
    np.testing.assert_allclose(invariants.measure(7 * signal), 7 * invariants.measure(signal))


def plain_norms(invariants, signal, acquisition):
    """Invariants of order 2 without the step to rank one, by least squares of its own."""
    found = []
    for shell, l in invariants.table:
        if l == 2:
            volumes, order = invariants.shells[shell].volumes, invariants.shells[shell].lmax
            basis = real_sh(acquisition.directions[volumes], order)
            fit = np.linalg.lstsq(basis, signal[:, volumes].T, rcond=None)[0]
            found.append(np.linalg.norm(fit[1:6], axis=0) / np.sqrt(20 * np.pi))
    return np.stack(found, axis=1)


def test_rank_one_lowers_the_floor_of_the_noise():
    acquisition, n = paper_protocol(), 2000
    invariants = Invariants(acquisition)
    second = [feature.l == 2 for feature in invariants.table]
    values = {symbol: np.full(n, x) for symbol, x in (("Di", 2.2), ("De", 2.0), ("Dp", 0.6), ("f", 0.5), ("S0", 1.0))}
    fod = 0.2 * fods(np.broadcast_to(AXES[:1], (n, 2, 3)), 2)
    fod[:, 0] = P00
    clean = predict_signal(values, fod, acquisition)
    truth = invariants.measure(clean)[:, second]
    np.testing.assert_allclose(plain_norms(invariants, clean, acquisition), truth, atol=1e-9)
    signal = clean + 0.05 * RNG.standard_normal(clean.shape)
    bias, plain = (
        np.mean(found - truth, axis=0)
        for found in (invariants.measure(signal)[:, second], plain_norms(invariants, signal, acquisition))
    )
    assert (plain > 0).all()
    assert (np.abs(bias) < 0.8 * plain).all()


def test_the_noise_of_the_invariants_is_as_stated():
    """Where the signal is strong, a norm errs as one of its 2l + 1 coefficients does."""
    acquisition = rich_protocol()
    invariants = Invariants(acquisition)
    clean = predict_signal({k: v[:1] for k, v in tissue().items()} | {"S0": [1.0]}, fods(AXES[:1], 4), acquisition)
    signal = clean + 1e-4 * RNG.standard_normal((4000, acquisition.n_volumes))
    spread = invariants.measure(signal).std(axis=0) / 1e-4
    zeroth = np.array([feature.l == 0 for feature in invariants.table])
    np.testing.assert_allclose(spread[zeroth], invariants.noise[zeroth], rtol=0.05)
    assert (spread[~zeroth] < 1.1 * invariants.noise[~zeroth]).all()  # less by what rank one takes out
