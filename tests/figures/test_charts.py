"""Curves and bars: what is drawn are the values, each series with its own look throughout."""

import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.figures import draw_bars, draw_curves
from napari_smi_inr.figures.bars import duration
from napari_smi_inr.figures.style import METHOD_LOOKS, series_looks

LMAX = (2, 4, 6, 8)
CURVES = {
    "f": {"inr": [0.1, 0.2, 0.3, 0.4], "nlls": [0.5, np.nan, 0.4, 0.3]},
    "Di": {"nlls": [1.0, 2.0, 3.0, 4.0], "inr": [4.0, 3.0, 2.0, 1.0]},
}


def test_lines_are_the_values_in_the_colours_of_the_methods():
    figure = draw_curves(LMAX, CURVES, x_label="lmax", y_label="RMSE")
    for axes, series in zip(figure.axes, CURVES.values(), strict=True):
        for line, (name, values) in zip(axes.lines, series.items(), strict=True):
            assert np.array_equal(line.get_xdata(), LMAX)
            assert np.array_equal(line.get_ydata(), values, equal_nan=True)
            assert (line.get_color(), line.get_marker()) == METHOD_LOOKS[name]
        assert axes.get_ylim()[0] == 0
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "4", "6", "8"]
        assert axes.get_xlabel() == "lmax"
    assert [text.get_text() for text in figure.legends[0].texts] == ["INR", "NLLS"]
    assert "[µm²/ms]" in figure.axes[1].get_title()


def test_bands_references_and_logarithmic_axes():
    spread = {"f": {"inr": ([0.05, 0.1, 0.2, 0.3], [0.2, 0.3, 0.4, 0.5])}}
    figure = draw_curves(
        LMAX, {"f": {"inr": CURVES["f"]["inr"]}}, x_label="SNR", spread=spread, reference={"f": 0.07}, x_log=True,
        y_log=True, reference_label="floor",
    )  # fmt: skip
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (0.05, 0.5)
    assert axes.lines[-1].get_ydata() == [0.07, 0.07]
    assert [text.get_text() for text in figure.legends[0].texts] == ["INR", "floor"]


def test_correlations_need_not_begin_at_zero():
    (axes,) = draw_curves((20, 50), {"ρ": {"smi": (0.9, 0.95)}}, x_label="SNR", from_zero=False).axes
    assert axes.get_ylim()[0] > 0.8


def test_looks_are_the_methods_own_and_never_shared():
    names = ["inr", "nlls", "smi", "nn", "SNR 20", "SNR 50", "linear", "cubic", "x"]
    looks = series_looks(names)
    assert len({look.colour for look in looks.values()}) == len({look.marker for look in looks.values()}) == len(names)
    assert {name: looks[name] for name in METHOD_LOOKS} == METHOD_LOOKS
    assert series_looks(["INR"])["INR"] == METHOD_LOOKS["inr"]


@pytest.mark.parametrize(
    ("x", "curves", "options", "fault"),
    [
        (LMAX, {}, {}, "hold no value"),
        ((), {"f": {"inr": []}}, {}, "hold no value"),
        (LMAX, {"f": {"inr": [np.nan] * 4}}, {}, "hold no value"),
        (LMAX, {"f": {"inr": [1.0, 2.0]}}, {}, "f inr: has 2 values at 4 places"),
        ((0, 1), {"f": {"inr": [1.0, 2.0]}}, {"x_log": True}, "x: holds values"),
        ((1, 2), {"f": {"inr": [0.0, 2.0]}}, {"y_log": True}, "y: holds values"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(x, curves, options, fault):
    with pytest.raises(InputError, match=fault):
        draw_curves(x, curves, x_label="lmax", **options)


TIMES = {"simulated": {"inr": 300.0, "nlls": 9000.0}, "in vivo": {"inr": 90.0, "nlls": np.nan}}


def test_bars_are_as_long_as_their_values_which_are_written_on():
    (axes,) = draw_bars(TIMES).axes
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert ends == pytest.approx([300, 9000, 90])
    assert axes.get_xscale() == "log"  # by itself: 100 times
    written = [text.get_text() for text in axes.texts]
    assert written == ["5 min", "INR", "2.5 h", "NLLS", "90 s", "INR", "–", "NLLS"]
    middles = [bar.get_y() + bar.get_height() / 2 for bar in axes.patches]
    assert middles == sorted(middles)
    assert axes.yaxis_inverted()


def test_similar_values_have_a_linear_axis_from_zero():
    (axes,) = draw_bars({"": {"inr": 2.0, "smi": 5.0}}, label="memory [GB]", form="{:.1f}".format).axes
    assert axes.get_xscale() == "linear"
    assert axes.get_xlim()[0] == 0
    assert [bar.get_width() for bar in axes.patches] == [2.0, 5.0]
    assert axes.get_xlabel() == "memory [GB]"


def test_groups_are_named_above_their_bars():
    figure = draw_bars(TIMES)
    assert {"simulated", "in vivo"} == {text.get_text() for text in figure.texts}


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0312, "31.2 ms"), (1, "1 s"), (99.6, "99.6 s"), (301, "5.02 min"), (9000, "2.5 h")]
)
def test_durations_are_told_in_the_unit_a_person_would_use(seconds, words):
    assert duration(seconds) == words


def test_bars_that_cannot_be_drawn_are_refused():
    for groups, log, fault in (
        ({}, None, "hold no value"),
        ({"": {"inr": np.nan}}, None, "hold no value"),
        ({"a": {"inr": -1.0}}, None, "a inr: is -1"),
        ({"a": {"inr": 0.0, "nn": 1.0}}, True, "a inr: is 0"),
    ):
        with pytest.raises(InputError, match=fault):
            draw_bars(groups, log=log)
