"""The quality of a fit in words, for the command line and the window."""

import dataclasses
import math

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.cli.report import quality_report
from napari_smi_inr.estimation.quality_text import brief_rows, judgement, verdict_text


@pytest.fixture(scope="module")
def nothing_held_out(tiny_dataset):
    return smi.fit(tiny_dataset, lmax=0, epochs=1, detail=8.0, held_out=0.0, device="cpu")


def test_all_of_it_is_told(tiny_field):
    told = quality_report(tiny_field)
    error, rows = tiny_field.quality["held_out_rmse"], brief_rows(tiny_field)
    assert "on volumes never fitted" in told
    assert f"error on held-out volumes  {error:.4g} (" in told
    assert "given with the scan" in told
    for symbol in ("Di", "De", "Dp", "f"):
        assert f"{symbol} at a bound" in told
        assert f"{symbol} " in rows["At a bound"][0]
    assert f"{error:.4g}" in rows["Error"][1]
    assert "SNR 50" in rows["Noise"][0]
    assert verdict_text(tiny_field).startswith("The error on volumes never fitted is ")


def test_it_says_when_nothing_was_held_out(nothing_held_out):
    assert not math.isfinite(nothing_held_out.quality["held_out_rmse"])
    assert "none held out" in quality_report(nothing_held_out)
    assert "no volumes were held out" in brief_rows(nothing_held_out)["Error"][0]


def test_a_fit_of_before_judgements_says_that_nothing_is_known(tiny_field):
    old = dataclasses.replace(tiny_field, training={"epochs": 3.0})
    assert "Nothing is known" in verdict_text(old)
    assert judgement(old) == "unknown"
    assert "not known" in quality_report(old)
    assert brief_rows(old)["Noise"][0] == "not known"


@pytest.mark.parametrize(
    ("ratio", "share", "expected"),
    [(1.0, 0.0, "good"), (1.31, 0.0, "warning"), (0.89, 0.0, "warning"), (1.0, 0.5, "warning"), (None, 0, "unknown")],
)
def test_a_mark_sums_it_up(tiny_dataset, ratio, share, expected):
    fit = smi.fit(tiny_dataset, "nlls", max_iterations=1, starts=1, device="cpu")
    scalars = fit.scalars.copy()
    scalars[: round(share * len(scalars)), 0] = 0.0  # Di at its lower bound
    scalars[round(share * len(scalars)) :, :4] = np.array([2.0, 2.0, 0.7, 0.5])
    told = {} if ratio is None else {"error_over_noise": {"ratio": ratio, "of": "volumes fitted"}}
    assert judgement(dataclasses.replace(fit, scalars=scalars, training=told)) == expected
