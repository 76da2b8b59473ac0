"""A living brain, where one lies beside the checkout: the fit must agree with anatomy and with the tensor model."""

from pathlib import Path

import numpy as np
import pytest
from dipy.core.gradients import gradient_table
from dipy.reconst.dti import TensorModel

import napari_smi_inr as smi
from napari_smi_inr.signal_model.spherical_harmonics import half_sphere, real_sh

SCAN = Path(__file__).parents[2] / "shared" / "real_data" / "nyu_two_slices"

pytestmark = pytest.mark.skipif(not SCAN.is_dir(), reason="no real scan beside the checkout")


@pytest.fixture(scope="module")
def data():
    return smi.load(SCAN / "dwi.nii.gz", mask=SCAN / "wm_mask.nii.gz")


@pytest.fixture(scope="module")
def field(data):
    return smi.fit(data, detail=5.0, epochs=60)


@pytest.fixture(scope="module")
def tensor(data):
    """(n,) FA and (n, 3) principal direction of the voxels, from b up to 1 ms/µm²."""
    acquisition = data.acquisition.select(data.acquisition.b < 1.5)
    directions = np.where(acquisition.is_b0[:, None], 0.0, acquisition.directions)
    gradients = gradient_table(1000 * acquisition.b, bvecs=directions, b0_threshold=50)
    fit = TensorModel(gradients).fit(data.signal[data.mask][:, data.acquisition.b < 1.5])
    return fit.fa, fit.evecs[..., 0]


def test_the_fod_points_along_the_tensor_where_there_is_one_direction(data, field, tensor):
    fa, principal = tensor
    sphere = half_sphere(2000)
    peaks = sphere[np.argmax(field.fod_map()[data.mask] @ real_sh(sphere, field.lmax).T, axis=1)]
    angles = np.degrees(np.arccos(np.clip(np.abs(np.sum(peaks * principal, axis=1)), 0, 1)))
    assert np.count_nonzero(fa > 0.5) > 1000
    assert np.median(angles[fa > 0.5]) < 10


def test_coherent_white_matter_has_high_p2_and_f(data, field, tensor):
    fa, _ = tensor
    maps = field.maps()
    for symbol in ("p2", "f"):
        values = maps[symbol][data.mask]
        assert np.median(values[fa > 0.6]) > 1.2 * np.median(values[fa < 0.3])
    assert np.corrcoef(maps["p2"][data.mask], fa)[0, 1] > 0.6


def test_the_protocol_is_told_for_what_it_is(data):
    verdict = data.acquisition.verdict()
    assert {"f", "p2"} <= set(verdict.identifiable)
    assert {"Di", "De", "Dp"} <= set(verdict.weak)


def test_the_fit_explains_what_it_never_saw(data, field):
    b0 = data.signal[data.mask][:, data.acquisition.is_b0].mean()
    assert field.quality["held_out_rmse"] < 0.1 * b0
