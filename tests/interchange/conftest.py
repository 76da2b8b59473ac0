"""MRtrix3's programs, and scans whose truth is known, as files."""

import os
import shutil
import subprocess

import numpy as np
import pytest

import napari_smi_inr as smi
from arc import Arc, lobe, shells
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.results import write_results
from napari_smi_inr.simulation.from_maps import TrueMaps, simulate_maps
from scan_files import affine_of, turned

MULTI_SHELL = shells((0, 1, 4), (1, 1, 20), (2, 1, 45), (3, 1, 60))
OBLIQUE_LEFT_HANDED = affine_of(turned((0.2, -1, 0.7), 31), (-1, 1, 1), (3, 3, 3))


@pytest.fixture(scope="session")
def mrtrix(tmp_path_factory):
    """Run a program of MRtrix3 in one thread; gives what it prints."""
    if shutil.which("mrinfo") is None:
        pytest.skip("MRtrix3 is not installed (Debian: apt-get install mrtrix3)")
    nobodys_settings = tmp_path_factory.mktemp("home")

    def run(*words, cwd=None):
        environment = {**os.environ, "MRTRIX_RNG_SEED": "1", "MRTRIX_NTHREADS": "0", "HOME": str(nobodys_settings)}
        command = [str(word) for word in words]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    return run


@pytest.fixture(scope="session")
def crossings():
    """90 voxels of one or two bundles in any direction, crossing at 60 degrees or more, oblique and left-handed."""
    rng = np.random.default_rng(0)
    n = 90
    first = rng.normal(size=(n, 3))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    across = np.cross(first, rng.normal(size=(n, 3)))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    angle = rng.uniform(np.deg2rad(60), np.deg2rad(90), n)[:, None]
    second = np.cos(angle) * first + np.sin(angle) * across
    share = np.where(np.arange(n) < 45, 1.0, 0.55)[:, None]
    fod = share * lobe(first, 8, kappa=16) + (1 - share) * lobe(second, 8, kappa=16)
    tissue = {"Di": 2.2, "De": 1.8, "Dp": 0.5, "f": 0.6, "S0": 100.0}
    values = {symbol: np.full(n, value) for symbol, value in tissue.items()}
    truth = TrueMaps(values, fod, np.ones((9, 5, 2), bool), OBLIQUE_LEFT_HANDED)
    return simulate_maps(truth, MULTI_SHELL, snr=np.inf)


@pytest.fixture(scope="session")
def crossing_files(crossings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crossings")
    save_scan(crossings, folder)
    return folder


@pytest.fixture(scope="session")
def arc():
    """An arc in an oblique, left-handed grid of 3 mm."""
    return Arc(OBLIQUE_LEFT_HANDED, (14, 14, 14))


@pytest.fixture(scope="session")
def arc_results(arc, tmp_path_factory):
    """A folder with a scan of the arc at SNR 50 and with the fit of it."""
    folder = tmp_path_factory.mktemp("arc")
    data = arc.scan(MULTI_SHELL)
    save_scan(data, folder)
    field = smi.fit(data, lmax=4, seed=0, device="cpu")
    write_results(field, folder / "results", "dwi")
    return folder
