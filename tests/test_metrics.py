from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from napari_smi_inr.errors import InputError
from napari_smi_inr.metrics import (
    METRICS,
    bias,
    compare,
    concordance,
    format_table,
    median_absolute_error,
    pearson,
    rmse,
    spearman,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(2, 0.5, 400)
ESTIMATE = TRUTH + RNG.normal(0.1, 0.2, 400)


def test_perfect_agreement() -> None:
    perfect = {name: metric(TRUTH, TRUTH) for name, metric in METRICS.items()}
    assert perfect == pytest.approx(
        {"rmse": 0, "bias": 0, "median_absolute_error": 0, "pearson": 1, "spearman": 1, "concordance": 1}
    )


def test_errors_by_hand() -> None:
    assert rmse([1, 2, 6], [1, 4, 2]) == pytest.approx(np.sqrt(20 / 3))
    assert bias([1, 2, 6], [1, 4, 2]) == pytest.approx(2 / 3)
    assert median_absolute_error([1, 2, 6], [1, 4, 2]) == 2


def test_correlations_match_scipy() -> None:
    assert pearson(ESTIMATE, TRUTH) == pytest.approx(stats.pearsonr(ESTIMATE, TRUTH).statistic)
    assert spearman(ESTIMATE, TRUTH) == pytest.approx(stats.spearmanr(ESTIMATE, TRUTH).statistic)


def test_rank_correlation_ignores_monotonic_distortion_and_concordance_does_not() -> None:
    assert spearman(np.exp(TRUTH), TRUTH) == pytest.approx(1)
    assert pearson(3 * TRUTH + 1, TRUTH) == pytest.approx(1)
    assert concordance(3 * TRUTH + 1, TRUTH) < 0.3
    assert concordance(-TRUTH, TRUTH) < 0


def test_shift_lowers_concordance_as_lin_defines_it() -> None:
    shift = 0.7
    expected = 2 * TRUTH.var() / (2 * TRUTH.var() + shift**2)
    assert concordance(TRUTH + shift, TRUTH) == pytest.approx(expected)


def test_constant_maps_have_no_correlation() -> None:
    assert np.isnan(pearson(np.ones(5), np.arange(5)))
    assert np.isnan(concordance(np.ones(5), np.ones(5)))


def test_compare_looks_inside_the_mask_at_finite_values_only() -> None:
    estimate, truth = ESTIMATE.reshape(20, 20).copy(), TRUTH.reshape(20, 20)
    mask = np.zeros((20, 20), dtype=bool)
    mask[:10] = True
    estimate[0, 0], estimate[15, 15] = np.nan, 1e9
    scores = compare({"f": estimate, "fod": estimate}, {"f": truth, "p2": truth}, mask)
    assert list(scores) == ["f"]
    assert scores["f"]["n"] == 199
    assert scores["f"]["rmse"] == pytest.approx(rmse(ESTIMATE[1:200], TRUTH[1:200]))


def test_table_has_a_line_for_each_parameter() -> None:
    text = format_table(compare({"Di": ESTIMATE, "f": ESTIMATE}, {"Di": TRUTH, "f": TRUTH}))
    head, *rows = text.splitlines()
    assert "median absolute error" in head
    assert [row.split()[0] for row in rows] == ["Di", "f"]
    assert float(rows[0].split()[1]) == pytest.approx(rmse(ESTIMATE, TRUTH), abs=1e-4)


def test_faults_are_named() -> None:
    with pytest.raises(InputError, match="share no parameter"):
        compare({"Di": TRUTH}, {"f": TRUTH})
    with pytest.raises(InputError, match="shapes differ"):
        compare({"f": TRUTH}, {"f": TRUTH[:-1]})
    with pytest.raises(InputError, match="no finite value"):
        compare({"f": TRUTH}, {"f": TRUTH * np.nan})
