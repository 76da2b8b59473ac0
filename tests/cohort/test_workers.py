"""Workers that are killed, runs that are interrupted or killed, jobs of SLURM: the results are those of a quiet run."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import napari_smi_inr as smi
from bids_sets import QUICK, qsiprep_set
from napari_smi_inr.cohort.cluster import ClusterOptions, processes_for, visible_cards
from napari_smi_inr.cohort.fitting import _outcome, fit_all
from napari_smi_inr.cohort.run import fit_cohort
from napari_smi_inr.cohort.scans import find_scans
from napari_smi_inr.cohort.subject import files_of, fit_scan
from napari_smi_inr.cohort.task import Request, Task
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.inr.checkpoint import peek
from napari_smi_inr.io.json_text import read_json
from napari_smi_inr.methods import make_settings

LONG = {**QUICK, "epochs": 25}
"""Settings of a fit that takes some seconds where steps are slow."""

SLOW_STEPS = """
import importlib.abc, importlib.util, sys, time

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "napari_smi_inr.inr.trainer":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def run_slowly(module):
            run(module)
            descend = module.Trainer._descend
            module.Trainer._descend = lambda *given: (time.sleep(0.02), descend(*given))[1]

        spec.loader.exec_module = run_slowly
        return spec

sys.meta_path.insert(0, Slow())
"""
"""What a new Python does at its beginning, so that its fits can be caught in the midst, however fast the machine."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no such signals on Windows")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return qsiprep_set(tmp_path_factory.mktemp("slow") / "qsiprep", (1, 2))


def task(source, out, n, **more):
    settings = make_settings("inr", **LONG).model_dump(mode="json")
    return Task(find_scans(source)[n], Request(out, settings, **more))


def maps(out, n=0):
    """Contents of the maps and the field of a subject, by name."""
    found = [path for path in (out / f"sub-0{n + 1}" / "dwi").iterdir() if path.suffix in (".gz", ".safetensors")]
    return {path.name: path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def quiet(source, tmp_path_factory):
    """Results of the first subject, fitted in one go."""
    out = tmp_path_factory.mktemp("quiet")
    assert fit_scan(task(source, out, 0)).status == "fitted"
    return maps(out)


@pytest.fixture
def slow_steps(tmp_path, monkeypatch):
    """Fits in new processes take their time."""
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SLOW_STEPS)
    places = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))


def once(condition, process=None, patience=120.0):
    """Wait for something."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        assert process is None or process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def under_way(task, beyond=0.0):
    """Whether a fit has got further than a share of the work, by its last checkpoint."""
    return task.checkpoint.exists() and peek(task.checkpoint).fraction > beyond


@pytest.mark.usefixtures("slow_steps")
def test_a_worker_that_is_killed_loses_nothing_its_scan_goes_on_elsewhere(source, quiet, tmp_path):
    out, killed = tmp_path / "out", []
    victim = task(source, out, 0)

    def kill():
        once(lambda: under_way(victim))
        killed.append(read_json(victim.begun, "note")["pid"])
        os.kill(killed[0], signal.SIGKILL)

    assassin = threading.Thread(target=kill)
    assassin.start()
    cohort = fit_cohort(source, out, cluster=ClusterOptions(workers=2), keep_every=0.0, **LONG)
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


def program(source, out):
    """The command line as a program of its own, in a process group of its own, as a terminal starts it."""
    words = [
        "cohort",
        source,
        out,
        "--workers",
        1,
        "--keep-every",
        0,
        "--participant-label",
        "01",
        "--set",
        "batch_size=16",
    ]
    words += ["--lmax", 2, "--seed", 3, "--device", "cpu", "--set", "epochs=25", "--set", "detail=9.0"]
    code = "from napari_smi_inr.cli import main\nif __name__ == '__main__': main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.usefixtures("slow_steps")
def test_a_run_that_is_interrupted_and_then_killed_goes_on(source, quiet, tmp_path, scheduler):
    out = tmp_path / "out"
    first = task(source, out, 0)
    with program(source, out) as running:
        once(lambda: under_way(first), running)
        os.killpg(running.pid, signal.SIGINT)  # a terminal sends it to every process
        _, errors = running.communicate(timeout=120)
    assert running.returncode == 130, errors
    assert "the same command goes on from here" in errors
    assert "Not yet fitted" in (out / "report.html").read_text()
    share = peek(first.checkpoint).fraction
    assert 0 < share < 1
    with program(source, out) as running:
        once(lambda: under_way(first, share), running)
        worker = read_json(first.begun, "note")["pid"]
        os.kill(running.pid, signal.SIGKILL)
        running.communicate(timeout=60)
    once(lambda: not Path(f"/proc/{worker}").exists() or sys.platform != "linux")  # it ends with whoever started it
    cohort = fit_cohort(source, out, cluster=ClusterOptions(scheduler=scheduler), participants=["01"], **LONG)
    assert cohort.rows[0].about["attempts"] == 3
    assert cohort.rows[0].about["resumed_at"] >= share
    assert maps(out) == quiet


def test_a_checkpoint_that_cannot_be_gone_on_from_is_begun_anew(source, quiet, tmp_path):
    first, other = (task(source, tmp_path, n) for n in (0, 1))
    data = smi.load(other.scan.dwi, **files_of(other).more)
    steps = smi.fit_steps(data, make_settings("inr", **LONG), Keep(first.checkpoint))  # of another scan
    next(steps)
    steps.close()
    assert under_way(first)
    outcome = fit_scan(first)
    assert outcome.status == "fitted"
    assert outcome.notes == ("A checkpoint was of no use: begun anew.",)
    assert maps(tmp_path) == quiet


def test_a_scan_is_not_begun_when_the_run_has_been_asked_to_stop(source, tmp_path):
    (tmp_path / "stop").touch()
    assert fit_scan(task(source, tmp_path / "out", 0, stop=tmp_path / "stop")).status == "stopped"
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


SBATCH = """#!/bin/sh
cp "$1" {log}.$$
sh {log}.$$ > {log}.$$.out 2>&1 &
echo $! >> {log}.pids
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
for job in "$@"; do pkill -TERM -P $job; kill -TERM $job; done
true
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Stand-ins for sbatch and scancel that run jobs at once, on this machine; gives the jobs' scripts."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (programs / name).write_text(text.format(log=tmp_path / "job"))
        (programs / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    yield lambda: [path.read_text() for path in tmp_path.glob("job.*") if path.suffix not in (".out", ".pids")]
    for pid in (tmp_path / "job.pids").read_text().split():
        once(lambda pid=pid: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.mark.skipif(sys.platform != "linux", reason="SLURM is a matter of Linux")
def test_jobs_of_slurm_fit_scans(source, slurm, tmp_path):
    on_interrupt = signal.getsignal(signal.SIGINT)
    asked = ClusterOptions(slurm=True, workers=1, memory="3GB", walltime="00:30:00", slurm_options=("--gres=gpu:1",))
    cohort = fit_cohort(source, tmp_path / "out", participants=["01"], cluster=asked, **QUICK)
    assert [row.status for row in cohort.rows] == ["fitted"]
    for line in ("#SBATCH -t 00:30:00", "#SBATCH --mem=3G", "#SBATCH --gres=gpu:1", "export OMP_NUM_THREADS=1"):
        assert line in slurm()[0]
    assert signal.getsignal(signal.SIGINT) is on_interrupt  # which dask-jobqueue takes for itself


def test_a_queue_in_which_nobody_comes_is_told(source, tmp_path, monkeypatch):
    from distributed import Client, LocalCluster

    monkeypatch.setattr("napari_smi_inr.cohort.fitting._ALONE", 0.2)
    said = []
    with LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as empty, Client(empty) as client:
        outcomes = fit_all(client, [task(source, tmp_path, 0)], lambda: bool(said), said.append)
        assert [outcome.status for outcome in outcomes] == ["stopped"]
    assert "No worker is there" in said[0]


def test_nothing_to_do_asks_no_worker(scheduler):
    from distributed import Client

    with Client(scheduler) as client:
        assert list(fit_all(client, [], lambda: False)) == []
