"""Jobs of a real SLURM: what they ask for, what befalls them, and what SLURM says to those that it does not take."""

import os
import re
import signal

import pytest

from bids_sets import QUICK
from cohort_fits import LONG, maps, once, program, task, under_way
from napari_smi_inr.cohort.cluster_options import ClusterOptions
from napari_smi_inr.cohort.run import fit_cohort
from napari_smi_inr.cohort.slurm import Queue
from napari_smi_inr.cohort.task import WORK
from napari_smi_inr.errors import InputError
from napari_smi_inr.inr.checkpoint import peek
from napari_smi_inr.io.json_text import read_json
from slurm_cluster import command, daemon, jobs, slurm

pytestmark = [
    pytest.mark.skipif(
        daemon("slurmctld") is None or daemon("slurmd") is None,
        reason="SLURM is not installed (Debian: apt-get install slurmctld slurmd slurm-client)",
    ),
    pytest.mark.usefixtures("queue"),
]

ASKED = ClusterOptions(slurm=True, workers=1, memory="3GB", walltime="00:30:00")


@pytest.fixture(scope="module")
def queue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        with slurm(folder):
            yield


def test_jobs_fit_scans_with_what_was_asked_for(pair, quiet, tmp_path):
    on_interrupt = signal.getsignal(signal.SIGINT)
    out = tmp_path / "with spaces, and 100 %"
    asked = ClusterOptions(slurm=True, workers=2, memory="3GB", walltime="00:30:00", slurm_options=("--gres=gpu:1",))
    told = []

    def look(*_):
        told.append(command("scontrol", "show", "job", "--details"))

    cohort = fit_cohort(pair, out, cluster=asked, on_outcome=look, **LONG)
    assert [row.status for row in cohort.rows] == ["fitted", "fitted"]
    assert maps(out) == quiet
    for said in ("TimeLimit=00:30:00", "MinMemoryNode=3G", "gres:gpu:1", "CPUs/Task=1"):
        assert said in told[0]
    assert re.search(r"NodeList=node[12]$", told[0], re.MULTILINE)
    assert f"StdOut={out / WORK}" in told[0].replace("%%", "%")
    assert not (out / WORK).exists()
    assert signal.getsignal(signal.SIGINT) is on_interrupt  # which dask-jobqueue takes for itself
    once(lambda: jobs() == [])


@pytest.mark.usefixtures("slow_steps")
def test_a_job_that_is_cancelled_in_the_midst_loses_nothing(pair, quiet, tmp_path):
    """As at the end of its time, SLURM asks it to end."""
    first = task(pair, tmp_path, 0)
    with program(pair, tmp_path, "--slurm", "--memory", "3GB", "--keep-every", 0) as running:
        once(lambda: under_way(first), running)
        share = peek(first.checkpoint).fraction
        (job,) = jobs()
        command("scancel", job)
        _, errors = running.communicate(timeout=240)
    assert running.returncode == 0, errors
    assert "Went on from a checkpoint" in errors
    told = read_json(first.record, "record")["Cohort"]
    assert told["attempts"] == 2
    assert told["resumed_at"] >= round(share, 4)
    assert maps(tmp_path) == quiet


@pytest.mark.usefixtures("slow_steps")
def test_ctrl_c_leaves_no_job(pair, tmp_path):
    first = task(pair, tmp_path, 0)
    with program(pair, tmp_path, "--slurm", "--memory", "3GB", "--keep-every", 0) as running:
        once(lambda: under_way(first), running)
        os.killpg(running.pid, signal.SIGINT)
        _, errors = running.communicate(timeout=240)
    assert running.returncode == 130, errors
    once(lambda: jobs() == [])
    assert first.checkpoint.exists()
    assert list((tmp_path / WORK).glob("slurm-*.log")) != []  # somebody may want to know


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slurm_options": ("--partition=nowhere",)}, "invalid partition specified: nowhere"),
        ({"memory": "3000GB"}, "configuration is not available"),
        ({"slurm_options": ("--such-as-there-is-none",)}, "unrecognized option"),
    ],
    ids=["partition", "memory", "option"],
)
def test_what_slurm_does_not_take_is_told_in_its_own_words(pair, tmp_path, change, said):
    asked = ClusterOptions(**{"slurm": True, "workers": 2, **change})
    with pytest.raises(InputError, match=f"no job is taken .*{said}"):
        fit_cohort(pair, tmp_path, cluster=asked, **QUICK)
    assert jobs() == []


def test_no_slurm_is_told(pair, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="there is no sbatch here"):
        fit_cohort(pair, tmp_path / "out", cluster=ASKED, **QUICK)


def test_what_is_refused_while_others_run_is_told_once():
    queue = Queue()
    queue.accepted()
    for words in ("sbatch: error: full", "sbatch: error: full", "sbatch: error: fuller\nBatch job submission failed"):
        queue.refused(RuntimeError(f"Command exited with non-zero exit code.\nstderr:\n{words}\n"))
    assert "a further job (full; fuller; Batch job submission failed)" in queue.news()
    assert queue.news() == ""
