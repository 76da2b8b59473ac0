"""Cohorts to fit, and one that was fitted by two processes and nothing disturbed, with a scan that is broken."""

import os
import shutil

import pytest

from bids_sets import QUICK, qsiprep_set
from cohort_fits import SLOW_STEPS, maps, task
from napari_smi_inr.cohort.cluster_options import ClusterOptions
from napari_smi_inr.cohort.run import fit_cohort
from napari_smi_inr.cohort.subject import fit_scan


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """Results of QSIPrep: three sound subjects, and one whose b-values were cut off."""
    root = qsiprep_set(tmp_path_factory.mktemp("bids") / "qsiprep", (1, 2, 3), session="1")
    (dwi,) = (root / "sub-03").rglob("*_dwi.nii.gz")
    broken = root / "sub-04" / "ses-1" / "dwi"
    broken.mkdir(parents=True)
    for path in dwi.parent.iterdir():
        shutil.copy(path, broken / path.name.replace("sub-03", "sub-04"))
    (bval,) = broken.glob("*.bval")
    bval.write_text(" ".join(bval.read_text().split()[:-1]))
    return root


@pytest.fixture(scope="session")
def whole(source, tmp_path_factory):
    """What came of it."""
    return fit_cohort(source, tmp_path_factory.mktemp("whole") / "smi", cluster=ClusterOptions(workers=2), **QUICK)


@pytest.fixture(scope="session")
def scheduler():
    """Address of a scheduler that runs already, with one worker in this process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def again(whole, source, scheduler, tmp_path):
    """A copy of the finished cohort, and a way to ask for it once more."""
    out = tmp_path / "smi"
    shutil.copytree(whole.folder, out)

    def run(source=source, **more):
        return fit_cohort(source, out, cluster=ClusterOptions(scheduler=scheduler), **{**QUICK, **more})

    run.out = out
    return run


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    """Results of QSIPrep: two sound subjects."""
    return qsiprep_set(tmp_path_factory.mktemp("pair") / "qsiprep", (1, 2))


@pytest.fixture(scope="session")
def quiet(pair, tmp_path_factory):
    """Results of the first subject, fitted in one go."""
    out = tmp_path_factory.mktemp("quiet")
    assert fit_scan(task(pair, out, 0)).status == "fitted"
    return maps(out)


@pytest.fixture
def slow_steps(tmp_path, monkeypatch):
    """Fits in new processes take their time."""
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SLOW_STEPS)
    places = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
