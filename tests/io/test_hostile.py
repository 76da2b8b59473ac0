"""Files from strangers: what they claim is checked before it is believed, and nothing they hold can hang or flood."""

import gzip
import os
import struct
import tracemalloc
import zlib

import nibabel as nib
import numpy as np
import pytest

from bad_inputs import header
from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.errors import InputError
from napari_smi_inr.io import nifti
from napari_smi_inr.io.json_text import read_json
from napari_smi_inr.io.nifti import open_image, read_volumes
from napari_smi_inr.io.scan import load_scan
from napari_smi_inr.io.stream import stream_image


def refusal(read, *arguments):
    with pytest.raises(InputError) as caught:
        read(*arguments)
    error = caught.value
    assert error.where.startswith(("/", "'"))
    assert error.fault.endswith(".")
    assert error.remedy.endswith(".")
    assert len(str(error)) < 600
    return error


def peak_of(work):
    """Bytes that Python and numpy held at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def plain(scan):
    """The scan uncompressed; called with bytes to put at places."""
    content = gzip.decompress(scan.dwi.read_bytes())

    def write(*changes, content=content, name="plain.nii"):
        changed = bytearray(content)
        for place, value in changes:
            changed[place : place + len(value)] = value
        (scan / name).write_bytes(changed)
        return scan / name

    return write


def i16(*values):
    return struct.pack(f"<{len(values)}h", *values)


def f32(*values):
    return struct.pack(f"<{len(values)}f", *values)


DAMAGED_HEADERS = {
    "another width of numbers": ([(72, i16(16))], "32 bits, not 16"),
    "complex": ([(70, i16(32, 64))], "complex64 values"),
    "RGB": ([(70, i16(128, 24))], "holds .* values"),
    "binary": ([(70, i16(1, 1))], "holds .* values"),
    "no axes": ([(40, i16(0))], "no voxels"),
    "one axis": ([(40, i16(1))], "no voxels"),
    "forty axes": ([(40, i16(40))], "no voxels"),
    "as many axes backwards": ([(40, i16(-4))], "no voxels"),
    "fewer volumes than there are": ([(48, i16(10))], "more than its header speaks of"),
    "more volumes than there are": ([(48, i16(12))], "is cut short: its header promises"),
    "more volumes than any scan has": ([(42, i16(1, 1, 1, 32000))], "would have 32000 volumes"),
    "voxels before the header ends": ([(108, f32(200))], "begin at byte 200"),
    "voxels at no byte": ([(108, f32(np.nan))], "begin at byte nan"),
    "voxels between two bytes": ([(108, f32(352.5))], r"begin at byte 352\.5"),
    "voxels after two gigabytes": ([(108, f32(2e9))], "begin at byte 2e"),
    "voxels later than they are": ([(108, f32(368))], "is cut short"),
    "infinite slope": ([(112, f32(np.inf))], "multiplied by inf"),
    "slope beyond all measure": ([(112, f32(1e38))], r"multiplied by 1e\+38"),
    "negative slope": ([(112, f32(-1))], "multiplied by -1"),
    "no number to add": ([(116, f32(np.nan))], "raised by nan"),
    "scaling where there is none": ([(112, f32(2, 0))], "asks to multiply them by 2"),
    "unknown code of the place": ([(254, i16(77))], "sform code 77"),
    "micrometres": ([(123, b"\3")], "lengths in micrometres"),
    "voxels of two sizes": ([(252, i16(0)), (80, f32(2.5))], "two sizes: 2 x 2 x 3 but 2.5 x 2 x 3"),
    "two places": ([(292, f32(40))], "up to 71 mm apart"),
    "two hands": ([(76, f32(1))], "mm apart"),
    "a rotation that is none": ([(256, f32(5))], "up to inf mm apart"),
    "an axis of no length": ([(280, bytes(4)), (296, bytes(4)), (312, bytes(4))], "does not place"),
    "voxels of a kilometre": ([(280, f32(1e6))], "does not place"),
    "a place on the moon": ([(292, f32(4e11))], "does not place"),
    "a place given and denied": ([(252, i16(0, 0))], "does not know where its voxels lie"),
    "half of a pair": ([(344, b"ni1\0")], "half of a .hdr/.img pair"),
    "Analyze": ([(344, bytes(4))], "not a NIfTI file"),
}


@pytest.mark.parametrize("damage", DAMAGED_HEADERS)
def test_a_header_that_contradicts_itself_or_the_file_is_refused(plain, damage):
    changes, fault = DAMAGED_HEADERS[damage]
    path = plain(*changes)
    error = refusal(lambda: read_volumes(open_image(path, "scan")))
    assert error.where == str(path)
    with pytest.raises(InputError, match=fault):
        open_image(path, "scan")


@pytest.mark.parametrize(
    "harmless",
    [
        [(108, f32(0))],  # some programs leave it at that
        [(76, f32(-1))],
        [(76, f32(0)), (252, i16(0))],
        [(112, f32(0))],  # no scaling
        [(112, f32(np.nan, np.nan))],
        [(72, i16(0))],
        [(123, b"\0")],
        [(254, i16(0))],  # the qform says the same
        [(252, i16(0)), (256, f32(9, 9, 9))],  # the sform says it alone
        [(148, bytes(range(1, 80)))],  # a description
    ],
)
def test_a_header_that_only_looks_odd_is_read(scan, plain, harmless):
    image = open_image(plain(*harmless), "scan")
    sound = open_image(scan.dwi, "scan")
    np.testing.assert_array_equal(read_volumes(image), read_volumes(sound))
    np.testing.assert_allclose(image.affine, sound.affine, atol=1e-4)


def test_a_place_of_another_space_need_not_be_the_scanners(plain):
    """A registered image keeps the scanner's place in its qform."""
    assert open_image(plain((254, i16(4)), (292, f32(40))), "scan").affine[0, 3] == 40


def test_what_is_read_depends_on_the_content_and_not_on_the_name(scan, plain):
    sound = load_scan(**scan.arguments()).signal
    raw = gzip.decompress(scan.dwi.read_bytes())
    packed = plain(content=gzip.compress(raw), name="packed.nii")
    named_packed = plain(content=raw, name="plain.nii.gz")
    for path in (packed, named_packed):
        np.testing.assert_array_equal(read_volumes(open_image(path, "scan")), sound)


def test_an_extension_is_passed_over_unread(scan, plain):
    raw = gzip.decompress(scan.dwi.read_bytes())
    huge = struct.pack("<ii", 2**31 - 16, 2)  # claims two gigabytes of DICOM
    content = raw[:348] + b"\1\0\0\0" + huge + bytes(24) + raw[352:]
    path = plain((108, f32(384)), content=content)
    np.testing.assert_array_equal(read_volumes(open_image(path, "scan")), read_volumes(open_image(scan.dwi, "scan")))


def test_any_flipped_bit_of_a_compressed_scan_is_noticed(scan):
    sound, rng = scan.dwi.read_bytes(), np.random.default_rng(0)
    expected = read_volumes(open_image(scan.dwi, "scan"))
    refused = 0
    for _ in range(100):
        raw = bytearray(sound)
        raw[rng.integers(len(raw))] ^= 1 << rng.integers(8)
        scan.dwi.write_bytes(raw)
        try:
            np.testing.assert_array_equal(read_volumes(open_image(scan.dwi, "scan")), expected)
        except InputError:
            refused += 1
    assert refused > 90  # the others hit what says nothing: a date, a system


def test_the_checksum_of_a_compressed_scan_is_read(scan):
    raw = bytearray(scan.dwi.read_bytes())
    raw[-6] ^= 1
    scan.dwi.write_bytes(raw)
    assert "CRC" in refusal(load_scan, scan.dwi).fault


class TestClaims:
    """Nothing is set aside for what a header claims and the file cannot hold."""

    def test_a_packed_header_that_claims_a_terabyte(self, scan):
        header(42, [30000, 30000, 1000])(scan)
        assert peak_of(lambda: refusal(load_scan, scan.dwi)) < 1e6

    def test_a_sparse_file_that_has_a_terabyte_of_nothing(self, plain):
        path = plain((42, i16(32000, 32000, 1000, 1)))
        with path.open("r+b") as file:
            try:
                file.truncate(352 + 4 * 32000 * 32000 * 1000)
            except OSError:
                pytest.skip("no such sparse files here")
        image = open_image(path, "scan")
        assert "GiB of memory" in refusal(read_volumes, image).fault

    def test_where_memory_is_not_told_the_attempt_says_so(self, plain, monkeypatch):
        monkeypatch.setattr(nifti, "machine_memory", lambda: 100.0)
        assert "memory" in refusal(lambda: read_volumes(open_image(plain(), "scan"))).fault

    def test_a_system_that_does_not_tell_its_memory_lets_one_try(self, plain, monkeypatch):
        monkeypatch.delattr(os, "sysconf", raising=False)
        assert read_volumes(open_image(plain(), "scan")).shape == (5, 6, 3, 11)

    def test_a_bomb_behind_the_last_voxel_is_not_unpacked(self, scan):
        packer = zlib.compressobj(9, wbits=31)
        bomb = packer.compress(gzip.decompress(scan.dwi.read_bytes()))
        bomb += b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
        scan.dwi.write_bytes(bomb)
        assert len(bomb) < 1 << 20
        assert peak_of(lambda: refusal(load_scan, scan.dwi)) < 4e6

    def test_a_field_of_a_stranger_that_is_too_large(self, tmp_path):
        from napari_smi_inr.inr.field_file import open_field

        path = tmp_path / "field"
        path.write_bytes(b"x")
        os.truncate(path, 1 << 33)
        assert "too large" in refusal(open_field, path).fault


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("role", ["dwi", "mask", "bval", "noise"])
def test_a_pipe_is_refused_and_not_waited_for(scan, role):
    os.mkfifo(scan / "pipe.nii")
    assert "pipe" in refusal(lambda: load_scan(**scan.arguments() | {role: scan / "pipe.nii"})).fault


@pytest.mark.parametrize("path", ["a\0b.nii", "~no-such-user-at-all/dwi.nii", "x" * 5000])
def test_a_name_that_is_no_path(path):
    with pytest.raises(InputError):
        load_scan(path)


GOOD_TABLES = {
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
    "byte-order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, big-endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "commas": lambda text: text.replace(" ", ", ").encode(),
    "a comma at the end": lambda text: text.replace(" ", ",").replace("\n", ",\n").encode(),
    "tabs, blank lines, comments": lambda text: ("# made by hand\n\n" + text.replace(" ", "\t")).encode(),
    "plus signs and exponents": lambda text: " ".join(f"{float(word):+.12E}" for word in text.split()).encode(),
}


@pytest.mark.parametrize("style", GOOD_TABLES)
@pytest.mark.parametrize("name", ["dwi.bval", "dwi.bdelta"])
def test_tables_of_every_house_are_read_alike(scan, style, name):
    sound = load_scan(scan.dwi).acquisition
    (scan / name).write_bytes(GOOD_TABLES[style]((scan / name).read_text()))
    read = load_scan(scan.dwi).acquisition
    np.testing.assert_allclose(read.b, sound.b, rtol=1e-12)
    np.testing.assert_allclose(read.b_delta, sound.b_delta, rtol=1e-12)


BAD_TABLES = {
    "ten million digits": b"1" * 10**7,
    "four thousand digits": b"1" * 4000,
    "a million columns": b"1 " * 10**6,
    "a million rows": b"1\n" * 10**6,
    "binary junk": bytes(range(256)) * 20,
    "zero bytes": bytes(1000),
    "UTF-16 that does not say so": "0 1000".encode("utf-16-le"),
    "hex": b"0 0x10" + b" 1000" * 9,
    "digits apart by underscores": b"0 1_000" + b" 1000" * 9,
    "digits of another alphabet": "0 １０００".encode() + b" 1000" * 9,
    "decimal commas": b"0,5 1000,5 2000,5",
    "a comma where a minus was": b"0 50 ,1000 1003 998 2000 2000 2000 2000 1500 1500",
    "nothing between commas": b"0,50,,1000,1003,998,2000,2000,2000,2000,1500,1500",
    "semicolons": b"0;50;1000",
    "a formula": b"0 50 1000*2",
    "s/m2": b"0 5e7 1e9 1e9 1e9 2e9 2e9 2e9 2e9 1.5e9 1.5e9",
    "infinite": b"0 50 inf 1003 998 2000 2000 2000 2000 1500 1500",
    "control characters": b"0 \x1b[2J 3",
}


@pytest.mark.parametrize("junk", BAD_TABLES)
def test_tables_that_are_none_are_refused_in_little_memory(scan, junk):
    (scan / "dwi.bval").write_bytes(BAD_TABLES[junk])

    def read():
        error = refusal(load_scan, scan.dwi)
        assert error.where == str(scan / "dwi.bval")
        assert str(error).isprintable()

    assert peak_of(read) < 2e8


def test_a_gigabyte_of_text_is_not_read(scan):
    os.truncate(scan / "dwi.bvec", 1 << 30)
    assert "too large" in refusal(load_scan, scan.dwi).fault


def matrix(kind, axes, *parts, special=0):
    """One variable of a MATLAB file."""
    flags = element(6, struct.pack("<II", kind | special << 8, 0))
    content = flags + element(5, struct.pack(f"<{len(axes)}i", *axes)) + element(1, b"xps") + b"".join(parts)
    return element(14, content)


def element(kind, content):
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def packed(content):
    squeezed = zlib.compress(content, 9)
    return struct.pack("<II", 15, len(squeezed)) + squeezed


def nested(depth):
    inner = matrix(6, (1, 1), element(9, bytes(8)))
    for _ in range(depth):
        inner = matrix(1, (1, 1), inner)
    return inner


NAMES = element(5, struct.pack("<i", 4)) + element(1, b"b\0\0\0")
BAD_MATLAB = {
    "a struct of a billion elements": (matrix(2, (30000, 30000), NAMES), "holds more or less than it claims"),
    "a cell of a billion": (matrix(1, (2**30, 1)), "holds more or less than it claims"),
    "an array of a terabyte": (matrix(6, (2**30, 128), element(9, bytes(64))), "another size than it claims"),
    "a negative size": (matrix(6, (-1, -8), element(9, bytes(64))), "has no size"),
    "a size that overflows": (matrix(6, (2**31 - 1,) * 4, element(9, bytes(64))), "another size than it claims"),
    "twenty axes": (matrix(6, (1,) * 20, element(9, bytes(8))), "has no size"),
    "a gigabyte of zeros, packed": (packed(matrix(6, (1 << 25, 1), element(9, bytes(1 << 28)))), "unpacks to too much"),
    "packed within packed": (
        packed(packed(matrix(6, (1, 1), element(9, bytes(8))))),
        "something else than one variable",
    ),
    "a hundred levels": (nested(100), "too deeply nested"),
    "an object": (matrix(3, (1, 1), element(1, b"spam")), "of class 3, which no protocol needs"),
    "a sparse matrix": (matrix(5, (4, 4), element(5, bytes(8))), "of class 5"),
    "a function": (matrix(16, (1, 1)), "of class 16"),
    "an opaque object": (matrix(17, (1, 1), element(1, b"MCOS")), "of class 17"),
    "fields without names": (
        matrix(2, (1, 1), element(5, struct.pack("<i", 0)), element(1, b"b")),
        "no names of fields",
    ),
    "a small part that is too long": (struct.pack("<I", 1 | 200 << 16) + bytes(60), "is too long"),
    "a part that goes on beyond the end": (struct.pack("<II", 14, 2**31) + bytes(60), "is cut short"),
    "nothing": (b"", "no struct named xps"),
    "an array of fewer numbers than it claims": (
        matrix(6, (2, 3), element(9, bytes(40))),
        "another size than it claims",
    ),
    "an array of more": (matrix(6, (2, 3), element(9, bytes(56))), "another size than it claims"),
    "a struct with fewer values than fields": (matrix(2, (1, 2), NAMES, nested(0)), "holds more or less"),
}


@pytest.mark.parametrize("junk", BAD_MATLAB)
def test_a_matlab_file_that_claims_what_it_cannot_hold_is_refused_in_little_memory(scan, junk):
    content, said = BAD_MATLAB[junk]
    (scan / "dwi_xps.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + content)

    def read():
        error = refusal(lambda: load_scan(scan.dwi, gradients=scan / "dwi_xps.mat"))
        assert error.where == str(scan / "dwi_xps.mat")
        assert said in error.fault

    assert peak_of(read) < 6e7


def test_a_matlab_file_of_a_gigabyte_is_not_read(scan):
    (scan / "dwi_xps.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    os.truncate(scan / "dwi_xps.mat", 1 << 30)
    assert "too large" in refusal(lambda: load_scan(scan.dwi, gradients=scan / "dwi_xps.mat")).fault


@pytest.mark.parametrize("name", ["dwi.btens", "dwi.b"])
@pytest.mark.parametrize("junk", BAD_TABLES)
def test_whole_protocols_that_are_none_are_refused_in_little_memory(scan, name, junk):
    (scan / name).write_bytes(BAD_TABLES[junk])
    assert peak_of(lambda: refusal(lambda: load_scan(scan.dwi, gradients=scan / name))) < 2e8


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"[" * 100_000,
        b'{"a":' * 90 + b"1" + b"}" * 90,
        b"\xff\xfe{}",
        b'{"a": 1' + b"1" * 5000 + b"}",
    ],
)
def test_records_that_are_none_are_refused(tmp_path, text):
    (tmp_path / "fit.json").write_bytes(text)
    assert refusal(read_json, tmp_path / "fit.json", "record of a fit").where == str(tmp_path / "fit.json")


def test_a_huge_record_is_not_read(tmp_path):
    (tmp_path / "fit.json").write_text("{}")
    os.truncate(tmp_path / "fit.json", 1 << 30)
    assert "too large" in refusal(read_json, tmp_path / "fit.json", "record of a fit").fault


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("endian", "<>")
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_every_sound_type_is_read_as_nibabel_reads_it(tmp_path, kind, endian, dtype):
    values = np.random.default_rng(0).uniform(0, 250, (3, 4, 2, 5))
    head = kind.header_class(endianness=endian)
    image = kind(values, np.diag([-2.0, 2, 2.5, 1]), head)
    image.set_data_dtype(np.dtype(dtype).newbyteorder(endian))
    nib.save(image, tmp_path / "image.nii.gz")
    read = open_image(tmp_path / "image.nii.gz", "image")
    expected = nib.load(tmp_path / "image.nii.gz")
    np.testing.assert_array_equal(read_volumes(read), expected.get_fdata(dtype=np.float32))
    np.testing.assert_array_equal(read.affine, expected.affine)


@pytest.mark.parametrize(
    ("name", "shape", "fault"), [("map.txt", (2, 2, 2), "not a name"), ("a.nii", (40000, 1, 1), "40000")]
)
def test_an_image_that_cannot_be_is_not_begun(tmp_path, name, shape, fault):
    error = refusal(stream_image, tmp_path / name, shape, np.eye(4), [])
    assert fault in error.fault
    assert not list(tmp_path.iterdir())


def test_a_protocol_longer_than_any_is_refused():
    n = 8193
    with pytest.raises(InputError, match="8193 volumes"):
        Acquisition(np.zeros(n), np.ones(n), np.zeros((n, 3)))
