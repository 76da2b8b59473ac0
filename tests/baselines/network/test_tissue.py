"""What the network learns from: inside bounds, in the stated shares, drawn by the stated rules."""

import numpy as np
import pytest
from scipy import stats

from napari_smi_inr.baselines.network.tissue import (
    SPREAD,
    clip,
    coherence,
    fod_of,
    in_bounds,
    mixed_tissue,
    mutants,
    uniform_tissue,
)
from napari_smi_inr.parameters import KERNEL_PARAMETERS, PARAMETERS
from napari_smi_inr.signal_model.spherical_harmonics import rotational_invariants

BOUNDS = [PARAMETERS[symbol].bounds for symbol in KERNEL_PARAMETERS]
TYPICAL = np.array([2.2, 1.8, 0.6, 0.5, 0.1, -0.05, 0.2, 0.05, -0.1])


def rng(seed=0):
    return np.random.default_rng(seed)


def test_uniform_tissue_fills_the_bounds_evenly():
    tissue = uniform_tissue(20_000, rng())
    for column, (low, high) in zip(tissue.T, BOUNDS, strict=False):
        assert stats.kstest(column, stats.uniform(low, high - low).cdf).pvalue > 1e-3
    assert in_bounds(tissue).all()


def test_the_fod_prior_is_the_published_one():
    """√(5/4π) times a direction times U(0, 1) per component: p2² = Σ d² u², of mean 1/3 whatever the direction."""
    tissue = uniform_tissue(20_000, rng())
    p2m, p2 = tissue[:, 4:], coherence(tissue)
    assert p2.max() <= 1.0
    assert np.mean(p2**2) == pytest.approx(1 / 3, abs=5e-3)
    np.testing.assert_allclose(p2, rotational_invariants(fod_of(tissue))[:, 1], rtol=1e-12)
    # one component: (5/4π) d² u² with d² ~ Beta(1/2, 2)
    squares = p2m[:, 3] ** 2 / (5 / (4 * np.pi))
    draws = rng(1)
    expected = draws.beta(0.5, 2.0, 20_000) * draws.uniform(size=20_000) ** 2
    assert stats.ks_2samp(squares, expected).pvalue > 1e-3
    assert np.abs(np.corrcoef(p2m.T) - np.eye(5)).max() < 0.03


def test_a_mutation_varies_each_number_by_its_own_share():
    far_inside = np.tile(TYPICAL * [0.3, 0.3, 0.5, 0.3, 1, 1, 1, 1, 1], (3, 1))
    ratio = mutants(far_inside, 30_000, rng()) / far_inside[0]
    np.testing.assert_allclose(ratio.mean(axis=0), 1.0, atol=0.01)
    np.testing.assert_allclose(ratio.std(axis=0), SPREAD, atol=0.01)
    assert np.abs(np.corrcoef(ratio.T) - np.eye(9)).max() < 0.03


def test_mutants_take_turns_with_their_parents():
    parents = np.stack([TYPICAL * 0.2, TYPICAL * 0.2])
    parents[:, 3] = [0.01, 0.5]
    found = mutants(parents, 2000, rng())
    assert np.mean(found[:, 3] < 0.1) == pytest.approx(0.5, abs=0.02)


def test_stray_mutants_are_drawn_again_and_the_last_few_removed():
    edge = TYPICAL.copy()
    edge[:4] = [high for _, high in BOUNDS]  # a mutant stays inside with probability 1/16 or less
    found = mutants(edge[None], 10_000, rng())
    assert in_bounds(found).all()
    assert 9500 <= len(found) < 10_000


def test_the_shares_are_as_asked():
    parents = np.tile(TYPICAL, (10, 1)) * np.linspace(0.9, 1.1, 10)[:, None]
    tissue = mixed_tissue(10_000, parents, 0.3, rng())
    # no uniform tissue shares the sign pattern of all five coefficients and the order of magnitude of the parents
    brain = (np.sign(tissue[:, 4:]) == np.sign(TYPICAL[4:])).all(axis=1) & (np.abs(tissue[:, 0] - 2.2) < 2)
    assert 0.95 * 3000 - 150 <= brain.sum() <= 3000 + 0.06 * 7000
    assert in_bounds(tissue).all()
    assert all((tissue == parent).all(axis=1).any() for parent in parents)  # the fits themselves are among them


def test_rows_come_in_random_order():
    tissue = mixed_tissue(4000, TYPICAL[None], 0.5, rng())
    brain = (np.sign(tissue[:, 4:]) == np.sign(TYPICAL[4:])).all(axis=1)
    assert brain[:2000].mean() == pytest.approx(brain[2000:].mean(), abs=0.05)


@pytest.mark.parametrize("bad", [[5.0, 1, 0.5, 0.5], [2, 1, 0.5, np.nan]])
def test_parents_out_of_bounds_are_left_aside(bad):
    parents = np.stack([[*bad, 0, 0, 0.1, 0, 0], [2, 1, 0.5, 0.5, 0, 0, 2.0, 0, 0]])  # the second has p2 > 1
    assert not in_bounds(parents).any()
    tissue = mixed_tissue(500, parents, 0.5, rng())
    assert tissue.shape == (500, 9)
    assert in_bounds(tissue).all()


def test_clipping_leaves_what_is_inside_and_keeps_the_fods_shape():
    outside = np.array([[5.0, -1, 2, 1.5, *(3 * TYPICAL[4:] / coherence(TYPICAL[None]))]])
    clipped = clip(outside)
    np.testing.assert_array_equal(clipped[0, :4], [4, 0, 1.5, 1])
    np.testing.assert_allclose(coherence(clipped), 1.0)
    np.testing.assert_allclose(clipped[0, 4:] / clipped[0, 4], TYPICAL[4:] / TYPICAL[4])
    np.testing.assert_array_equal(clip(TYPICAL[None]), TYPICAL[None])
