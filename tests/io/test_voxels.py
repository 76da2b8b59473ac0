"""Which voxels can be fitted, told by what is known of them."""

import re

import numpy as np
import pytest

from napari_smi_inr.io.voxels import clean, foreground, keep_usable
from refusal import refused

IS_B0 = np.array([True, False, True, False])


@pytest.fixture
def signal():
    return np.random.default_rng(0).uniform(10, 20, (4, 3, 2, 4)).astype(np.float32)


def test_b0_is_the_mean_of_the_unweighted_volumes_alone(signal):
    voxels = clean(signal, IS_B0)
    np.testing.assert_allclose(voxels.b0, signal[..., IS_B0].mean(axis=-1), rtol=1e-6)
    assert voxels.b0.dtype == np.float32
    assert voxels.finite.all()
    assert voxels.usable.all()


def test_what_is_no_number_becomes_zero_and_its_place_is_kept(signal):
    signal[0, 0, 0, 1], signal[1, 1, 1, 0], signal[2, 2, 1, 3] = np.nan, np.inf, -np.inf
    before = signal.copy()
    voxels = clean(signal, IS_B0)
    np.testing.assert_array_equal(voxels.finite, np.isfinite(before).all(axis=-1))
    np.testing.assert_array_equal(signal, np.where(np.isfinite(before), before, 0))
    np.testing.assert_array_equal(voxels.usable, voxels.finite)


def test_usable_is_finite_with_positive_signal_at_b0(signal):
    signal[0, 0, 0, IS_B0] = 0
    signal[1, 0, 0, IS_B0] = -3
    signal[2, 0, 0, 1] = np.nan
    usable = clean(signal, IS_B0).usable
    assert usable[:, 0, 0].tolist() == [False, False, False, True]
    assert usable.sum() == usable.size - 3


def best_split(values):
    """Otsu's criterion by trying every split of the sorted values."""
    values = np.sort(np.ravel(values))
    low = np.arange(1, len(values))
    sums = np.cumsum(values)[:-1]
    gap = sums / low - (values.sum() - sums) / (len(values) - low)
    return values[np.argmax(low * (len(values) - low) * gap**2)]


@pytest.mark.parametrize(("share", "contrast", "seed"), [(0.5, 4, 0), (0.1, 9, 1), (0.8, 3, 2), (0.3, 30, 3)])
def test_the_foreground_is_otsus_on_the_root_of_the_signal(share, contrast, seed):
    rng = np.random.default_rng(seed)
    inside = rng.uniform(size=(14, 12, 10)) < share
    b0 = np.where(inside, contrast, 1) * rng.uniform(0.85, 1.15, inside.shape)
    mask, note = foreground(b0.astype(np.float32))
    np.testing.assert_array_equal(mask, inside)
    np.testing.assert_array_equal(mask, np.sqrt(b0) > best_split(np.sqrt(b0)))
    assert note == f"No mask given: the {inside.sum()} voxels brighter than the background are taken."


def test_bright_fluid_does_not_pull_the_threshold_into_the_tissue():
    """Air, tissue and a little fluid six times as bright."""
    rng = np.random.default_rng(4)
    kind = rng.choice([0, 1, 2], size=(20, 20, 10), p=[0.6, 0.37, 0.03])
    b0 = np.array([2.0, 100.0, 600.0])[kind] * rng.uniform(0.8, 1.2, kind.shape)
    mask, _ = foreground(b0.astype(np.float32))
    np.testing.assert_array_equal(mask, kind > 0)


def test_an_image_does_not_depend_on_its_unit():
    rng = np.random.default_rng(5)
    b0 = np.where(rng.uniform(size=(9, 9, 9)) < 0.4, 50.0, 1.0) * rng.uniform(0.7, 1.3, (9, 9, 9))
    expected, _ = foreground(b0)
    for unit in (1e-12, 1e9):
        np.testing.assert_array_equal(foreground(unit * b0)[0], expected)


def test_of_a_flat_image_everything_is_foreground_and_of_an_empty_one_nothing():
    assert foreground(np.full((3, 3, 3), 7.0, np.float32))[0].all()
    assert foreground(np.full((3, 3, 3), 7.0) + 1e-8 * np.arange(27).reshape(3, 3, 3))[0].all()
    assert not foreground(np.zeros((3, 3, 3), np.float32))[0].any()
    assert not foreground(np.full((3, 3, 3), -7.0, np.float32))[0].any()


@pytest.fixture
def keep(tmp_path):
    def call(signal, wanted):
        changed = signal.copy()
        return keep_usable(wanted, clean(changed, IS_B0), changed, tmp_path / "mask.nii", tmp_path / "dwi.nii")

    return call


def test_all_of_a_sound_mask_is_kept_and_counted(signal, keep):
    wanted = np.zeros((4, 3, 2), bool)
    wanted[1:, :2] = True
    mask, note = keep(signal, wanted)
    np.testing.assert_array_equal(mask, wanted)
    assert note == "12 voxels to fit."


def test_what_is_left_out_and_what_is_odd_is_counted_within_the_mask_alone(signal, keep):
    wanted = np.ones((4, 3, 2), bool)
    wanted[3] = False
    for place in ((0, 0, 0), (3, 0, 0)):
        signal[(*place, 1)] = np.nan
    for place in ((0, 1, 0), (0, 2, 0), (3, 1, 0)):
        signal[(*place, IS_B0)] = 0
    for place in ((1, 0, 0), (1, 1, 0), (1, 2, 0), (3, 2, 0)):
        signal[(*place, 3)] = -1
    signal[2, 0, 0, [1, 3]] = 0
    mask, note = keep(signal, wanted)
    assert mask.sum() == 15
    assert note == (
        "15 voxels to fit. Left out: 1 with NaN or infinite signal, 2 without b = 0 signal. "
        "Kept although odd: 3 negative, 2 zero of their 60 signal values."
    )


def test_only_what_occurred_is_told(signal, keep):
    signal[0, 0, 0, 3] = -1
    assert keep(signal, np.ones((4, 3, 2), bool))[1] == (
        "24 voxels to fit. Kept although odd: 1 negative of their 96 signal values."
    )
    signal[0, 0, 0, 3], signal[1, 1, 1, 2] = 5, np.nan
    assert keep(signal, np.ones((4, 3, 2), bool))[1] == ("23 voxels to fit. Left out: 1 with NaN or infinite signal.")


def test_masks_and_volumes_that_cannot_be_are_blamed_on_their_file(signal, keep, tmp_path):
    everywhere = np.ones((4, 3, 2), bool)
    with refused(tmp_path / "mask.nii", "^marks no voxel"):
        keep(signal, np.zeros((4, 3, 2), bool))
    dark = signal.copy()
    dark[..., IS_B0] *= -1
    with refused(tmp_path / "mask.nii", "^covers no signal: none of its 24 voxels"):
        keep(dark, everywhere)
    blank = signal.copy()
    blank[..., 1], blank[..., 3] = 0, np.nan
    with refused(tmp_path / "dwi.nii", re.escape("(all NaN or 0): [1, 3], counting from 0.")):
        keep(blank, everywhere)
    outside = signal.copy()
    outside[0, ..., 1] = 0  # blank in the mask alone
    first = everywhere & (np.arange(4) == 0)[:, None, None]
    with refused(tmp_path / "dwi.nii", re.escape("[1]")):
        keep(outside, first)
    assert keep(outside, everywhere)[0].all()
    checkered = signal.copy()
    checkered[::2, ..., 1] = checkered[1::2, ..., 3] = np.nan
    with refused(tmp_path / "dwi.nii", "^has NaN, infinite or missing signal in each of the 24 voxels"):
        keep(checkered, everywhere)
