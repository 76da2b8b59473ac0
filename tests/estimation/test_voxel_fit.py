"""A voxel-wise fit between its voxels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_smi_inr.baselines.smi.config import SmiConfig
from napari_smi_inr.estimation.voxel_fit import VoxelFit
from napari_smi_inr.parameters import FOD, SCALARS
from napari_smi_inr.sampling.coordinates import voxel_to_world


@pytest.fixture(scope="module")
def fit(tiny_dataset):
    """Any values will do: this is about what lies between them."""
    rng = np.random.default_rng(0)
    n = np.count_nonzero(tiny_dataset.mask)
    scalars, fod = rng.random((n, len(SCALARS))).astype(np.float32), rng.normal(size=(n, 6)).astype(np.float32)
    place = tiny_dataset.affine, tiny_dataset.mask, tiny_dataset.scale, tiny_dataset.acquisition
    return VoxelFit(SmiConfig(lmax=2), scalars, fod, *place)


def test_is_its_maps_at_voxel_centres(fit):
    voxels = np.argwhere(fit.mask)
    values = fit.evaluate(voxel_to_world(fit.affine, voxels))
    maps = fit.maps()
    for symbol in SCALARS:
        np.testing.assert_allclose(values[symbol], maps[symbol][fit.mask], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(values[FOD], fit.fod_map()[fit.mask], atol=1e-5)


def test_is_the_mean_halfway_between_two_voxels(fit):
    mask = fit.mask
    pairs = np.argwhere(mask[:-1] & mask[1:])
    assert len(pairs) > 20
    here, there = (tuple((pairs + step).T) for step in ((0, 0, 0), (1, 0, 0)))
    values = fit.evaluate(voxel_to_world(fit.affine, pairs + np.array([0.5, 0, 0])))
    for symbol, volume in fit.maps().items():
        np.testing.assert_allclose(values[symbol], (volume[here] + volume[there]) / 2, rtol=1e-4, atol=1e-5)
    fod = fit.fod_map()
    np.testing.assert_allclose(values[FOD], (fod[here] + fod[there]) / 2, atol=1e-5)
    assert np.ptp(values[FOD], axis=0).max() > 0.01  # of FODs that differ
