"""Curves around the main fibre against the full forward model on dense directions."""

from __future__ import annotations

import numpy as np
import pytest

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.signal_model.around_axis import (
    across,
    main_axis,
    powder_average,
    range_at_angles,
    response,
    signal_at_angles,
)
from napari_smi_inr.signal_model.spherical_harmonics import degrees, half_sphere, real_sh
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.signal_model.tensor_signal import half_sphere_rule

TISSUE = {"Di": 2.2, "De": 1.7, "Dp": 0.7, "f": 0.6, "S0": 120.0}
B, B_DELTA = np.array([0.0, 1.0, 2.0, 2.0, 6.0]), np.array([1.0, 1.0, -0.5, 0.0, 0.8])
AXIS = np.array([2.0, -1.0, 2.0]) / 3.0


def peaked(axis, lmax=6, spread=0.06):
    """An FOD symmetric around an axis, as diffused from it."""
    l = degrees(lmax)
    return real_sh(axis[None], lmax)[0] * np.exp(-l * (l + 1) * spread)


def crossing(lmax=6):
    first, _ = across(AXIS)
    return 0.65 * peaked(AXIS, lmax) + 0.35 * peaked((AXIS + 2 * first) / np.sqrt(5), lmax)


def signal(fod, directions):
    """(G, N) by the forward model."""
    whole = [
        predict_signal(
            {key: [value] for key, value in TISSUE.items()},
            fod[None],
            Acquisition(np.full(len(directions), b), np.full(len(directions), shape), directions),
        )[0]
        for b, shape in zip(B, B_DELTA, strict=True)
    ]
    return np.array(whole)


def test_powder_average_is_the_mean_over_the_sphere():
    fod = crossing()
    found = powder_average(response(TISSUE, B, B_DELTA, 6), fod)
    directions, weights = half_sphere_rule(24.0)
    np.testing.assert_allclose(found, signal(fod, directions) @ weights / (4 * np.pi), rtol=1e-9)
    assert found[0] == pytest.approx(TISSUE["S0"])


def test_the_signal_at_an_angle_is_the_mean_around_the_axis():
    fod, cosines = crossing(), np.cos(np.radians([0.0, 20.0, 55.0, 90.0]))
    responses = response(TISSUE, B, B_DELTA, 6)
    mean = signal_at_angles(responses, fod, AXIS, cosines)
    low, high = range_at_angles(responses, fod, AXIS, cosines)
    first, second = across(AXIS)
    turn = np.linspace(0, 2 * np.pi, 360, endpoint=False)[:, None]
    for t, cosine in enumerate(cosines):
        ring = cosine * AXIS + np.sqrt(1 - cosine**2) * (np.cos(turn) * first + np.sin(turn) * second)
        around = signal(fod, ring)
        np.testing.assert_allclose(mean[:, t], around.mean(axis=1), rtol=1e-9)
        np.testing.assert_allclose(low[:, t], around.min(axis=1), rtol=0.01)
        np.testing.assert_allclose(high[:, t], around.max(axis=1), rtol=0.01)


def test_around_the_axis_of_a_symmetric_fod_nothing_changes():
    low, high = range_at_angles(response(TISSUE, B, B_DELTA, 6), peaked(AXIS), AXIS, [0.1, 0.7])
    np.testing.assert_allclose(low, high, rtol=1e-9)


def test_linear_encoding_is_weakest_along_the_fibre_and_planar_strongest():
    linear, planar, spherical = signal_at_angles(
        response(TISSUE, [2.0] * 3, [1.0, -0.5, 0.0], 6), peaked(AXIS), AXIS, [1, 0]
    )
    assert linear[0] < 0.5 * linear[1]
    assert planar[0] > 1.5 * planar[1]
    assert spherical[0] == pytest.approx(spherical[1])


@pytest.mark.parametrize("lmax", [2, 4, 8])
def test_the_main_axis_is_found_to_half_a_degree(lmax):
    for axis in half_sphere(40):
        found = main_axis(peaked(axis, lmax))
        assert np.degrees(np.arccos(min(1.0, abs(found @ axis)))) < 0.6
        assert np.linalg.norm(found) == pytest.approx(1)


def test_of_two_fibres_the_larger_counts():
    assert abs(main_axis(crossing(8)) @ AXIS) > np.cos(np.radians(5))


def test_single_precision_counts_as_double():
    fod, cosines = crossing().astype(np.float32), np.array([0.1, 0.7, 1.0], np.float32)
    b, shapes = B.astype(np.float32), B_DELTA.astype(np.float32)
    exact = [values.astype(np.float64) for values in (fod, cosines, b, shapes)]
    responses = response(TISSUE, b, shapes, 6)
    np.testing.assert_array_equal(responses, response(TISSUE, *exact[2:], 6))
    np.testing.assert_array_equal(main_axis(fod), main_axis(exact[0]))
    np.testing.assert_array_equal(powder_average(responses, fod), powder_average(responses, exact[0]))
    for curve in (signal_at_angles, range_at_angles):
        np.testing.assert_array_equal(
            curve(responses, fod, AXIS, cosines), curve(responses, *exact[:1], AXIS, exact[1])
        )


@pytest.mark.parametrize("axis", [*np.eye(3), *-np.eye(3), AXIS, [0.6, 0.8, 0.0], [1e-9, 0.6, 0.8]])
def test_two_directions_across_an_axis_make_a_right_handed_frame(axis):
    first, second = across(np.array(axis, dtype=float))
    np.testing.assert_allclose(np.linalg.det([first, second, axis]), 1, atol=1e-9)
    np.testing.assert_allclose([first @ axis, second @ axis, first @ second], 0, atol=1e-12)


def test_the_range_around_an_axis_is_of_as_many_directions_as_asked_for():
    """Evenly spread: half a turn apart they are the two sides of an even function, the same."""
    responses, fod = response(TISSUE, B, B_DELTA, 6), crossing()
    low, high = range_at_angles(responses, fod, AXIS, [0.0], turns=2)
    np.testing.assert_allclose(low, high, rtol=1e-9)
    spread = [np.ptp(range_at_angles(responses, fod, AXIS, [0.0, 0.4], turns=n), axis=0) for n in (4, 16, 64, 256)]
    assert (np.diff(spread, axis=0) >= -1e-9).all()
    np.testing.assert_allclose(spread[1], spread[-1], rtol=0.06, atol=0.01)
