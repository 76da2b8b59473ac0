"""The regression against numpy's own least squares on monomials spelt out."""

from itertools import product
from math import comb

import numpy as np
import pytest
import torch

from napari_smi_inr.baselines.smi import polynomials as polynomials_module
from napari_smi_inr.baselines.smi.polynomials import Polynomials
from napari_smi_inr.baselines.smi.regression import NormalEquations, n_pauses, noisy, regress

CPU = torch.device("cpu")


def run(features, targets, std, polynomials, seed=(0, 1)):
    """The regression, and how often it paused."""
    equations, pauses = NormalEquations(polynomials.n_columns, targets.shape[1], CPU), 0
    work = regress(features, targets, std, polynomials, seed, equations)
    while True:
        try:
            next(work)
            pauses += 1
        except StopIteration as end:
            return end.value, pauses


def spelt_out(features, degree):
    """Every monomial up to a degree, from exponents."""
    exponents = [e for e in product(range(degree + 1), repeat=features.shape[1]) if sum(e) <= degree]
    return np.stack([np.prod(features ** np.array(e), axis=1) for e in exponents], axis=1)


def problem(n=3000, d=4, seed=0):
    """Correlated features of unlike size, as invariants are, and targets that are no polynomials of them."""
    rng = np.random.default_rng(seed)
    hidden = rng.uniform(0.5, 2, (n, 3))
    features = np.exp(-hidden @ rng.uniform(0.2, 1, (3, d))) * np.geomspace(1, 0.05, d)
    return features, np.stack([hidden[:, 0], np.sin(3 * hidden[:, 1])], axis=1), np.full(d, 0.003)


@pytest.mark.parametrize(("d", "degree"), [(1, 3), (4, 1), (4, 3), (7, 2)])
def test_all_monomials_are_there_once(d, degree):
    features = np.random.default_rng(0).normal(size=(5, d))
    found = Polynomials(d, degree).columns(torch.tensor(features)).numpy()
    assert found.shape[1] == comb(d + degree, degree)
    np.testing.assert_allclose(np.sort(found, axis=1), np.sort(spelt_out(features, degree), axis=1))


def test_it_is_the_best_polynomial_of_the_noisy_features():
    features, targets, std = problem()
    found, _ = run(features, targets, std, Polynomials(4, 3), seed=(5, 2))
    given = noisy(features, std, (5, 2, 0))
    coefficients = np.linalg.pinv(spelt_out(given, 3)) @ targets
    np.testing.assert_allclose(found.predict(features), spelt_out(features, 3) @ coefficients, atol=1e-6)


def test_blocks_and_tiles_add_up_to_the_whole(monkeypatch):
    features, targets, _ = problem()
    nothing, polynomials = np.zeros(4), Polynomials(4, 3)
    whole, _ = run(features, targets, nothing, polynomials)
    monkeypatch.setattr(polynomials_module, "_MOST_ROWS", 700)
    monkeypatch.setattr("napari_smi_inr.baselines.smi.regression._TILE", 8)
    parts, pauses = run(features, targets, nothing, polynomials)
    assert pauses == n_pauses(len(features), polynomials) == 5 * 5 + 5
    np.testing.assert_allclose(parts.predict(features), whole.predict(features), atol=1e-7)


def test_a_polynomial_is_found_again():
    features, _, _ = problem()
    targets = spelt_out(features, 2) @ np.random.default_rng(0).normal(size=(15, 3))
    found, _ = run(features, targets, np.zeros(4), Polynomials(4, 3))
    np.testing.assert_allclose(found.predict(features), targets, atol=1e-6)


def test_a_feature_that_never_changes_does_no_harm():
    """As S_0 of b = 0 is in a scan: 1 throughout, but noisy in training."""
    features, targets, std = problem(d=3)
    constant = np.column_stack([np.ones(len(features)), features])
    found, _ = run(constant, targets, np.array([0.005, *std]), Polynomials(4, 3))
    plain, _ = run(features, targets, std, Polynomials(3, 3))
    errors = [np.std(r.predict(f) - targets) for r, f in ((found, constant), (plain, features))]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)


def test_more_noise_in_training_gives_a_smoother_answer():
    features, targets, std = problem()
    calm, wild = (run(features, targets, k * std, Polynomials(4, 3))[0] for k in (1, 20))
    assert wild.predict(features).std() < calm.predict(features).std()
    assert np.std(calm.predict(features) - targets) < np.std(wild.predict(features) - targets)


def test_equal_seeds_give_equal_answers():
    features, targets, std = problem()
    one, two, other = (run(features, targets, std, Polynomials(4, 3), seed)[0] for seed in ((1, 0), (1, 0), (2, 0)))
    assert torch.equal(one.coefficients, two.coefficients)
    assert not torch.equal(one.coefficients, other.coefficients)
