"""Simulated voxels: inputs relative to b = 0, mapped to [-1, 1], with the stated noise."""

import numpy as np
import pytest

from napari_smi_inr import Acquisition
from napari_smi_inr.baselines.network.inputs import b0_level, relative_signal
from napari_smi_inr.baselines.network.scaling import Range
from napari_smi_inr.baselines.network.tissue import uniform_tissue
from napari_smi_inr.baselines.network.training_set import signal_of, simulate_set
from napari_smi_inr.simulation.protocol import paper_protocol

PROTOCOL = paper_protocol()


def protocol_with_b0(n):
    b = np.r_[np.zeros(n), 1.0, 2.0]
    return Acquisition(b, np.ones(n + 2), np.tile([0.0, 0, 1], (n + 2, 1)))


def finished(generator):
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def made(n=3000, snr=50.0, seed=0):
    tissue = uniform_tissue(n, np.random.default_rng(seed))
    return tissue, finished(simulate_set(tissue, PROTOCOL, snr, np.random.default_rng(seed)))


@pytest.mark.parametrize(("n", "expected"), [(1, 3.0), (3, 4.0), (5, 3.0)])
def test_signals_are_relative_to_the_median_of_b0_or_the_mean_of_few(n, expected):
    signal = np.array([[*[3.0, 2.0, 7.0, 100.0, 1.0][:n], 1.0, 0.5]])
    np.testing.assert_allclose(b0_level(signal, protocol_with_b0(n)), expected)
    np.testing.assert_allclose(relative_signal(signal, protocol_with_b0(n))[0, -2:], [1 / expected, 0.5 / expected])


@pytest.mark.parametrize("b0", [0.0, -1.0])
def test_without_signal_at_b0_there_is_nothing_to_be_relative_to(b0):
    assert np.isnan(relative_signal(np.array([[b0, 1.0, 0.5]]), protocol_with_b0(1))).all()


def test_every_column_spans_minus_one_to_one():
    _, learnt = made()
    for unit in (learnt.inputs, learnt.targets):
        np.testing.assert_allclose(unit.min(axis=0), -1, atol=1e-5)
        np.testing.assert_allclose(unit.max(axis=0), 1, atol=1e-5)


def test_a_constant_column_maps_to_zero_and_back():
    span = Range.of(np.full((4, 1), 2.5, dtype=np.float32))
    np.testing.assert_array_equal(span.to_unit(np.array([[2.5], [9.0]], dtype=np.float32)), 0)
    np.testing.assert_array_equal(span.from_unit(np.array([[0.3]], dtype=np.float32)), 2.5)


def test_the_ranges_lead_back_to_the_tissues():
    tissue, learnt = made(500)
    np.testing.assert_allclose(learnt.target_range.from_unit(learnt.targets), tissue, atol=1e-5)


def test_the_noise_has_the_stated_level():
    snr = 40.0
    tissue, noisy = made(snr=snr)
    strong = PROTOCOL.b == 8  # where the division by a noisy b = 0 adds next to nothing
    error = noisy.input_range.from_unit(noisy.inputs) - signal_of(tissue, PROTOCOL)
    # the b = 0 level of four volumes has a quarter of their variance and scales the signal with it
    expected = np.sqrt(1 + np.mean(signal_of(tissue, PROTOCOL)[:, strong] ** 2) / 4) / snr
    assert np.std(error[:, strong]) == pytest.approx(expected, rel=0.02)


def test_three_quarters_train():
    _, learnt = made(1000)
    assert learnt.n_train == 750


def test_simulating_tells_how_far_it_is():
    tissue = uniform_tissue(9000, np.random.default_rng(0))
    shares = list(simulate_set(tissue, PROTOCOL, np.inf, np.random.default_rng(0)))
    assert shares == sorted(shares)
    assert len(shares) >= 3
    assert shares[-1] == 1.0
