"""What many tests share: one small scan and one quick fit of it, made once a session."""

import os
import sys

import pytest

# Tiny fits gain nothing from threads, and on a busy machine threads that wait for each other cost minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import napari_smi_inr as smi
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.export import save_scan
from refusal import faults_of
from scan_files import ScanFiles, small_dataset


def pytest_collection_modifyitems(items):
    """Refuse to run without a display: tests of the window are never skipped, and Qt would end the whole run."""
    in_a_window = [item for item in items if "plugin" in item.path.parts]
    if in_a_window and sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise pytest.UsageError(f"{len(in_a_window)} tests need a display: log in to one, or install Xvfb.")


@pytest.fixture(scope="session", autouse=True)
def refusals_in_sentences():
    """Whatever a test provokes, the refusal has to name something and to be written in sentences."""
    make = InputError.__init__

    def checked(self, where, fault, remedy):
        make(self, where, fault, remedy)
        assert where is not None  # the text "None" may be a file that someone asks for
        assert not faults_of(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InputError, "__init__", checked)
        yield


@pytest.fixture(scope="session")
def tiny_dataset():
    """A simulated scan of about 150 voxels, 154 volumes, SNR 50; with ``truth``. Not to be changed."""
    return smi.simulate(shape=(10, 10, 3), voxel_size=3.0, snr=50, lmax=2, seed=0)


@pytest.fixture(scope="session")
def tiny_field(tiny_dataset):
    """A fit of ``tiny_dataset`` short enough to be rough."""
    return smi.fit(tiny_dataset, lmax=2, epochs=120, batch_size=64, detail=8.0, seed=0, device="cpu")


@pytest.fixture
def scan(tmp_path):
    """The files of a small sound scan, to be spoilt at will."""
    save_scan(small_dataset(), tmp_path)
    return ScanFiles(tmp_path)
