"""Workers that are killed, runs that are interrupted or killed: the results are those of a quiet run."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

import napari_smi_inr as smi
from cohort_fits import LONG, maps, once, program, task, under_way
from napari_smi_inr.cohort.cluster import Pool, processes_for, visible_cards
from napari_smi_inr.cohort.cluster_options import ClusterOptions
from napari_smi_inr.cohort.fitting import _outcome, fit_all
from napari_smi_inr.cohort.run import fit_cohort
from napari_smi_inr.cohort.subject import files_of, fit_scan
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.inr.checkpoint import peek
from napari_smi_inr.io.json_text import read_json
from napari_smi_inr.methods import make_settings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no such signals on Windows")


@pytest.mark.usefixtures("slow_steps")
def test_a_worker_that_is_killed_loses_nothing_its_scan_goes_on_elsewhere(pair, quiet, tmp_path):
    out, killed = tmp_path / "out", []
    victim = task(pair, out, 0)

    def kill():
        once(lambda: under_way(victim))
        killed.append(read_json(victim.begun, "note")["pid"])
        os.kill(killed[0], signal.SIGKILL)

    assassin = threading.Thread(target=kill)
    assassin.start()
    cohort = fit_cohort(pair, out, cluster=ClusterOptions(workers=2), keep_every=0.0, **LONG)
    assassin.join()
    assert killed[0] != os.getpid()
    assert [row.status for row in cohort.rows] == ["fitted", "fitted"]
    first, second = (row.about for row in cohort.rows)
    assert (first["attempts"], second["attempts"]) == (2, 1)
    assert 0 < first["resumed_at"] < 1
    assert "Went on from a checkpoint" in first["notes"][0]
    assert "Went on from a checkpoint" in cohort.report.read_text()
    assert maps(out) == quiet
    assert not (out / ".work").exists()


@pytest.mark.usefixtures("slow_steps")
def test_a_run_that_is_interrupted_and_then_killed_goes_on(pair, quiet, tmp_path, scheduler):
    out = tmp_path / "out"
    first = task(pair, out, 0)
    with program(pair, out, "--workers", 1, "--keep-every", 0) as running:
        once(lambda: under_way(first), running)
        os.killpg(running.pid, signal.SIGINT)  # a terminal sends it to every process
        _, errors = running.communicate(timeout=120)
    assert running.returncode == 130, errors
    assert "the same command goes on from here" in errors
    assert "Not yet fitted" in (out / "report.html").read_text()
    share = peek(first.checkpoint).fraction
    assert 0 < share < 1
    with program(pair, out, "--workers", 1, "--keep-every", 0) as running:
        once(lambda: under_way(first, share), running)
        worker = read_json(first.begun, "note")["pid"]
        os.kill(running.pid, signal.SIGKILL)
        running.communicate(timeout=60)
    once(lambda: not Path(f"/proc/{worker}").exists() or sys.platform != "linux")  # it ends with whoever started it
    cohort = fit_cohort(pair, out, cluster=ClusterOptions(scheduler=scheduler), participants=["01"], **LONG)
    assert cohort.rows[0].about["attempts"] == 3
    assert cohort.rows[0].about["resumed_at"] >= share
    assert maps(out) == quiet


def test_a_checkpoint_that_cannot_be_gone_on_from_is_begun_anew(pair, quiet, tmp_path):
    first, other = (task(pair, tmp_path, n) for n in (0, 1))
    data = smi.load(other.scan.dwi, **files_of(other).more)
    steps = smi.fit_steps(data, make_settings("inr", **LONG), Keep(first.checkpoint))  # of another scan
    next(steps)
    steps.close()
    assert under_way(first)
    outcome = fit_scan(first)
    assert outcome.status == "fitted"
    assert outcome.notes == ("A checkpoint was of no use: begun anew.",)
    assert maps(tmp_path) == quiet


def test_a_scan_is_not_begun_when_the_run_has_been_asked_to_stop(pair, tmp_path):
    (tmp_path / "stop").touch()
    assert fit_scan(task(pair, tmp_path / "out", 0, stop=tmp_path / "stop")).status == "stopped"
    assert not (tmp_path / "out").exists()


def test_a_scan_whose_worker_is_lost_each_time_is_told_as_broken():
    from distributed.scheduler import KilledWorker

    class Lost:
        key, status = "smi-inr-sub-01", "error"

        def exception(self):
            return KilledWorker("smi-inr-sub-01", None, 4)

    outcome = _outcome(Lost(), "sub-01")
    assert outcome.status == "failed"
    assert "lost again and again" in outcome.error


def test_each_worker_has_a_card_of_its_own_where_there_are_cards(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-7")
    assert visible_cards() == ["2", "GPU-7"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_cards() == []


@pytest.mark.parametrize(("cores", "memory", "n"), [(8, 64e9, 8), (8, 17e9, 4), (8, 1e9, 1), (2, float("inf"), 2)])
def test_there_are_no_more_fits_at_a_time_than_memory_has_room_for(cores, memory, n):
    assert processes_for(cores, memory) == n


def test_a_queue_in_which_nobody_comes_is_told(pair, tmp_path, monkeypatch):
    from distributed import Client, LocalCluster

    monkeypatch.setattr("napari_smi_inr.cohort.fitting._ALONE", 0.2)
    said = []
    with LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as empty, Client(empty) as client:
        outcomes = fit_all(Pool(client), [task(pair, tmp_path, 0)], lambda: bool(said), said.append)
        assert [outcome.status for outcome in outcomes] == ["stopped"]
    assert "No worker is there" in said[0]


def test_nothing_to_do_asks_no_worker(scheduler):
    from distributed import Client

    with Client(scheduler) as client:
        assert list(fit_all(Pool(client), [], lambda: False)) == []
