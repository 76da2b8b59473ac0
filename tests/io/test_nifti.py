"""NIfTI images as others read and write them: what stands in the header, where the voxels lie, what is no scan."""

import gzip
import math
import re

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.io import nifti
from napari_smi_inr.io.nifti import Grid, grid_of, open_image, read_map, read_volumes, require_same_place, write_image
from napari_smi_inr.io.stream import stream_image
from napari_smi_inr.memory import machine_memory
from refusal import refused

SHAPE = (4, 3, 2)


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


@pytest.fixture(params=["whole", "in pieces"])
def written(request, tmp_path, affine, values):
    """Write the same image in either way."""

    def write(name):
        path = tmp_path / name
        if request.param == "whole":
            write_image(path, values, affine)
        else:
            stream_image(path, SHAPE, affine, np.split(values.ravel(order="F"), [5, 6, 20]))
        return path

    return write


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
def test_any_program_finds_values_place_and_units(written, affine, values, name):
    path = written(name)
    packed = path.read_bytes()[:2] == b"\x1f\x8b"
    assert packed is name.endswith(".gz")
    image = nib.load(path)
    np.testing.assert_array_equal(np.asarray(image.dataobj), values)
    header = image.header
    assert header.get_data_dtype() == np.float32
    assert header["sform_code"] == header["qform_code"] == 1
    np.testing.assert_allclose(header.get_sform(), affine, atol=1e-5)
    np.testing.assert_allclose(header.get_qform(), affine, atol=1e-4)
    assert header.get_xyzt_units()[0] == "mm"
    assert header["magic"] == b"n+1"
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    assert content[108:112] == np.float32(352).tobytes()
    assert len(content) == 352 + values.nbytes


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
def test_the_same_image_is_the_same_bytes_wherever_and_whenever(written, name, monkeypatch):
    first = written(name).read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)
    (written(name).parent / "other").mkdir()
    assert written(f"other/{name}").read_bytes() == first


def test_only_the_description_of_an_image_goes_with_it_and_only_if_asked_for(tmp_path, values):
    (tmp_path / "map.json").write_text("{}")
    write_image(tmp_path / "map.nii", values, np.eye(4))
    assert (tmp_path / "map.json").exists()
    write_image(tmp_path / "map.nii", values, np.eye(4), described=True)
    assert not (tmp_path / "map.json").exists()


def test_doubles_are_written_in_single_precision_and_read_back(tmp_path):
    exact = np.array([1 / 3, 1e-40, 3e38]).reshape(3, 1, 1)
    write_image(tmp_path / "map.nii", exact, np.eye(4))
    image = open_image(tmp_path / "map.nii", "map")
    assert read_volumes(image).dtype == np.float32
    np.testing.assert_array_equal(read_volumes(image), exact.astype(np.float32))


@pytest.mark.parametrize("shape", [(4, 3, 2, 5), (4, 3, 2, 1), (4, 3, 2, 5, 2), (4, 3, 2)])
def test_volumes_come_as_they_were_each_of_one_piece(tmp_path, shape):
    values = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "image.nii.gz")
    read = read_volumes(open_image(tmp_path / "image.nii.gz", "image"))
    np.testing.assert_array_equal(read, values)
    assert read.flags.f_contiguous


def test_an_image_larger_than_memory_is_refused_with_its_size(tmp_path, monkeypatch, values):
    write_image(tmp_path / "map.nii", values, np.eye(4))
    image = open_image(tmp_path / "map.nii", "map")
    monkeypatch.setattr(nifti, "machine_memory", lambda: values.nbytes)
    read_volumes(image)  # just fits
    monkeypatch.setattr(nifti, "machine_memory", lambda: values.nbytes - 1)
    with refused(tmp_path / "map.nii", re.escape("takes 0.0 GiB of memory")):
        read_volumes(image)
    monkeypatch.setattr(nifti, "machine_memory", lambda: math.inf)
    monkeypatch.setattr(np, "empty", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
    with refused(tmp_path / "map.nii", "this machine does not have"):
        read_volumes(image)


def test_memory_is_what_the_machine_has():
    assert 1e8 < machine_memory() < 1e15


class TestPlace:
    grid = Grid((4, 3, 2), np.array([[-2.0, 0, 0, 30], [0, 2.5, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]]))

    def moved(self, distance, axis=0):
        affine = self.grid.affine.copy()
        affine[axis, 3] += distance
        return Grid(self.grid.shape, affine)

    def test_is_told_in_words(self):
        assert str(self.grid) == "4 x 3 x 2 voxels of 2 x 2.5 x 3 mm, axes LAS"
        np.testing.assert_allclose(self.grid.voxel_size, [2, 2.5, 3])

    def test_corners_are_the_centres_of_the_outermost_voxels(self):
        corners = self.grid.corners()
        assert len({tuple(corner) for corner in corners}) == 8
        np.testing.assert_allclose(corners.min(axis=0), [24, -20, 5])
        np.testing.assert_allclose(corners.max(axis=0), [30, -15, 8])

    def test_distance_is_that_of_the_corner_moved_farthest(self):
        assert self.grid.distance(self.grid) == 0
        assert self.grid.distance(self.moved(1.5, axis=2)) == pytest.approx(1.5)
        stretched = Grid(self.grid.shape, self.grid.affine @ np.diag([1.1, 1, 1, 1]))
        assert self.grid.distance(stretched) == pytest.approx(3 * 0.2)
        assert self.grid.distance(Grid((4, 3, 3), self.grid.affine)) == math.inf

    @pytest.mark.parametrize("axis", range(3))
    def test_a_tenth_of_the_shortest_edge_is_rounding_and_more_is_not(self, axis):
        require_same_place("m.nii", "mask", self.moved(0.19, axis), self.grid)
        with refused("m.nii", re.escape("corners of the mask are up to 0.21 mm off")) as caught:
            require_same_place("m.nii", "mask", self.moved(0.21, axis), self.grid)
        assert caught.value.remedy == "Give a mask made from this scan, or resample it onto the scan's grid."

    @pytest.mark.parametrize("factor", [0.97, 1.03])
    def test_voxels_of_another_size_are_another_grid_however_near(self, factor):
        """One voxel along the axis: its corners do not move."""
        flat = Grid((4, 3, 1), self.grid.affine)
        other = Grid((4, 3, 1), self.grid.affine @ np.diag([1, 1, factor, 1]))
        with refused("n.nii", "^is not on the scan's grid: the noise map has 4 x 3 x 1 voxels .*; the scan 4 x 3 x 1"):
            require_same_place("n.nii", "noise map", other, flat)
        hardly = Grid((4, 3, 1), self.grid.affine @ np.diag([1, 1, 1 + (factor - 1) / 2, 1]))
        require_same_place("n.nii", "noise map", hardly, flat)

    def test_an_image_is_where_its_header_says(self, tmp_path, affine, values):
        write_image(tmp_path / "map.nii", values, affine)
        found = grid_of(open_image(tmp_path / "map.nii", "map"))
        assert found.shape == SHAPE
        np.testing.assert_allclose(found.affine, affine, atol=1e-5)


class TestMaps:
    @pytest.mark.parametrize("axes", ["RAS", "LPI", "SAR", "PIL", "IRA"])
    def test_are_turned_to_the_scan_and_it_is_said(self, tmp_path, values, axes):
        image = nib.Nifti1Image(values, np.diag([-2.0, 2, 3, 1]))
        turn = nib.orientations.ornt_transform(
            nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(tuple(axes))
        )
        nib.save(image.as_reoriented(turn), tmp_path / "map.nii")
        read, note = read_map(tmp_path / "map.nii", "noise map", Grid(SHAPE, image.affine))
        np.testing.assert_array_equal(read, values)
        assert read.flags.c_contiguous
        assert note == f"The noise map was turned from axes {axes} to the scan's."

    def test_that_lie_as_the_scan_need_no_word(self, tmp_path, values, affine):
        write_image(tmp_path / "map.nii", values[..., None], affine)
        read, note = read_map(tmp_path / "map.nii", "mask", Grid(SHAPE, affine))
        np.testing.assert_array_equal(read, values)
        assert note == ""

    def test_of_several_volumes_are_no_maps(self, tmp_path, values):
        write_image(tmp_path / "map.nii", np.stack([values, values], axis=-1), np.eye(4))
        with refused(tmp_path / "map.nii", "^has 4 dimensions; a noise map has 3"):
            read_map(tmp_path / "map.nii", "noise map", Grid(SHAPE, np.eye(4)))

    def test_elsewhere_are_refused_by_their_role(self, tmp_path, values, affine):
        write_image(tmp_path / "map.nii", values, affine)
        away = affine.copy()
        away[:3, 3] += 5
        with refused(tmp_path / "map.nii", "corners of the mask are up to 8.66 mm off"):
            read_map(tmp_path / "map.nii", "mask", Grid(SHAPE, away))


def test_an_export_is_refused_by_name_or_size_before_it_begins(tmp_path):
    with refused(tmp_path / "map.img", "no|not a name for a NIfTI image"):
        stream_image(tmp_path / "map.img", SHAPE, np.eye(4), [])
    with refused(tmp_path / "map.nii", "^would have 2 x 32768 x 1 voxels; NIfTI allows 32767 along an axis"):
        stream_image(tmp_path / "map.nii", (2, 32768, 1), np.eye(4), [])
    assert list(tmp_path.iterdir()) == []
    path = stream_image(tmp_path / "new" / "map.nii", (32767, 1, 1), np.eye(4), [np.zeros(32767)])
    assert nib.load(path).shape == (32767, 1, 1)
