"""Which details are tried, on which voxels, with how much network."""

import numpy as np
import pytest

from napari_smi_inr.inr.capacity import with_capacity
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.details import candidate_details, middle_of, probe_config


def test_details_follow_the_voxel(tiny_dataset):
    candidates = candidate_details(tiny_dataset, FitConfig(), can_judge=True)
    voxel = tiny_dataset.voxel_size.prod() ** (1 / 3)
    assert len(candidates) > 1
    assert min(candidates) >= voxel
    assert list(candidates) == sorted(candidates)


def test_without_a_judge_one_length_in_the_middle(tiny_dataset):
    (only,) = candidate_details(tiny_dataset, FitConfig(), can_judge=False)
    several = candidate_details(tiny_dataset, FitConfig(), can_judge=True)
    assert min(several) <= only <= max(several)


def test_a_given_length_is_taken_as_it_is(tiny_dataset):
    assert candidate_details(tiny_dataset, FitConfig(detail=7.25), can_judge=True) == (7.25,)


def test_the_middle_is_a_ball_of_voxels_inside_the_mask(tiny_dataset):
    middle = middle_of(tiny_dataset, 50)
    assert middle.n_voxels == 50
    assert not (middle.mask & ~tiny_dataset.mask).any()
    centre = np.median(np.argwhere(tiny_dataset.mask), axis=0)

    def distance(mask):
        return np.linalg.norm((np.argwhere(mask) - centre) * tiny_dataset.voxel_size, axis=1)

    assert distance(middle.mask).max() <= distance(tiny_dataset.mask & ~middle.mask).min()


def test_a_small_scan_is_probed_whole(tiny_dataset):
    assert middle_of(tiny_dataset, 10**6) is tiny_dataset


def test_a_probe_sees_as_many_epochs_in_smaller_batches():
    config = FitConfig()
    probe = probe_config(config)
    assert probe.epochs == config.epochs
    assert probe.batch_size == config.batch_size // 2


@pytest.mark.parametrize("name", ["features", "width", "batch_size"])
def test_capacity_grows_with_the_scan_and_slower_than_it(name):
    sizes = [getattr(with_capacity(FitConfig(), n), name) for n in (100, 3200, 60_800, 1_000_000)]
    assert sizes[0] == sizes[1] == getattr(FitConfig(), name)
    assert sizes[1] < sizes[2] < sizes[3]
    assert sizes[2] < sizes[1] * 19


def test_capacity_stays_where_it_was_asked_to():
    fixed = FitConfig(grow=False)
    assert with_capacity(fixed, 10**6) == fixed
    settled = with_capacity(FitConfig(), 10**6)
    assert with_capacity(settled, 10**7) == settled
