import threading
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import napari_smi_inr as smi
from napari_smi_inr.errors import InputError
from napari_smi_inr.estimation.quality_text import verdict_text
from napari_smi_inr.inr.problem import Problem
from napari_smi_inr.plugin.fitting.fit_job import FitJob
from napari_smi_inr.plugin.fitting.fit_session import Curves, FitSession, State

CONFIG = smi.FitConfig.from_preset(lmax=2, epochs=20, detail=8.0, batch_size=64, device="cpu")
LONG = CONFIG.model_copy(update={"epochs": 50_000})


def drain(generator):
    """All that a generator yields, and what it returns."""
    yielded = []
    while True:
        try:
            yielded.append(next(generator))
        except StopIteration as end:
            return yielded, end.value


def drive(session, dataset, config=CONFIG, then=lambda session, update: None):
    """Run a fit to its end on this thread, as the controller does over two."""
    run = session.begin(dataset, config).run()
    while True:
        try:
            update = next(run)
        except StopIteration as end:
            session.finish(end.value)
            return end.value
        session.take(update)
        then(session, update)


def test_the_numbers_are_those_of_the_python_call(tiny_dataset):
    outcome = drive(FitSession(FitJob), tiny_dataset)
    direct = smi.fit(tiny_dataset, lmax=2, epochs=20, detail=8.0, batch_size=64, device="cpu")
    for symbol, values in direct.maps().items():
        np.testing.assert_array_equal(outcome.field.maps()[symbol], values)


def test_events_tell_the_whole_story(tiny_dataset):
    session, states, fields, ends, fractions = FitSession(FitJob), [], [], [], []
    session.status_changed.connect(lambda status: (states.append(status.state), fractions.append(status.fraction)))
    session.field_ready.connect(fields.append)
    session.ended.connect(ends.append)
    outcome = drive(session, tiny_dataset)
    assert set(states) == {State.RUNNING, State.IDLE}
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert set(fields[0].maps()) == {"Di", "De", "Dp", "f", "S0", "p2"}
    assert ends == [outcome]
    assert not session.status.busy


def test_a_second_fit_waits_its_turn(tiny_dataset):
    session = FitSession(FitJob)
    session.begin(tiny_dataset, CONFIG)
    with pytest.raises(InputError, match="already running"):
        session.begin(tiny_dataset, CONFIG)


def test_stopping_keeps_the_best_so_far(tiny_dataset):
    session = FitSession(FitJob)
    outcome = drive(session, tiny_dataset, LONG, lambda session, update: update.step.epoch > 3 and session.stop())
    assert outcome.stopped
    assert outcome.field.training["epochs"] < 200
    assert np.isfinite(outcome.field.maps()["f"][tiny_dataset.mask]).all()
    assert "best so far" in session.status.text


def test_stopping_before_the_first_step_leaves_nothing(tiny_dataset):
    job = FitJob(tiny_dataset, LONG, lambda *_: iter(()))
    job.stop()
    _, outcome = drain(job.run())
    assert (outcome.field, outcome.error, outcome.stopped) == (None, None, True)


def test_a_paused_fit_does_nothing_until_it_goes_on(tiny_dataset):
    job = FitJob(tiny_dataset, LONG)
    run = job.run()
    before = next(run)
    job.pause()
    assert [next(run) for _ in range(4)] == [None] * 4
    job.resume()
    after = next(run)
    assert 0 < after.step.iteration - before.step.iteration <= 200
    job.stop()
    assert drain(run)[1].stopped


def test_a_paused_fit_can_be_stopped(tiny_dataset):
    job = FitJob(tiny_dataset, LONG)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(drain(job.run())[1]))
    job.pause()
    thread.start()
    time.sleep(0.3)
    job.stop()
    thread.join(10)
    assert outcomes[0].field is not None


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), InputError("noise", "is not there.", "Give it.")])
def test_an_error_ends_the_fit_but_not_what_was_found(tiny_dataset, error):
    def breaking(dataset, config):
        for i, step in enumerate(smi.fit_steps(dataset, config)):
            if i == 3:
                raise error
            yield step

    session = FitSession(partial(FitJob, steps=breaking))
    outcome = drive(session, tiny_dataset, LONG)
    assert outcome.error is error
    assert outcome.field is not None
    assert session.status.text.startswith("Failed")
    assert not session.status.busy


def test_what_befalls_a_fit_is_told_while_it_runs_and_with_the_result(tiny_dataset, monkeypatch):
    misfit = Problem.misfit

    def scarce(problem, tissue, voxels):
        if len(voxels) > 40:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return misfit(problem, tissue, voxels)

    monkeypatch.setattr(Problem, "misfit", scarce)
    session, texts = FitSession(FitJob), []
    session.status_changed.connect(lambda status: texts.append(status.text))
    outcome = drive(session, tiny_dataset)
    assert outcome.error is None
    told = "Memory ran out on cpu: since then the 78 voxels of a step are worked through in 2 parts."
    assert any(text.startswith(f"{told} Fitting with detail") for text in texts)
    assert told in verdict_text(outcome.field)


def test_an_error_at_the_very_start_is_told_too(tiny_dataset):
    outcome = drive(FitSession(FitJob), tiny_dataset, CONFIG.model_copy(update={"device": "warp:9"}))
    assert isinstance(outcome.error, InputError)
    assert outcome.field is None


def test_fields_take_a_small_share_of_the_time(tiny_dataset):
    updates, _ = drain(FitJob(tiny_dataset, CONFIG.model_copy(update={"epochs": 300})).run())
    seconds = updates[-1].step.elapsed
    with_fields = [update for update in updates if update and update.field]
    assert 1 <= len(with_fields) <= 1 + seconds / 0.5


def test_curves_break_where_a_phase_ends(tiny_dataset):
    curves = Curves()
    steps = list(smi.fit_steps(tiny_dataset, CONFIG.model_copy(update={"epochs": 120})))
    for i, step in enumerate(steps):
        curves.add(replace(step, phase="training" if i < len(steps) // 2 else "fit"))
    breaks = np.isnan(curves.data)
    assert breaks.sum() == len(curves.phases) - 1 == 1
    assert [name for _, name in curves.phases] == ["training", "fit"]
    assert curves.phases == sorted(curves.phases)
    assert curves.seconds == sorted(curves.seconds)
    assert len(curves.seconds) == len(curves.data) == len(curves.held_out) == len(curves.nonnegativity)
    assert np.isfinite(np.array(curves.held_out)[~breaks]).all()


def test_progress_is_told_as_often_as_drawing_it_allows(tiny_dataset):
    def six_steps(dataset, config):
        step = next(iter(smi.fit_steps(dataset, config)))
        for i in range(1, 7):
            yield replace(step, iteration=i, elapsed=i, losses=replace(step.losses, data=1 / i))

    session, told = FitSession(partial(FitJob, steps=six_steps)), []
    session.curves_grew.connect(lambda curves: told.append(len(curves.seconds)))
    seen = []

    def drawn(session, update):
        seen.append(update)
        if len(seen) == 2:
            session.pace.spent(3600.0)

    drive(session, tiny_dataset, LONG, drawn)
    assert told == [0, 1, 2, 6]  # at the start, twice while drawing is free, and all of it at the end


def test_pausing_tells_where_the_fit_stands(tiny_dataset):
    session = FitSession(FitJob)
    run = session.begin(tiny_dataset, LONG).run()
    session.pace.spent(3600.0)
    for _ in range(3):
        update = next(run)
        assert not session.take(update)
    assert session.status.fraction == 0
    session.pause()
    assert session.status.fraction == update.step.fraction > 0
    session.stop()
    drain(run)
