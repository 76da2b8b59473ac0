"""Ways to damage a file: anywhere, in a header's fields, in a text's numbers, around and inside its compression."""

import gzip
import struct
import zlib

import numpy as np

FIELDS = {  # of NIfTI-1: place and type
    "sizeof_hdr": (0, "<i4"),
    "dim": (40, "<i2", 8),
    "datatype": (70, "<i2"),
    "bitpix": (72, "<i2"),
    "pixdim": (76, "<f4", 8),
    "vox_offset": (108, "<f4"),
    "scl_slope": (112, "<f4"),
    "scl_inter": (116, "<f4"),
    "xyzt_units": (123, "u1"),
    "qform_code": (252, "<i2"),
    "sform_code": (254, "<i2"),
    "quatern": (256, "<f4", 3),
    "qoffset": (268, "<f4", 3),
    "srow": (280, "<f4", 12),
    "magic": (344, "<i4"),
    "extension": (348, "<i4"),
}
INTEGERS = (0, 1, 2, 3, 4, 5, 7, 8, 16, 32, 64, 128, 256, 511, 512, 768, 1024, 1536, 2048, 2304, 32767, -1, -5, -32768)
REALS = (0.0, 1.0, -1.0, 0.5, 2.0, 1e-12, 1e-40, 1e12, 3e38, -3e38, np.inf, -np.inf, np.nan, 352.0, 348.0, 1e9, 353.5)
WORDS = (
    *("nan", "inf", "-inf", "1e999", "1e-999", "0x10", "1_000", "--1", "1,5", "1;2", "", "#", "1" * 400, "9" * 5000),
    *("-0", "0", "1", "-1", "1e5", "1e9", "NULL", "١٢", "１", "\x00", "\x1b[2J", "1.", ".5", "+.5e+0", "true", "None"),
)


def mutate(rng, raw, form):
    """One damaged copy of ``raw``; ``form`` is "nii", "nii.gz", "text", "tensors", "mat" or "packed mat"."""
    if form == "nii.gz":
        if rng.random() < 0.5:
            return _compression(rng, raw)
        return gzip.compress(mutate(rng, gzip.decompress(raw), "nii"), compresslevel=1, mtime=0)
    if form == "packed mat":
        return _anywhere(rng, raw) if rng.random() < 0.5 else _repacked(mutate(rng, _unpacked(raw), "mat"))
    special = {"nii": _nifti_field, "mat": _mat_word, "text": _words, "tensors": _tensor_header}[form]
    damaged = raw
    for _ in range(1 + int(rng.random() < 0.2)):
        damaged = special(rng, damaged) if rng.random() < 0.4 else _anywhere(rng, damaged)
    return damaged


def _anywhere(rng, raw):
    return ANYWHERE[rng.integers(len(ANYWHERE))](rng, bytearray(raw))


def _place(rng, raw):
    """Half of the time among the first bytes, where headers are."""
    return int(rng.integers(max(1, len(raw) if rng.random() < 0.5 else min(len(raw), 400))))


def flip_bits(rng, raw):
    for _ in range(1 if rng.random() < 0.6 else rng.integers(2, 9)):
        if raw:
            raw[_place(rng, raw)] ^= 1 << rng.integers(8)
    return bytes(raw)


def set_byte(rng, raw):
    if raw:
        raw[_place(rng, raw)] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    return bytes(raw)


def truncate(rng, raw):
    return bytes(raw[: _place(rng, raw)])


def append(rng, raw):
    return bytes(raw) + rng.bytes(rng.integers(1, 40))


def overwrite(rng, raw):
    start, n = _place(rng, raw), int(rng.integers(1, 64))
    block = rng.bytes(n) if rng.random() < 0.5 else bytes(n)
    return bytes(raw[:start]) + block[: len(raw) - start] + bytes(raw[start + n :])


def splice(rng, raw):
    """A stretch from elsewhere, over or between."""
    start, of, n = _place(rng, raw), _place(rng, raw), int(rng.integers(1, 200))
    return bytes(raw[:start] + raw[of : of + n] + raw[start + (n if rng.random() < 0.5 else 0) :])


def delete(rng, raw):
    start = _place(rng, raw)
    return bytes(raw[:start] + raw[start + int(rng.integers(1, 64)) :])


ANYWHERE = (flip_bits, flip_bits, flip_bits, set_byte, truncate, append, overwrite, splice, delete)


def _nifti_field(rng, raw):
    """A field of the header set to something that is odd, or right in another file."""
    raw, (at, kind, *n) = bytearray(raw), list(FIELDS.values())[rng.integers(len(FIELDS))]
    dtype = np.dtype(kind)
    at += dtype.itemsize * int(rng.integers(n[0] if n else 1))
    if dtype.kind == "f":
        value = rng.choice(REALS) if rng.random() < 0.7 else rng.normal() * 10.0 ** rng.integers(-6, 7)
    else:
        value = rng.choice(INTEGERS)
    with np.errstate(over="ignore"):
        written = np.array(value).astype(dtype).tobytes()
    raw[at : at + len(written)] = written[: max(0, len(raw) - at)]
    return bytes(raw)


def _compression(rng, raw):
    """Damage to the compressed stream itself: its bits, its end, its parts, its depth."""
    how = rng.integers(6)
    if how == 0:  # two streams, one after the other
        return raw + gzip.compress(rng.bytes(20), mtime=0)
    if how == 1:  # cut in two streams: still the same content
        content = gzip.decompress(raw)
        middle = int(rng.integers(len(content)))
        return gzip.compress(content[:middle], mtime=0) + gzip.compress(content[middle:], mtime=0)
    if how == 2:  # a bomb behind the image
        return gzip.compress(gzip.decompress(raw) + bytes(1 << 20), mtime=0)
    if how == 3:  # another wrapping
        return [zlib.compress(gzip.decompress(raw)), gzip.compress(raw, mtime=0), gzip.decompress(raw)][rng.integers(3)]
    return _anywhere(rng, raw)


def _unpacked(raw):
    """A MATLAB file's one packed variable as it is."""
    return raw[:128] + zlib.decompress(raw[136:])


def _repacked(raw):
    packed = zlib.compress(raw[128:])
    return raw[:128] + struct.pack("<II", 15, len(packed)) + packed


def _mat_word(rng, raw):
    """A word of the book-keeping changed: a type, a length, a size, a class."""
    at = 4 * int(rng.integers(32, max(33, min(len(raw) // 4, 120))))
    value = int(
        rng.choice([0, 1, 2, 3, 5, 6, 7, 9, 11, 14, 15, 64, 2**16 + 1, 2**20, 2**27, 2**31, 2**32 - 8, 2**32 - 1])
    )
    return raw[:at] + struct.pack("<I", value) + raw[at + 4 :]


def _words(rng, raw):
    """A word, a line or the encoding of a text changed."""
    text = raw.decode("utf-8", "replace")
    how = rng.integers(7)
    if how == 0:
        codec = ("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "utf-7")[rng.integers(5)]
        return text.encode(codec, "replace")
    if how == 1:
        separator = (", ", ",", "\t", ";", "\r\n", "\n", "  ", "\x0b", "\u00a0")[rng.integers(9)]
        return text.replace(" ", separator).encode()
    if how == 2:
        return text.replace("\n", ("\r\n", "\r", "", " ", "\n\n")[rng.integers(5)]).encode()
    lines = text.split("\n")
    line = int(rng.integers(len(lines)))
    if how == 3:
        lines.insert(line, lines.pop(int(rng.integers(len(lines)))))
    elif how == 4:
        lines.pop(line)
    else:
        words = lines[line].split(" ")
        words[rng.integers(len(words))] = WORDS[rng.integers(len(WORDS))]
        lines[line] = " ".join(words)
    return "\n".join(lines).encode()


def _tensor_header(rng, raw):
    """A stretch of the JSON index changed, its length kept right or not."""
    if len(raw) < 9:
        return raw
    (n,) = struct.unpack("<Q", raw[:8])
    header, rest = raw[8 : 8 + min(n, len(raw))], raw[8 + min(n, len(raw)) :]
    changed = _words(rng, header) if rng.random() < 0.5 else _numbers(rng, header)
    length = len(changed) if rng.random() < 0.8 else (0, 1, n, 2**20, 2**31, 2**40, 2**63)[rng.integers(7)]
    return struct.pack("<Q", length) + changed + rest


def _numbers(rng, header):
    """A digit of the index changed: a shape, an offset, a setting."""
    digits = [place for place, byte in enumerate(header) if 48 <= byte <= 57]
    changed = bytearray(header)
    if digits:
        changed[digits[rng.integers(len(digits))]] = 48 + int(rng.integers(10))
    return bytes(changed)
