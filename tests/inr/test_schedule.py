"""How the learning rate runs, and when a fit is told to end."""

import math

import pytest

from napari_smi_inr.inr.schedule import Schedule, Watch


def test_one_cycle_rises_to_its_peak_and_falls_to_nothing():
    schedule = Schedule("one-cycle", epochs=100, batches=10)
    rates = [schedule.rate(step) for step in range(1000)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(1.0)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 1e-4


def test_published_decay_is_one_percent_an_epoch():
    schedule = Schedule("decay", epochs=150, batches=7)
    assert schedule.rate(6) == 1.0
    assert schedule.rate(7 * 149) == pytest.approx(0.99**149)


def test_cooling_down_continues_smoothly_and_ends_on_an_epoch():
    schedule = Schedule("one-cycle", epochs=100, batches=10)
    before = schedule.rate(500)
    schedule.cool_down(500)
    assert schedule.rate(500) == pytest.approx(before)
    assert schedule.end < 1000
    assert schedule.end % 10 == 0
    assert schedule.rate(schedule.end) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("again_at", [500, 560])
def test_cooling_down_happens_once(again_at):
    schedule = Schedule("one-cycle", epochs=100, batches=10)
    schedule.cool_down(500)
    end = schedule.end
    schedule.cool_down(again_at)
    assert schedule.end == end


def test_near_its_end_a_fit_is_left_alone():
    schedule = Schedule("one-cycle", epochs=100, batches=10)
    schedule.cool_down(950)
    assert schedule.end == 1000


def test_watch_knows_the_best_and_waits_before_it_cries():
    watch = Watch(epochs=100)
    assert watch.is_best(1.0, 1.0)
    assert not watch.is_best(1.5, 0.9)
    assert watch.is_best(0.9, 0.8)
    for _ in range(14):
        assert not watch.is_best(1.1, 0.7)
        assert not watch.memorising
    watch.is_best(1.1, 0.7)
    assert watch.memorising


def test_a_fit_that_stumbles_is_not_one_that_memorises():
    watch = Watch(epochs=100)
    watch.is_best(1.0, 1.0)
    for _ in range(50):
        assert not watch.is_best(1.3, 1.2)
    assert not watch.memorising


def test_noise_about_the_best_is_no_alarm():
    watch = Watch(epochs=30)
    watch.is_best(1.0, 1.0)
    for n in range(300):
        watch.is_best(1.0005 + 0.0004 * (-1) ** n, 0.9)
    assert not watch.memorising


def test_without_held_out_volumes_there_is_nothing_to_watch():
    watch = Watch(epochs=30)
    for _ in range(300):
        assert not watch.is_best(math.nan, 1.0)
    assert not watch.memorising
