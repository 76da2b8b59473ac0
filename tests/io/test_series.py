"""Several series in one fit: each with its own protocol, at one place, in the order given."""

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.io.files import sha256
from napari_smi_inr.io.scan import load_scan

PARTS = {"lte": slice(0, 7), "pte": slice(7, 9), "ste": slice(9, 11)}


@pytest.fixture
def parts(scan):
    """The small scan split by encoding, as scilpy takes it; gives the paths of the series."""
    whole = nib.load(scan.dwi)
    signal = np.asarray(whole.dataobj)
    for name, part in PARTS.items():
        nib.save(nib.Nifti1Image(signal[..., part], whole.affine), scan / f"{name}.nii.gz")
        for suffix in ("bval", "bvec"):
            table = np.atleast_2d(np.loadtxt(scan / f"dwi.{suffix}"))[:, part]
            np.savetxt(scan / f"{name}.{suffix}", table)
    return [scan / f"{name}.nii.gz" for name in PARTS]


def test_series_one_behind_the_other_are_the_whole_scan(scan, parts):
    whole = load_scan(**scan.arguments())
    data = load_scan(parts, scan / "mask.nii.gz", bdelta=[1, "PTE", 0])
    np.testing.assert_array_equal(data.signal, whole.signal)
    np.testing.assert_array_equal(data.mask, whole.mask)
    for name in ("b", "b_delta", "directions"):
        np.testing.assert_allclose(getattr(data.acquisition, name), getattr(whole.acquisition, name), atol=1e-6)


def test_order_files_and_shapes_are_recorded(scan, parts):
    data = load_scan(parts, scan / "mask.nii.gz", bdelta=[1, -0.5, 0])
    assert list(data.read_from.items()) == [
        ("dwi", "lte.nii.gz"),
        ("bval", "lte.bval"),
        ("bvec", "lte.bvec"),
        ("dwi_2", "pte.nii.gz"),
        ("bval_2", "pte.bval"),
        ("bvec_2", "pte.bvec"),
        ("dwi_3", "ste.nii.gz"),
        ("bval_3", "ste.bval"),
        ("bvec_3", "ste.bvec"),
        ("mask", "mask.nii.gz"),
        ("bdelta", 1.0),
        ("bdelta_2", -0.5),
        ("bdelta_3", 0.0),
    ]
    assert data.checksums["pte.nii.gz"] == sha256(parts[1])
    assert data.notes[0] == (
        "3 series in one fit, in this order: lte.nii.gz (7 volumes), pte.nii.gz (2 volumes), ste.nii.gz (2 volumes)."
    )
    assert any(note.startswith("pte.nii.gz: b_delta of -0.5 taken for every volume") for note in data.notes)
    turned = load_scan(parts[::-1], scan / "mask.nii.gz", bdelta=[0, -0.5, 1])
    np.testing.assert_array_equal(turned.signal, data.signal[..., [9, 10, 7, 8, *range(7)]])
    assert turned.digest != data.digest


def test_each_series_finds_its_own_shapes(scan, parts):
    for name, part in PARTS.items():
        np.savetxt(scan / f"{name}.bshape", np.loadtxt(scan / "dwi.bdelta")[part])
    data = load_scan(parts, scan / "mask.nii.gz")
    np.testing.assert_array_equal(data.acquisition.b_delta, load_scan(**scan.arguments()).acquisition.b_delta)
    assert data.read_from["bdelta_2"] == "pte.bshape"


def test_a_series_alone_need_not_be_fittable_nor_have_a_b0(scan, parts):
    with pytest.raises(InputError, match="no b = 0 volume") as caught:
        load_scan(parts[1], scan / "mask.nii.gz", bdelta=-0.5)
    assert caught.value.where == str(scan / "pte.bval")


def test_series_of_equal_names_are_told_apart(scan, parts):
    for path in parts[1:]:
        folder = scan / path.name[:3]
        folder.mkdir()
        path.rename(folder / "lte.nii.gz")
        for suffix in ("bval", "bvec"):
            (scan / f"{path.name[:3]}.{suffix}").rename(folder / f"lte.{suffix}")
    files = [parts[0], scan / "pte" / "lte.nii.gz", scan / "ste" / "lte.nii.gz"]
    data = load_scan(files, scan / "mask.nii.gz", bdelta=[1, -0.5, 0])
    assert data.checksums["dwi_2: lte.nii.gz"] == sha256(files[1])
    assert len(set(data.checksums.values())) == len(data.checksums)


@pytest.mark.parametrize("fault", ["moved", "turned", "cropped"])
def test_a_series_elsewhere_is_refused(scan, parts, fault):
    image = nib.load(parts[1])
    data, affine = np.asarray(image.dataobj), image.affine.copy()
    if fault == "moved":
        affine[1, 3] += 4
    if fault == "turned":
        affine[:, 0] *= -1
    nib.save(nib.Nifti1Image(data[:-1] if fault == "cropped" else data, affine), parts[1])
    with pytest.raises(InputError, match=r"lies elsewhere|not on the scan's grid") as caught:
        load_scan(parts, scan / "mask.nii.gz", bdelta=[1, -0.5, 0])
    assert caught.value.where == str(parts[1])


@pytest.mark.parametrize("name", ["bval", "bvec", "bdelta", "gradients"])
def test_one_table_for_several_series_is_refused(scan, parts, name):
    with pytest.raises(InputError, match="is given 2 times, for 3 series"):
        load_scan(parts, scan / "mask.nii.gz", **{name: [scan / "lte.bval", scan / "pte.bval"]})


def test_no_series_at_all_is_refused():
    with pytest.raises(InputError, match="names no scan") as caught:
        load_scan([])
    assert caught.value.where == "dwi"


@pytest.mark.parametrize("gain", [0.95, 1.05, 1.5, 0.5])
def test_another_gain_is_told_and_what_noise_explains_is_not(scan, parts, gain):
    first, last = (nib.load(path) for path in (parts[0], parts[2]))
    level = np.median(np.asarray(first.dataobj)[..., 0])
    for image, path, factor in ((first, parts[0], 1), (last, parts[2], gain)):
        nib.save(nib.Nifti1Image(np.full(image.shape, factor * level), image.affine), path)
    scan.edit_table("ste.bval", lambda b: np.where(np.arange(b.size) == 0, 0, b))
    notes = load_scan(parts, scan / "mask.nii.gz", bdelta=[1, -0.5, 0]).notes
    told = [note for note in notes if "times that of" in note]
    if gain in (0.95, 1.05):
        assert told == []
    else:
        high, ratio, low = ("ste", gain, "lte") if gain > 1 else ("lte", 1 / gain, "ste")
        assert told[0].startswith(
            f"The b = 0 signal of {high}.nii.gz is {ratio:.2f} times that of {low}.nii.gz: the fit takes"
        )


def test_several_series_are_held_in_memory_once(scan, parts):
    import tracemalloc

    shape = (24, 24, 20)
    for path, part in zip(parts, PARTS.values(), strict=True):
        n = 8 * (part.stop - part.start)
        scan.write(path.name, np.arange(np.prod(shape) * n, dtype=np.float32).reshape(*shape, n) % 97 + 50)
        for suffix in ("bval", "bvec"):
            scan.edit_table(f"{path.name[:3]}.{suffix}", lambda rows: np.tile(np.atleast_2d(rows), 8))
    tracemalloc.start()
    data = load_scan(parts, bdelta=[1, -0.5, 0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.signal.shape == (*shape, 88)
    assert peak < 1.5 * data.signal.nbytes
