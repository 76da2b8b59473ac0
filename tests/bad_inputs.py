"""Fifty ways to spoil a sound scan, and what the message must then say."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field

import nibabel as nib
import numpy as np


class Word(str):
    """An argument that is a word, not the name of a file."""


@dataclass(frozen=True)
class Case:
    """How to spoil a sound scan, and what the message must then say."""

    name: str
    spoil: Callable
    where: str
    fault: str
    arguments: dict = field(default_factory=dict)


def cut(name, keep):
    def spoil(scan):
        content = (scan / name).read_bytes()
        (scan / name).write_bytes(content[: int(keep * len(content))])

    return spoil


def put(name, text):
    return lambda scan: (scan / name).write_text(text)


def without(*names):
    return lambda scan: [(scan / name).unlink() for name in names]


def table(name, column, value):
    def change(rows):
        np.atleast_2d(rows)[:, column] = value
        return rows

    return lambda scan: scan.edit_table(name, change)


def image(name, change):
    return lambda scan: scan.edit(name, change)


def fill(where, value):
    def change(data):
        data[where] = value
        return data

    return change


def moved(scan):
    mask = nib.load(scan / "mask.nii.gz")
    mask.affine[0, 3] += 12.5
    scan.write("mask.nii.gz", mask.dataobj, mask.affine)


def header(offset, value, dtype="<i2"):
    """Overwrite bytes of the header inside the gzip file."""

    def spoil(scan):
        content = bytearray(gzip.decompress(scan.dwi.read_bytes()))
        value_bytes = np.array(value, dtype).tobytes()
        content[offset : offset + len(value_bytes)] = value_bytes
        scan.dwi.write_bytes(gzip.compress(content))

    return spoil


def only(*volumes):
    """Keep some volumes of scan and gradients."""

    def spoil(scan):
        scan.edit("dwi.nii.gz", lambda data: data[..., list(volumes)])
        for name in ("dwi.bval", "dwi.bvec", "dwi.bdelta"):
            scan.edit_table(name, lambda rows: np.atleast_2d(rows)[:, list(volumes)])

    return spoil


def complex_scan(scan):
    scan.write("dwi.nii.gz", np.ones((5, 6, 3, 11), np.complex64))


def analyze(scan):
    nib.save(nib.spm99analyze.Spm99AnalyzeImage(np.zeros((5, 6, 3, 11), np.float32), np.eye(4)), scan / "dwi.img")


def checkered(data):
    """Every voxel has NaN in one of two volumes."""
    data[::2, ..., 4] = data[1::2, ..., 5] = np.nan
    return data


NOISE = {"noise": "noise.nii.gz"}
CASES = [
    Case("scan missing", without("dwi.nii.gz"), "dwi.nii.gz", "no such file"),
    Case("scan is a folder", lambda scan: None, "", "is a folder", {"dwi": "."}),
    Case("scan empty", cut("dwi.nii.gz", 0), "dwi.nii.gz", "is empty"),
    Case("scan cut short", cut("dwi.nii.gz", 0.6), "dwi.nii.gz", "damaged or cut short"),
    Case("scan cut in its header", cut("dwi.nii.gz", 0.005), "dwi.nii.gz", "not readable as NIfTI"),
    Case("scan is text", put("dwi.nii.gz", "not an image"), "dwi.nii.gz", "not readable as NIfTI"),
    Case("scan is gzipped text", lambda scan: scan.dwi.write_bytes(gzip.compress(b"no")), "dwi.nii.gz", "as NIfTI"),
    Case("scan of another format", analyze, "dwi.img", "not a NIfTI file", {"dwi": "dwi.img"}),
    Case("scan is text of a bval", lambda scan: None, "dwi.bval", "not readable as NIfTI", {"dwi": "dwi.bval"}),
    Case("scan is 3-D", image("dwi.nii.gz", lambda data: data[..., 0]), "dwi.nii.gz", "has 3 dimensions"),
    Case("scan is 5-D", image("dwi.nii.gz", lambda data: data[..., None, :]), "dwi.nii.gz", "has 5 dimensions"),
    Case("scan is complex", complex_scan, "dwi.nii.gz", "complex64"),
    Case("header promises a huge scan", header(42, [30000, 30000, 30000]), "dwi.nii.gz", "promises"),
    Case("header has no voxels", header(42, 0), "dwi.nii.gz", "no voxels"),
    Case("header has negative size", header(42, -5), "dwi.nii.gz", "no voxels"),
    Case("header of unknown type", header(70, 777), "dwi.nii.gz", "not readable as NIfTI"),
    Case("header places nothing", header(280, np.zeros(12), "<f4"), "dwi.nii.gz", "does not place"),
    Case("header is not finite", header(280, np.nan, "<f4"), "dwi.nii.gz", "does not place"),
    Case("bval missing", without("dwi.bval"), "dwi.nii.gz", "no b-values beside it"),
    Case("bval given but missing", lambda scan: None, "x.bval", "no such file", {"bval": "x.bval"}),
    Case("bvec missing", without("dwi.bvec"), "dwi.nii.gz", "no directions beside it"),
    Case("bdelta given but missing", lambda scan: None, "x.bdelta", "no such file", {"bdelta": "x.bdelta"}),
    Case("too few b-values", put("dwi.bval", "0 1000 2000"), "dwi.bval", "has 3 numbers .* has 11 volumes"),
    Case("text in bval", put("dwi.bval", "0 1000\n2000 b0"), "dwi.bval", "line 2 .*'b0'"),
    Case("bval is binary", lambda scan: (scan / "dwi.bval").write_bytes(bytes(range(256))), "dwi.bval", "not a text"),
    Case("NaN in bval", table("dwi.bval", 4, np.nan), "dwi.bval", "volume 4 .* nan"),
    Case("negative b", table("dwi.bval", 3, -1000), "dwi.bval", "volume 3 .* -1000"),
    Case("bvec for other volumes", put("dwi.bvec", "1 0 0\n0 1 0"), "dwi.bvec", "2 rows of 3 numbers"),
    Case("ragged bvec", put("dwi.bvec", "1 0\n0 1 0\n1"), "dwi.bvec", "3 rows of 1 or 2 or 3"),
    Case("empty table", put("dwi.bvec", "\n\n"), "dwi.bvec", "0 rows of no numbers"),
    Case("linear volume without direction", table("dwi.bvec", 3, 0), "dwi.bvec", "volume 3 .*direction of length 0"),
    Case("direction far from unit", table("dwi.bvec", 3, 1), "dwi.bvec", r"volume 3 .* 1\.73"),
    Case("NaN direction that matters", table("dwi.bvec", 3, np.nan), "dwi.bvec", "volume 3 .* nan"),
    Case("b_delta out of range", table("dwi.bdelta", 7, -1), "dwi.bdelta", "volume 7 .*b_delta of -1"),
    Case("too many b_delta", put("dwi.bdelta", "1 " * 12), "dwi.bdelta", "has 12 numbers"),
    Case("no b = 0", only(2, 3, 4, 5, 6, 7, 8), "dwi.bval", "no b = 0 volume .*998"),
    Case("one shell", only(0, 1, 2, 3, 4), "dwi.bval", "one shell only .linear encoding at 1000"),
    Case("only b = 0", only(0, 0), "dwi.bval", "one shell only .b = 0"),
    Case("mask missing", without("mask.nii.gz"), "mask.nii.gz", "no such file"),
    Case("mask cut short", cut("mask.nii.gz", 0.8), "mask.nii.gz", "cut short|not readable"),
    Case("mask of another shape", image("mask.nii.gz", lambda m: m[:-1]), "mask.nii.gz", "4 x 6 x 3 .* 5 x 6 x 3"),
    Case("mask is 4-D", lambda scan: None, "dwi.nii.gz", "a mask has 3", {"mask": "dwi.nii.gz"}),
    Case("mask in another place", moved, "mask.nii.gz", r"12\.50 mm off"),
    Case("mask empty", image("mask.nii.gz", np.zeros_like), "mask.nii.gz", "marks no voxel"),
    Case("mask all NaN", image("mask.nii.gz", lambda m: m * np.nan), "mask.nii.gz", "marks no voxel"),
    Case("mask outside the data", image("dwi.nii.gz", np.zeros_like), "mask.nii.gz", "covers no signal"),
    Case(
        "nothing at all and no mask", image("dwi.nii.gz", np.zeros_like), "dwi.nii.gz", "marks no voxel", {"mask": None}
    ),
    Case("a volume all NaN", image("dwi.nii.gz", fill((..., 4), np.nan)), "dwi.nii.gz", r"\[4\]"),
    Case("a volume all zero", image("dwi.nii.gz", fill((..., 8), 0)), "dwi.nii.gz", r"\[8\]"),
    Case("NaN in every voxel", image("dwi.nii.gz", checkered), "dwi.nii.gz", "NaN, infinite or missing"),
    Case("noise map of another shape", image("noise.nii.gz", lambda n: n[..., :2]), "noise.nii.gz", "5 x 6 x 2", NOISE),
    Case("noise map negative", image("noise.nii.gz", np.negative), "noise.nii.gz", "not positive", NOISE),
    Case("noise map with holes", image("noise.nii.gz", fill(2, np.nan)), "noise.nii.gz", "not positive", NOISE),
    Case("noise negative", lambda scan: None, "noise", "is -3, which is not", {"noise": -3}),
    Case("noise a mistyped word", lambda scan: None, "mpca", "nor such a way .*", {"noise": "mpca"}),
    Case("noise from one b = 0 volume", lambda scan: None, "noise", "there is one only", {"noise": Word("b0")}),
    Case(
        "noise of a scan too thin for windows",
        image("dwi.nii.gz", lambda data: data[:, :2, :1]),
        "noise",
        "no window",
        {"noise": Word("mppca"), "mask": None},
    ),
    Case("noise zero", lambda scan: None, "noise", "is 0, which is not", {"noise": 0}),
]


def arguments(scan, changes):
    """The arguments of a case, with file names made paths in its folder."""

    def in_folder(value):
        return scan / value if isinstance(value, str) and not isinstance(value, Word) else value

    return scan.arguments() | {key: in_folder(value) for key, value in changes.items()}
