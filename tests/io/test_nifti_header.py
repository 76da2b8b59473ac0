"""What a sound header says, and where the line runs to one that is not."""

import re
import struct

import nibabel as nib
import numpy as np
import pytest

from napari_smi_inr.acquisition import MOST_VOLUMES
from napari_smi_inr.io.nifti_header import Image, first_line, read_header, surplus
from refusal import refused

AFFINE = np.array([[-2.0, 0, 0, 30], [0, 2.5, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])


@pytest.fixture(params=["NIfTI-1", "NIfTI-2"])
def image(request, tmp_path):
    """Write an image, its header changed by field; gives the path."""
    kind = {"NIfTI-1": nib.Nifti1Image, "NIfTI-2": nib.Nifti2Image}[request.param]

    def write(dtype=np.float32, shape=(4, 3, 2, 5), name="image.nii", **fields):
        made = kind(np.zeros(shape, dtype), AFFINE)
        made.set_sform(AFFINE, code=1)
        made.set_qform(AFFINE, code=1)
        path = tmp_path / name
        nib.save(made, path)
        header = nib.load(path).header
        content = bytearray(path.read_bytes())
        for field, value in fields.items():
            header[field] = value
        content[: header.sizeof_hdr] = header.binaryblock
        path.write_bytes(content)
        return path

    return write


def test_a_sound_header_is_taken_at_its_word(image):
    path = image(np.int16)
    found = read_header(path)
    assert isinstance(found, Image)
    assert (found.path, found.packed, found.shape, found.ndim) == (path, False, (4, 3, 2, 5), 4)
    assert (found.dtype, found.slope, found.inter, found.placed) == (np.int16, 1.0, 0.0, True)
    assert found.offset == nib.load(path).header.sizeof_hdr + 4
    np.testing.assert_allclose(found.affine, AFFINE, atol=1e-6)
    with found.stream() as stream:
        assert stream.read() == path.read_bytes()


def test_compression_is_told_by_the_content(image):
    path = image()
    assert not read_header(path).packed
    nib.save(nib.load(path), path.with_name("packed.nii.gz"))
    packed = read_header(path.with_name("packed.nii.gz"))
    assert packed.packed
    with packed.stream() as stream:
        assert len(stream.read()) == packed.offset + 4 * 120


def test_numbers_are_scaled_as_the_header_says(image):
    found = read_header(image(np.int16, scl_slope=0.25, scl_inter=-3))
    assert (found.slope, found.inter) == (0.25, -3)
    for slope in (0, np.nan):
        found = read_header(image(np.int16, scl_slope=slope, scl_inter=7))
        assert (found.slope, found.inter) == (1.0, 0.0)
    assert read_header(image(np.float32, scl_slope=1, scl_inter=0)).slope == 1


@pytest.mark.parametrize(
    ("slope", "inter", "good"),
    [(1e-29, 0, True), (1e29, 1e29, True), (1, -1e29, True), (1e-31, 0, False), (1e31, 0, False), (-1, 0, False),
     (1, 1e31, False), (1, -1e31, False), (1, np.nan, False), (np.inf, 0, False)],
)  # fmt: skip
def test_scaling_beyond_single_precision_is_damage(image, slope, inter, good):
    path = image(np.int16, scl_slope=slope, scl_inter=inter)
    if good:
        assert read_header(path).slope == pytest.approx(slope)
    else:
        with refused(path, "^has a damaged header: its numbers are to be multiplied by"):
            read_header(path)


@pytest.mark.parametrize(("slope", "inter"), [(2, 0), (1, 3), (1 + 1e-6, 0)])
def test_real_numbers_are_final(image, slope, inter):
    path = image(np.float32, scl_slope=slope, scl_inter=inter)
    with refused(path, "^holds float32 values and yet asks to multiply them by .* and to add"):
        read_header(path)


class TestPlace:
    def test_the_sform_goes_first_then_the_qform_then_a_guess(self, image):
        for codes in ({"qform_code": 0}, {"sform_code": 0}):
            found = read_header(image(**codes))
            assert found.placed
            np.testing.assert_allclose(found.affine, AFFINE, atol=1e-5)
        bare = {"qform_code": 0, "sform_code": 0, "srow_x": 0, "srow_y": 0, "srow_z": 0}
        found = read_header(image(**bare))
        assert not found.placed
        np.testing.assert_allclose(np.diag(found.affine), [-2, 2.5, 3, 1])

    @pytest.mark.parametrize("shift", [0.05, 0.15, -0.15])
    def test_two_places_may_differ_by_a_tenth_of_the_shortest_edge(self, image, shift):
        path = image(srow_x=[-2, 0, 0, 30 + 2 * shift])
        if abs(shift) < 0.1:
            assert read_header(path).affine[0, 3] == pytest.approx(30.1)
        else:
            with refused(path, r"\(sform and qform\) are up to 0\.3 mm apart"):
                read_header(path)

    @pytest.mark.parametrize(("sform", "qform", "compared"), [(1, 1, True), (2, 1, True), (4, 4, True), (4, 1, False)])
    def test_places_are_compared_where_they_are_of_one_space(self, image, sform, qform, compared):
        path = image(sform_code=sform, qform_code=qform, srow_x=[-2, 0, 0, 50])
        if compared:
            with refused(path, "^says twice where its voxels lie"):
                read_header(path)
        else:
            assert read_header(path).affine[0, 3] == 50

    @pytest.mark.parametrize(("size", "good"), [(2.03, True), (2.05, False), (-2.0, True)])
    def test_sizes_of_voxels_may_differ_by_two_percent(self, image, size, good):
        pixdim = [1, size, 2.5, 3, 1, 1, 1, 1]
        path = image(qform_code=0, pixdim=pixdim)
        if good:
            read_header(path)
        else:
            with refused(path, re.escape("gives its voxels two sizes: 2 x 2.5 x 3 but 2.05 x 2.5 x 3 mm")):
                read_header(path)

    @pytest.mark.parametrize(
        ("edge", "good"), [(0.0011, True), (99.0, True), (0.0009, False), (101.0, False), (np.nan, False)]
    )
    def test_voxels_are_of_a_size_that_a_scanner_can_make(self, image, edge, good):
        path = image(qform_code=0, srow_x=[-edge, 0, 0, 0], pixdim=[1, edge, 2.5, 3, 1, 1, 1, 1])
        if good:
            assert read_header(path).affine[0, 0] == pytest.approx(-edge)
        else:
            with refused(path, "^has a header that does not place its voxels"):
                read_header(path)

    @pytest.mark.parametrize(("far", "good"), [(9.9e4, True), (-9.9e4, True), (1.01e5, False), (-1.01e5, False)])
    def test_voxels_are_near_the_scanner(self, image, far, good):
        path = image(qform_code=0, srow_z=[0, 0, 3, far])
        if good:
            assert read_header(path).affine[2, 3] == pytest.approx(far)
        else:
            with refused(path, "does not place"):
                read_header(path)

    @pytest.mark.parametrize(("shear", "good"), [(1.5, True), (2.0, False)])
    def test_voxels_have_a_volume(self, image, shear, good):
        """Leaning by 56 or 63 degrees."""
        edge = float(np.hypot(2.5, 2.5 * shear))
        fields = {"srow_x": [-2, 2.5 * shear, 0, 0], "pixdim": [1, 2, edge, 3, 1, 1, 1, 1]}
        path = image(qform_code=0, **fields)
        if good:
            read_header(path)
        else:
            with refused(path, "does not place"):
                read_header(path)

    @pytest.mark.parametrize(("units", "word"), [(1, "metres"), (3, "micrometres"), (2, ""), (0, ""), (2 + 8, "")])
    def test_lengths_are_millimetres(self, image, units, word):
        path = image(xyzt_units=units)
        if word:
            with refused(path, f"^gives its lengths in {word}"):
                read_header(path)
        else:
            read_header(path)

    @pytest.mark.parametrize("codes", [{"sform_code": 6}, {"qform_code": -1}, {"qform_code": 6}, {"sform_code": -1}])
    def test_codes_are_those_of_nifti(self, image, codes):
        path = image(**codes)
        with refused(path, "^has a damaged header: sform code"):
            read_header(path)

    def test_a_place_that_is_denied_must_be_the_guess(self, image):
        denied = {"sform_code": 0, "qform_code": 0}
        path = image(**denied)
        with refused(path, "does not know where its voxels lie"):
            read_header(path)
        base = nib.load(path).header.get_base_affine()
        path = image(**denied, srow_x=base[0], srow_y=base[1], srow_z=base[2])
        np.testing.assert_allclose(read_header(path).affine, base)


def test_axes_beyond_the_third_are_volumes(tmp_path):
    path, shape = tmp_path / "many.nii", (1, 1, 1, MOST_VOLUMES // 2, 2)
    nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), AFFINE), path)
    assert read_header(path).shape == shape
    nib.save(nib.Nifti1Image(np.zeros((1, 1, 1, MOST_VOLUMES + 1), np.uint8), AFFINE), path)
    with refused(path, f"^would have {MOST_VOLUMES + 1} volumes, more than the {MOST_VOLUMES} that are read"):
        read_header(path)


@pytest.mark.parametrize(("places", "good"), [(0, True), (16, True), (-8, False), (0.5, False), (1 << 29, False)])
def test_voxels_begin_behind_the_header_at_a_whole_byte(image, places, good):
    path = image()
    header = nib.load(path).header
    start = header.sizeof_hdr + 4 + places
    content = path.read_bytes()
    kept = content[: header.sizeof_hdr + 4] + bytes(16 if places == 16 else 0) + content[header.sizeof_hdr + 4 :]
    changed = bytearray(kept)
    if header.sizeof_hdr == 348:
        changed[108:112] = struct.pack("<f", start)
    elif places == 0.5:
        pytest.skip("a whole number by its type")
    else:
        changed[168:176] = struct.pack("<q", start)
    path.write_bytes(changed)
    if good:
        assert read_header(path).offset == start
    else:
        with refused(path, "^has a damaged header: its voxels would begin at byte"):
            read_header(path)


def test_a_file_is_as_long_as_its_header_says(image):
    path = image()
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with refused(path, f"^is cut short: its header promises 480 bytes of voxels, the file has {len(content) - 1}"):
        read_header(path)
    path.write_bytes(content + b"\0")
    with refused(path, "^holds more than its header speaks of"):
        read_header(path)
    assert surplus(path).where == str(path)


def test_names_that_are_not_of_nifti_are_refused_whatever_is_in_the_file(image):
    path = image(name="IMAGE.NII")
    read_header(path)
    path.rename(path.with_name("image.img"))
    with refused(path.with_name("image.img"), r"^is not readable as NIfTI \(by its name it is not a NIfTI file\)"):
        read_header(path.with_name("image.img"))


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("one\ntwo"), "one"), (EOFError(), "EOFError"), (OSError("x"), "x"), (ValueError(""), "ValueError")],
)
def test_an_error_is_told_on_one_line(error, line):
    assert first_line(error) == line
