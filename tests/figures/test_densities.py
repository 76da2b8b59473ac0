"""Densities: the numbers written are the metrics of the points, and every point is counted."""

import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.figures import draw_densities
from napari_smi_inr.metrics import pearson, rmse, spearman

N = 2000


@pytest.fixture
def pairs():
    """Two methods, the second the better in f and the worse in Di."""
    rng = np.random.default_rng(0)
    f, di = rng.uniform(0.3, 0.7, N), rng.uniform(1.5, 2.5, N)
    return {
        "inr": {"f": (f + rng.normal(0, 0.10, N), f), "Di": (di + rng.normal(0, 0.05, N), di)},
        "nlls": {"f": (f + rng.normal(0, 0.02, N), f), "Di": (di + rng.normal(0, 0.40, N), di)},
    }


def panels(figure):
    """Axes with points, in the order they were drawn: column by column."""
    return [axes for axes in figure.axes if axes.lines]


def words(axes):
    """What is written in a panel, and how boldly."""
    return {text.get_text(): text.get_fontweight() for text in axes.texts}


def test_numbers_are_the_metrics_and_the_best_are_bold(pairs):
    figure = draw_densities(pairs)
    found = iter(panels(figure))
    for symbol, digits, best in (("Di", 3, "inr"), ("f", 3, "nlls")):
        for method in ("inr", "nlls"):
            estimate, truth = pairs[method][symbol]
            weight = "bold" if method == best else "normal"
            expected = {f"ρ {pearson(estimate, truth):.2f}": weight, f"RMSE {rmse(estimate, truth):.{digits}f}": weight}
            written = words(next(found))
            assert expected.items() <= written.items()
    assert {"INR", "NLLS"} <= {text.get_text() for text in figure.texts}


def test_every_point_within_the_axes_is_counted_and_the_rest_is_told(pairs):
    for axes, (estimate, truth) in zip(
        panels(draw_densities(pairs, ("f",))), (pairs["inr"]["f"], pairs["nlls"]["f"]), strict=True
    ):
        low, high = axes.get_xlim()
        assert (low, high) == axes.get_ylim()
        within = (estimate >= low) & (estimate <= high) & (truth >= low) & (truth <= high)
        assert np.ma.sum(axes.collections[0].get_array()) == within.sum()
        share = 100 * (1 - within.mean())
        told = [text for text in words(axes) if "beyond" in text]
        assert told == ([f"{share:.1f} % beyond"] if share >= 0.1 else [])


def test_axes_span_the_truth_within_the_bounds_of_the_parameter():
    rng = np.random.default_rng(1)
    f = rng.uniform(0.05, 0.99, N)
    (axes,) = panels(draw_densities({"nn": {"f": (f, f)}}))
    assert axes.get_xlim() == (0.0, 1.0)
    (axes,) = panels(draw_densities({"nn": {"f": (f, f)}}, limits={"f": (0.2, 0.8)}))
    assert axes.get_xlim() == (0.2, 0.8)


def test_colours_mean_the_same_number_everywhere(pairs):
    meshes = [axes.collections[0] for axes in panels(draw_densities(pairs))]
    most = max(np.ma.max(mesh.get_array()) for mesh in meshes)
    assert {mesh.get_clim() for mesh in meshes} == {(1.0, most)}


def test_values_that_are_not_finite_are_left_out_and_spearman_can_be_asked_for(pairs):
    estimate, truth = (values.copy() for values in pairs["inr"]["f"])
    expected = f"ρ {spearman(estimate[10:], truth[10:]):.2f}"
    estimate[:5], truth[5:10] = np.nan, np.inf
    (axes,) = panels(draw_densities({"x": {"f": (estimate, truth)}}, correlation="spearman"))
    assert expected in words(axes)


def test_a_constant_estimate_has_no_correlation(pairs):
    truth = pairs["inr"]["f"][1]
    (axes,) = panels(draw_densities({"x": {"f": (np.full(N, 0.5), truth)}}))
    assert "ρ –" in words(axes)


def test_a_method_without_a_parameter_leaves_a_gap(pairs):
    del pairs["inr"]["f"]
    assert len(panels(draw_densities(pairs))) == 3


def test_what_cannot_be_drawn_is_refused(pairs):
    flat, three = np.full(3, 0.5), np.arange(3.0)
    for wrong, fault in (
        ({}, "holds no parameter"),
        ({"inr": {}}, "holds no parameter"),
        ({"inr": {"f": (three, flat)}}, "truth is 0.5 everywhere"),
        ({"inr": {"f": (three, three[:2])}}, "shape"),
        ({"inr": {"f": (three * np.nan, three)}}, "no finite value"),
    ):
        with pytest.raises(InputError, match=fault):
            draw_densities(wrong)
    with pytest.raises(InputError, match="p2 is in no row"):
        draw_densities(pairs, ("f", "p2"))
