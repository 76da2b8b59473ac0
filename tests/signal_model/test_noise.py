from __future__ import annotations

import numpy as np
import pytest

from napari_smi_inr.signal_model.noise import add_noise, rician_mean, rician_mean_square
from refusal import refused

N = 200_000


def test_gaussian_noise_has_the_sigma_asked_for_in_every_voxel() -> None:
    sigma = np.array([[0.5], [3.0]])
    noise = add_noise(np.full((2, N), 7.0), sigma, "gaussian", np.random.default_rng(0)) - 7.0
    assert noise.mean(axis=1) == pytest.approx([0, 0], abs=0.03)
    assert noise.std(axis=1) == pytest.approx([0.5, 3.0], rel=0.01)


@pytest.mark.parametrize("nu", [0.0, 0.5, 2.0, 20.0])
def test_rician_moments_match_the_closed_form(nu: float) -> None:
    magnitude = add_noise(np.full(N, nu), 1.5, "rician", np.random.default_rng(1))
    assert magnitude.min() >= 0
    assert magnitude.mean() == pytest.approx(rician_mean(nu, 1.5), rel=0.01)
    assert np.mean(magnitude**2) == pytest.approx(rician_mean_square(nu, 1.5), rel=0.01)


def test_rician_mean_is_rayleigh_at_no_signal_and_the_signal_at_high_snr() -> None:
    assert rician_mean(0.0, 2.0) == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=1e-12)
    # First order of the expansion at high SNR; a plain Bessel function would overflow here.
    assert rician_mean(1e4, 1.0) - 1e4 == pytest.approx(1 / 2e4, rel=1e-3)


@pytest.mark.parametrize("kind", ["gaussian", "rician"])
def test_no_noise_leaves_the_signal(kind: str) -> None:
    signal = np.linspace(0, 5, 7)
    np.testing.assert_array_equal(add_noise(signal, 0.0, kind, np.random.default_rng(0)), signal)  # type: ignore[arg-type]


def test_single_precision_counts_as_double() -> None:
    nu, sigma = np.array([0.3, 7.7, 1e4], np.float32), np.array([0.7, 1.3, 2.1], np.float32)
    doubles = nu.astype(np.float64), sigma.astype(np.float64)
    for moment in (rician_mean, rician_mean_square):
        assert moment(nu, sigma).dtype == np.float64
        np.testing.assert_array_equal(moment(nu, doubles[1]), moment(*doubles))
        np.testing.assert_array_equal(moment(doubles[0], sigma), moment(*doubles))
    np.testing.assert_array_equal(rician_mean(nu, sigma), rician_mean(*doubles))
    one, other = (add_noise(doubles[0], s, "rician", np.random.default_rng(0)) for s in (sigma, doubles[1]))
    np.testing.assert_array_equal(one, other)
    assert add_noise(np.ones(3, np.float32), [1, 2, 3], "gaussian", np.random.default_rng(0)).dtype == np.float64


def test_one_seed_gives_noise_that_grows_with_sigma() -> None:
    small, large = (add_noise(np.zeros(9), s, "gaussian", np.random.default_rng(5)) for s in (1.0, 3.0))
    np.testing.assert_allclose(large, 3 * small)


def test_faults_are_named() -> None:
    rng = np.random.default_rng(0)
    with refused("noise", "'poisson'") as caught:
        add_noise(np.ones(3), 1.0, "poisson", rng)  # type: ignore[arg-type]
    assert "'gaussian' or 'rician'" in caught.value.remedy
    for sigma in (-1.0, np.nan, [1.0, 2.0, np.nan], [1.0, -1e-9, 2.0]):
        with refused("sigma", "negative"):
            add_noise(np.ones(3), sigma, "gaussian", rng)
