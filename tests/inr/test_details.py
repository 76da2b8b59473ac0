"""Which details are tried, on which voxels, with how much network."""

import numpy as np
import pytest

from napari_smi_inr.inr.capacity import with_capacity
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.details import best_detail, candidate_details, middle_of, probe_config


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


def test_a_probe_is_judged_on_more_volumes_unless_the_fit_spares_as_many():
    assert probe_config(FitConfig()).held_out > FitConfig().held_out
    assert probe_config(FitConfig(held_out=0.4)).held_out == 0.4


@pytest.mark.parametrize("lowest", [5.5, 7.5, 10.0])
def test_the_best_detail_is_read_between_those_tried(lowest):
    errors = {detail: 2.0 + 0.01 * np.log(detail / lowest) ** 2 for detail in (5.0, 7.5, 11.25)}
    assert best_detail(errors) == pytest.approx(lowest)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ({5.0: 2.0, 7.5: 2.1, 11.25: 2.3}, 5.0),  # better the finer it is: no finer than was tried
        ({5.0: 2.3, 7.5: 2.1, 11.25: 2.0}, 11.25),
        ({5.0: 2.0, 7.5: 2.2, 11.25: 2.1}, 5.0),  # no valley: the lowest of them
        ({5.0: 2.0, 7.5: 2.0, 11.25: 2.0}, 5.0),
        ({5.0: 2.0, 7.5: float("nan"), 11.25: 1.9}, 11.25),
    ],
)
def test_the_best_detail_lies_within_those_tried(errors, expected):
    assert best_detail(errors) == pytest.approx(expected)


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
