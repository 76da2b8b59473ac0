"""What the tests of the network share: a small scan without noise and settings that train in seconds."""

import numpy as np
import pytest

import napari_smi_inr as smi

SMALL = {
    "vectors": 3000,
    "brain": 0.0,
    "epochs": 15,
    "batch_size": 100,
    "device": "cpu",
    "snr": np.inf,
}


@pytest.fixture
def small(tmp_path):
    """Settings; networks are kept in a folder of the test's own."""
    return {**SMALL, "cache": str(tmp_path / "networks")}


@pytest.fixture(scope="session")
def clean_dataset():
    """A simulated scan of about 150 voxels without noise."""
    return smi.simulate(shape=(10, 10, 3), snr=np.inf, lmax=2, seed=0)


@pytest.fixture(scope="session")
def clean_fit(clean_dataset, tmp_path_factory):
    """A fit of ``clean_dataset`` and the folder its network is kept in."""
    folder = tmp_path_factory.mktemp("networks")
    return smi.fit(clean_dataset, "nn", **SMALL, cache=str(folder)), folder
