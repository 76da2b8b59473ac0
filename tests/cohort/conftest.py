"""One cohort that was fitted by two processes and nothing disturbed, with a scan that is broken."""

import shutil

import pytest

from bids_sets import QUICK, qsiprep_set
from napari_smi_inr.cohort.cluster import ClusterOptions
from napari_smi_inr.cohort.run import fit_cohort


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
