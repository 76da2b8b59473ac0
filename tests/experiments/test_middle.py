import numpy as np

from napari_smi_inr.experiments.middle import middle_of


def test_the_middle_is_a_ball_of_voxels_inside_the_mask(tiny_dataset):
    middle = middle_of(tiny_dataset, 50)
    assert middle.n_voxels == 50
    assert not (middle.mask & ~tiny_dataset.mask).any()
    centre = np.median(np.argwhere(tiny_dataset.mask), axis=0)

    def distance(mask):
        return np.linalg.norm((np.argwhere(mask) - centre) * tiny_dataset.voxel_size, axis=1)

    assert distance(middle.mask).max() <= distance(tiny_dataset.mask & ~middle.mask).min()


def test_a_small_scan_is_taken_whole(tiny_dataset):
    assert middle_of(tiny_dataset, 10**6) is tiny_dataset
