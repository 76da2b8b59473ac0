"""Images written piece by piece are those written whole, whatever the pieces."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.io.files import sidecar_of
from napari_smi_inr.io.stream import stream_image
from scan_files import AFFINES

SHAPE = (5, 4, 3)


def pieces_of(values, sizes):
    """(n,) or (n, volumes) stretches of an image's voxels, the first axis varying fastest."""
    flat = values.reshape(-1, *values.shape[3:], order="F")
    return np.split(flat, np.cumsum(sizes))


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
@pytest.mark.parametrize("volumes", [(), (1,), (6,)], ids=["one map", "one volume", "six volumes"])
@pytest.mark.parametrize("sizes", [[], [7, 1, 30], [20, 20]])
def test_it_is_the_image_whatever_the_pieces(tmp_path, affine, name, volumes, sizes):
    values = np.random.default_rng(0).normal(size=(*SHAPE, *volumes))
    path = stream_image(tmp_path / "new" / name, values.shape, affine, iter(pieces_of(values, sizes)))
    image = nib.load(path)
    np.testing.assert_array_equal(np.asarray(image.dataobj), values.astype(np.float32))
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)
    assert image.get_data_dtype() == np.dtype("<f4")
    assert image.header.get_xyzt_units()[0] == "mm"
    assert [int(image.header[key]) for key in ("sform_code", "qform_code")] == [1, 1]
    assert [each.name for each in path.parent.iterdir()] == [name]  # nothing of what waited


def test_a_compressed_one_is_the_same_file_each_time(tmp_path):
    values = np.ones((*SHAPE, 2))
    first, second = (
        stream_image(tmp_path / folder / f"{folder}.nii.gz", values.shape, AFFINES["LAS"], [values.reshape(-1, 2)])
        for folder in ("a", "b")
    )
    assert first.read_bytes() == second.read_bytes()
    assert len(gzip.decompress(first.read_bytes())) == 352 + 4 * values.size


def test_the_description_of_an_older_image_goes_with_it(tmp_path):
    sidecar_of(tmp_path / "map.nii").write_text("{}")
    stream_image(tmp_path / "map.nii", SHAPE, AFFINES["LAS"], [np.zeros(60)])
    assert not sidecar_of(tmp_path / "map.nii").exists()


@pytest.mark.parametrize(
    ("name", "shape", "fault"),
    [
        ("map.mgz", SHAPE, "is not a name for a NIfTI image"),
        ("map.nii", (32768, 2, 2), "would have 32768 x 2 x 2 voxels; NIfTI allows 32767 along an axis"),
    ],
)
def test_what_no_nifti_can_be_is_refused_before_it_is_begun(tmp_path, name, shape, fault):
    with pytest.raises(InputError, match=fault) as caught:
        stream_image(tmp_path / name, shape, AFFINES["LAS"], [])
    assert caught.value.where == str(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_cut_short_leaves_nothing(tmp_path):
    def pieces():
        yield np.zeros((10, 2))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream_image(tmp_path / "fod.nii.gz", (*SHAPE, 2), AFFINES["LAS"], pieces())
    assert list(tmp_path.iterdir()) == []
