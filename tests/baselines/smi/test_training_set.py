import numpy as np
import pytest
from scipy.stats import kstest

from napari_smi_inr.baselines.smi.training_set import PRIOR, TARGETS, draw


@pytest.fixture(scope="module")
def drawn():
    return draw(100_000, np.random.default_rng(0))


def test_f_makes_room_for_free_water(drawn):
    f = drawn[0][:, TARGETS.index("f")]
    assert np.mean(f > 0.8) == pytest.approx(0.054, abs=0.003)
    assert f.mean() == pytest.approx(0.413, abs=0.003)
    low, high = PRIOR["f"]
    assert low <= f.min() < low + 0.01 < high - 0.01 < f.max() <= high


@pytest.mark.parametrize("symbol", [symbol for symbol in TARGETS if symbol != "f"])
def test_all_others_are_uniform(drawn, symbol):
    low, high = PRIOR[symbol]
    assert kstest(drawn[0][:, TARGETS.index(symbol)], "uniform", (low, high - low)).pvalue > 1e-3


def test_p4_stays_below_p2(drawn):
    values, p = drawn
    np.testing.assert_array_equal(p[:, 0], 1)
    np.testing.assert_array_equal(p[:, 1], values[:, TARGETS.index("p2")])
    assert kstest(p[:, 2] / p[:, 1], "uniform", (0, 0.9)).pvalue > 1e-3


def test_parameters_are_drawn_independently(drawn):
    assert np.abs(np.corrcoef(drawn[0].T) - np.eye(len(TARGETS))).max() < 0.02


def test_equal_seeds_draw_equal_voxels():
    (one, _), (two, _), (other, _) = (draw(1000, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
