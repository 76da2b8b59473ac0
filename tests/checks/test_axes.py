"""Axes of the directions: 24 that differ, named in a way one can type, and turned as named."""

import numpy as np
import pytest

from napari_smi_inr.checks.axes import AS_GIVEN, BVEC_AXES, axes_matrix, in_words, turned
from napari_smi_inr.checks.loading import load
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.fsl_axes import scanner_to_fsl
from scan_files import AFFINES, small_dataset


def test_the_24_are_all_there_are_up_to_a_common_sign():
    matrices = [axes_matrix(axes) for axes in BVEC_AXES]
    assert BVEC_AXES[0] == AS_GIVEN
    assert len({in_words(axes) for axes in BVEC_AXES}) == 24
    for i, one in enumerate(matrices):
        np.testing.assert_array_equal(one @ one.T, np.eye(3))
        assert not any(np.array_equal(one, other) or np.array_equal(one, -other) for other in matrices[:i])


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ("x,y,z", "as in the file"),
        ("x,-y,z", "y flipped"),
        ("y,x,z", "x and y swapped"),
        ("x,z,-y", "y and z swapped, y flipped"),
        ("y,z,x", "axes in the order y, z, x"),
    ],
)
def test_they_are_told_in_words(axes, words):
    assert in_words(axes) == words


@pytest.mark.parametrize("axes", ["x,y", "x,y,y", "x,y,w", "--x,y,z", "", "x y z", "x,y,z,"])
def test_other_words_are_refused(axes):
    with pytest.raises(InputError, match="names no axes"):
        axes_matrix(axes)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("axes", ["-x,y,z", "y,x,z", "z,-x,y"])
def test_the_file_s_own_axes_are_turned_whatever_the_affine(affine, axes):
    data = small_dataset(affine)
    file = scanner_to_fsl(data.acquisition.directions, affine)
    again = scanner_to_fsl(turned(data, axes).acquisition.directions, affine)
    np.testing.assert_allclose(again, file @ axes_matrix(axes).T, atol=1e-12)


def test_what_was_turned_is_noted_and_nothing_else_is(tmp_path):
    save_scan(small_dataset(), tmp_path)
    plain = load(tmp_path / "dwi.nii.gz", bvec_axes="x,y,z")
    flipped = load(tmp_path / "dwi.nii.gz", bvec_axes="-x,y,z")
    assert flipped.notes == (*plain.notes, "Directions taken with x flipped (-x,y,z), not as in the file.")
    assert np.abs(flipped.acquisition.directions - plain.acquisition.directions).max() > 0.1


def test_signs_that_are_all_reversed_change_nothing():
    data = small_dataset()
    assert turned(data, "-x,-y,-z") is data
