"""A fit in a process of its own gives what one in this process gives, and its end is told, whatever ended it."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

import napari_smi_inr as smi
from napari_smi_inr.errors import InputError
from napari_smi_inr.plugin.fitting import fit_process
from napari_smi_inr.plugin.fitting.fit_job import FitJob, Outcome
from napari_smi_inr.plugin.fitting.fit_process import FitProcess, ProcessJob
from napari_smi_inr.plugin.fitting.fit_server import _portable_error
from napari_smi_inr.plugin.fitting.fit_session import FitSession

CONFIG = smi.FitConfig.from_preset(lmax=2, epochs=20, detail=8.0, batch_size=64, device="cpu")
LONG = CONFIG.model_copy(update={"epochs": 50_000})


def drain(run):
    """All that a generator yields, and what it returns."""
    yielded = []
    while True:
        try:
            yielded.append(next(run))
        except StopIteration as end:
            return yielded, end.value


def first_with_field(run):
    """Go on until there is a field to be seen."""
    return next(update for update in run if update is not None and update.field is not None)


@pytest.fixture
def job(tiny_dataset):
    """Makes jobs; none outlives the test."""
    made = []

    def make(config):
        made.append(ProcessJob(FitProcess(), tiny_dataset, config))
        return made[-1]

    yield make
    for one in made:
        one.abandon()


def test_it_gives_the_numbers_of_the_python_call(job, tiny_dataset):
    updates, outcome = drain(job(CONFIG).run())
    direct = smi.fit(tiny_dataset, lmax=2, epochs=20, detail=8.0, batch_size=64, device="cpu")
    for symbol, values in direct.maps().items():
        np.testing.assert_array_equal(outcome.field.maps()[symbol], values)
    assert outcome.field.quality == direct.quality
    assert (outcome.stopped, outcome.error) == (False, None)
    fractions = [update.step.fraction for update in updates if update]
    assert fractions == sorted(fractions)
    assert updates[-1].step.phase == "fit"
    with pytest.raises(RuntimeError, match="another process"):
        updates[-1].step.field()


def was_killed(one):
    """Whether its process was ended from outside, not by its own end."""
    return one._process._process.returncode not in {None, 0}


def test_one_that_has_not_begun_is_stopped_at_once(job):
    one = job(LONG)
    one.stop()
    assert was_killed(one)
    updates, outcome = drain(one.run())
    assert updates == []
    assert (outcome.field, outcome.stopped, outcome.error) == (None, True, None)


def test_it_pauses_goes_on_and_stops(job):
    one = job(LONG)
    run = one.run()
    first_with_field(run)
    one.pause()
    assert one.paused
    assert any([next(run) for _ in range(10)][i : i + 3] == [None] * 3 for i in range(8))
    one.resume()
    assert next(update for update in run if update is not None).step.iteration > 0
    one.stop()
    _, outcome = drain(run)
    assert outcome.stopped
    assert outcome.field is not None
    assert one.ended.is_set()


def test_what_was_found_survives_the_death_of_the_process(job):
    one = job(LONG)
    run = one.run()
    seen = first_with_field(run).field
    os.kill(one._process._process.pid, signal.SIGKILL)
    _, outcome = drain(run)
    assert isinstance(outcome.error, InputError)
    assert "SIGKILL" in str(outcome.error)
    assert "memory" in str(outcome.error)
    assert outcome.field.training["epochs"] >= seen.training["epochs"]
    assert np.isfinite(outcome.field.maps()["f"]).any()


def test_what_the_user_can_mend_is_told_as_here(job, tiny_dataset):
    broken = CONFIG.model_copy(update={"device": "warp:9"})
    _, outcome = drain(job(broken).run())
    _, here = drain(FitJob(tiny_dataset, broken).run())
    assert type(outcome.error) is type(here.error) is InputError
    assert str(outcome.error) == str(here.error)
    assert outcome.error.remedy == here.error.remedy


def test_an_error_that_cannot_travel_sends_its_words():
    class Peculiar(Exception):  # noqa: N818 (of no module: it cannot be pickled)
        pass

    sent = _portable_error(Peculiar("the device has vanished"))
    assert type(sent) is RuntimeError
    assert str(sent) == "Peculiar: the device has vanished"
    assert _portable_error(None) is None


def test_abandoned_it_is_gone_at_once(job):
    one = job(LONG)
    run = one.run()
    first_with_field(run)
    one.abandon()
    assert was_killed(one)
    _, outcome = drain(run)
    assert outcome.error is None
    assert not psutil.pid_exists(one._process._process.pid)


_UNGUARDED = """
import sys
import napari_smi_inr as smi
from napari_smi_inr.plugin.fitting.fit_process import FitProcess, ProcessJob
process = FitProcess()
config = smi.FitConfig.from_preset(lmax=2, epochs=50_000, detail=8.0, device="cpu")
for update in ProcessJob(process, smi.simulate(shape=(10, 10, 4), lmax=2), config).run():
    print(process._process.pid, flush=True)
"""


def test_it_ends_with_the_program_that_started_it(tmp_path):
    """Also one killed; and a script without a guard around its main part is not run again."""
    (tmp_path / "script.py").write_text(_UNGUARDED)
    with subprocess.Popen([sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, text=True) as program:
        pid = int(program.stdout.readline())
        assert psutil.pid_exists(pid)
        program.kill()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_that_waits_is_used_for_the_next_fit_and_ends_with_the_session(tiny_dataset):
    session = FitSession()
    session.prepare()
    waiting = session._process
    session.prepare()
    assert session._process is waiting
    one = session.begin(tiny_dataset, LONG)
    assert one._process is waiting
    session.prepare()
    session.close()
    _, outcome = drain(one.run())
    assert outcome.field is None
    assert not psutil.pid_exists(waiting._process.pid)
    assert session._process is None


def test_a_session_that_has_closed_prepares_no_more(tiny_dataset):
    session = FitSession()
    one = session.begin(tiny_dataset, LONG)
    session.ended.connect(lambda _: session.close())  # as when the window is closed upon what it just showed
    one.abandon()
    _, outcome = drain(one.run())
    session.finish(outcome)
    session.prepare()
    assert session._process is None


def test_a_fit_nobody_listens_to_any_more_ends_when_it_is_finished(tiny_dataset):
    session = FitSession()
    one = session.begin(tiny_dataset, LONG)
    first_with_field(one.run())
    session.finish(Outcome(None, stopped=True))  # as when napari ends the thread because its window closes
    assert not psutil.pid_exists(one._process._process.pid)
    session.close()


def test_one_that_has_died_while_it_waited_is_replaced(tiny_dataset):
    session = FitSession()
    session.prepare()
    dead = session._process
    os.kill(dead._process.pid, signal.SIGKILL)
    dead._process.wait(10)
    one = session.begin(tiny_dataset, CONFIG)
    assert one._process is not dead
    _, outcome = drain(one.run())
    assert outcome.error is None
    session.finish(outcome)
    assert session._process.alive  # for the next fit
    session.close()


@pytest.mark.parametrize("why", ["bundled", "forbidden"])
def test_without_a_python_to_start_the_fit_is_done_here(tiny_dataset, monkeypatch, why):
    def forbidden(*_, **__):
        raise PermissionError("no more processes")

    if why == "bundled":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    else:
        monkeypatch.setattr(fit_process.subprocess, "Popen", forbidden)
    session = FitSession()
    session.prepare()
    _, outcome = drain(session.begin(tiny_dataset, CONFIG).run())
    assert isinstance(session.job, FitJob)
    assert outcome.field is not None
