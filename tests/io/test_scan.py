import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.files import sha256
from napari_smi_inr.io.scan import load_scan

REAL = Path(__file__).parents[3] / "shared" / "real_data" / "nyu_two_slices"


def test_a_saved_scan_loads_as_it_was(tmp_path, make_dataset, affine):
    data = make_dataset(affine)
    save_scan(data, tmp_path)
    back = load_scan(tmp_path / "dwi.nii.gz", tmp_path / "mask.nii.gz", noise=tmp_path / "noise.nii.gz")
    np.testing.assert_array_equal(back.signal, data.signal)
    np.testing.assert_array_equal(back.mask, data.mask)
    np.testing.assert_allclose(back.affine, data.affine, atol=1e-5)
    np.testing.assert_allclose(back.acquisition.b, data.acquisition.b, rtol=1e-12)
    np.testing.assert_array_equal(back.acquisition.b_delta, data.acquisition.b_delta)
    np.testing.assert_allclose(back.acquisition.directions, data.acquisition.directions, atol=1e-6)
    np.testing.assert_array_equal(back.noise, np.float32(3.5))


def test_saving_twice_gives_the_same_bytes(tmp_path, make_dataset):
    first, second = (save_scan(make_dataset(), tmp_path / name) for name in "ab")
    assert [path.name for path in first] == [
        "dwi.nii.gz",
        "mask.nii.gz",
        "noise.nii.gz",
        "dwi.bval",
        "dwi.bvec",
        "dwi.bdelta",
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_every_input_is_fingerprinted(scan):
    data = load_scan(str(scan.dwi), str(scan / "mask.nii.gz"), noise=str(scan / "noise.nii.gz"))
    names = {"dwi.nii.gz", "mask.nii.gz", "noise.nii.gz", "dwi.bval", "dwi.bvec", "dwi.bdelta"}
    assert data.checksums == {name: sha256(scan / name) for name in names}


@pytest.mark.parametrize("axes", ["RAS", "LPI", "SAL", "PRI"])
def test_a_mask_stored_along_other_axes_is_turned(scan, axes):
    plain = load_scan(**scan.arguments())
    mask = nib.load(scan / "mask.nii.gz")
    turn = nib.orientations.ornt_transform(nib.io_orientation(mask.affine), nib.orientations.axcodes2ornt(tuple(axes)))
    nib.save(mask.as_reoriented(turn), scan / "turned.nii.gz")
    data = load_scan(scan.dwi, scan / "turned.nii.gz")
    np.testing.assert_array_equal(data.mask, plain.mask)
    assert f"The mask was turned from axes {axes} to the scan's." in data.notes


def test_a_mask_with_a_rounded_header_or_a_fourth_axis_of_one_still_fits(scan):
    plain = load_scan(**scan.arguments())
    mask = nib.load(scan / "mask.nii.gz")
    affine = mask.affine.copy()
    affine[:3, 3] += 0.05
    scan.write("mask.nii.gz", np.asarray(mask.dataobj)[..., None], affine)
    data = load_scan(**scan.arguments())
    np.testing.assert_array_equal(data.mask, plain.mask)
    assert not any("turned" in note for note in data.notes)


def test_unusable_voxels_are_left_out_and_odd_values_counted(scan):
    plain = load_scan(**scan.arguments())
    (a, b, c, d, e), outside = np.argwhere(plain.mask)[:5], np.argwhere(~plain.mask)[0]

    def spoil(signal):
        signal[(*a, 3)] = np.nan
        signal[(*b, 7)] = np.inf
        signal[(*c, slice(0, 2))] = 0
        signal[(*d, 5)] = -4
        signal[(*e, 6)] = 0
        signal[(*outside, 2)] = np.nan
        return signal

    scan.edit("dwi.nii.gz", spoil)
    data = load_scan(**scan.arguments())
    n = plain.n_voxels - 3
    assert data.n_voxels == n
    assert not data.mask[tuple(np.transpose([a, b, c]))].any()
    assert np.isfinite(data.signal).all()
    assert data.notes[-1] == (
        f"{n} voxels to fit. Left out: 2 with NaN or infinite signal, 1 without b = 0 signal. "
        f"Kept although odd: 1 negative, 1 zero of their {11 * n} signal values."
    )


def test_without_a_mask_the_head_is_told_from_the_air(scan):
    head = np.zeros((5, 6, 3), bool)
    head[1:4, 1:5] = True
    scan.edit("dwi.nii.gz", lambda signal: np.where(head[..., None], signal, signal / 30))
    data = load_scan(scan.dwi)
    np.testing.assert_array_equal(data.mask, head)
    assert any("No mask given" in note for note in data.notes)


def test_a_header_without_orientation_is_said_to_be_guessed(scan):
    image = nib.load(scan.dwi)
    bare = nib.Nifti1Image(np.asarray(image.dataobj), None)
    bare.header.set_zooms((2, 2, 3, 1))
    nib.save(bare, scan.dwi)
    data = load_scan(scan.dwi)
    np.testing.assert_allclose(data.affine[:3, :3], np.diag([-2, 2, 3]))
    assert "says nothing of orientation" in data.notes[0]


def test_a_flat_image_is_all_foreground(scan):
    scan.edit("dwi.nii.gz", lambda signal: np.full_like(signal, 100))
    assert load_scan(scan.dwi).mask.all()


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float64])
def test_stored_type_does_not_matter(scan, dtype):
    scan.edit("dwi.nii.gz", lambda signal: signal.astype(dtype))
    data = load_scan(**scan.arguments())
    assert data.signal.dtype == np.float32
    assert data.signal.max() == pytest.approx(149.5, abs=1)


def test_scaled_integers_are_unscaled(scan):
    image = nib.load(scan.dwi)
    packed = nib.Nifti1Image(np.asarray(image.dataobj), image.affine)
    packed.set_data_dtype(np.int16)
    nib.save(packed, scan / "packed.nii")
    for suffix in (".bval", ".bvec", ".bdelta"):
        (scan / f"dwi{suffix}").rename(scan / f"packed{suffix}")
    data = load_scan(scan / "packed.nii")
    np.testing.assert_allclose(data.signal, image.dataobj, atol=0.002)


def test_reading_holds_the_scan_in_memory_little_more_than_once(scan):
    shape = (24, 24, 20, 88)
    scan.write("dwi.nii.gz", np.arange(np.prod(shape), dtype=np.float64).reshape(shape) % 97 + 50)
    for name in ("dwi.bval", "dwi.bvec", "dwi.bdelta"):
        scan.edit_table(name, lambda rows: np.tile(np.atleast_2d(rows), 8))
    tracemalloc.start()
    data = load_scan(scan.dwi)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * data.signal.nbytes


def test_noise_is_a_number_or_a_map_or_unknown(scan):
    assert load_scan(**scan.arguments()).noise is None
    assert load_scan(**scan.arguments(), noise=2).noise == 2.0
    assert load_scan(**scan.arguments(), noise=scan / "noise.nii.gz").noise.shape == (5, 6, 3)
    with pytest.raises(InputError, match="noise"):
        load_scan(**scan.arguments(), noise=-2)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real slices are not beside the checkout ({REAL.name})")
def test_the_real_slices_load():
    data = load_scan(REAL / "dwi.nii.gz", REAL / "wm_mask.nii.gz")
    assert data.n_voxels == 5422
    assert data.acquisition.table() == (
        ("0", "b = 0", "5"),
        ("0.25", "linear", "4"),
        ("1", "linear", "20"),
        ("2", "linear", "60"),
    )
    assert data.acquisition.verdict().identifiable == ("f", "S0", "p2")
    cosines = data.affine[:3, :3] / data.voxel_size
    assert np.abs(cosines).max(axis=0).max() < 0.9999  # oblique
    bvecs = np.loadtxt(REAL / "dwi.bvec").T
    np.testing.assert_allclose(data.acquisition.directions, bvecs @ cosines.T, atol=1e-5)  # stored LAS: no flip
    found = load_scan(REAL / "dwi.nii.gz")
    brain = nib.load(REAL / "brain_mask.nii.gz").get_fdata() > 0
    assert 2 * np.count_nonzero(found.mask & brain) / (found.n_voxels + brain.sum()) > 0.95
