"""Every reader: what was written comes back, and whatever else it is given it reads or refuses, and never fails."""

import gzip
import json
import math
import struct

import nibabel as nib
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.io import savemat

from fuzz.kinds import KINDS, field, make
from fuzz.mutations import mutate
from napari_smi_inr.cli.options import setting_value
from napari_smi_inr.errors import InputError
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.field_file import open_field
from napari_smi_inr.io.b_tensor_table import ORDERS, read_b_tensors
from napari_smi_inr.io.fsl_axes import fsl_to_scanner, scanner_to_fsl
from napari_smi_inr.io.gradients import read_gradients
from napari_smi_inr.io.json_text import read_json
from napari_smi_inr.io.maps import write_sidecar
from napari_smi_inr.io.nifti import open_image, read_volumes, write_image
from napari_smi_inr.io.noise import parse_noise
from napari_smi_inr.io.scan import load_scan
from napari_smi_inr.io.stream import stream_image
from properties import EXAMPLES, for_all
from scan_files import affine_of, small_dataset, turned

FLOATS32 = st.floats(width=32)
UNIT = arrays.arrays(np.float64, 3, elements=st.floats(-1, 1)).filter(lambda v: np.linalg.norm(v) > 0.1)
AFFINES = st.builds(
    lambda axis, angle, flips, edges, origin: affine_of(turned(axis, angle), flips, edges, origin),
    UNIT,
    st.floats(-180, 180),
    st.tuples(*[st.sampled_from((-1, 1))] * 3),
    st.tuples(*[st.floats(0.05, 20)] * 3),
    st.tuples(*[st.floats(-500, 500)] * 3),
)
IMAGES = arrays.arrays(np.float32, arrays.array_shapes(min_dims=3, max_dims=4, max_side=4), elements=FLOATS32)


def json_of(numbers):
    return st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | numbers | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )


JSON = json_of(st.floats(allow_nan=False))
STRICT_JSON = json_of(st.floats(allow_nan=False, allow_infinity=False))  # as side-cars are
JUNK = st.binary(max_size=600)
TABLE_TEXT = st.text(st.sampled_from("0123456789.,-+eEnaif#x_; \t\r\n\x00\x0b\x1bµ１"), max_size=200)


def read_or_refused(read):
    """None where an InputError says that the input is of no use."""
    try:
        return read()
    except InputError as error:
        told = error.fault, error.remedy
    assert all(sentence.endswith((".", "?")) for sentence in told)
    return None


def tamed(value):
    """What JSON keeps of a value, apart from what a terminal would obey."""
    from napari_smi_inr.io.json_text import parse_object

    return parse_object(json.dumps({"value": value}))["value"]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@EXAMPLES
def test_an_image_comes_back_to_the_bit_and_in_its_place(tmp_path, ending, examples):
    path = tmp_path / f"image{ending}"

    @for_all(examples, IMAGES, AFFINES)
    def holds(values, affine):
        write_image(path, values, affine)
        image = open_image(path, "image")
        np.testing.assert_array_equal(read_volumes(image), values)
        np.testing.assert_allclose(image.affine, affine, rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(nib.load(path).affine, image.affine)


@EXAMPLES
def test_an_image_written_piece_by_piece_is_the_same_image(tmp_path, examples):
    @for_all(examples, IMAGES.filter(lambda values: values.ndim == 3), AFFINES, st.integers(1, 9))
    def holds(values, affine, length):
        flat = values.ravel(order="F")
        path = tmp_path / "streamed.nii.gz"
        stream_image(path, values.shape, affine, (flat[i : i + length] for i in range(0, len(flat), length)))
        write_image(tmp_path / "whole.nii.gz", values, affine)
        np.testing.assert_array_equal(read_volumes(open_image(path, "image")), values)
        whole = open_image(tmp_path / "whole.nii.gz", "image")
        np.testing.assert_array_equal(open_image(path, "image").affine, whole.affine)


@EXAMPLES
def test_directions_survive_the_way_to_fsl_and_back(examples):
    @for_all(examples, UNIT, AFFINES)
    def holds(direction, affine):
        unit = direction[None] / np.linalg.norm(direction)
        np.testing.assert_allclose(fsl_to_scanner(scanner_to_fsl(unit, affine), affine), unit, atol=1e-9)


@EXAMPLES
def test_a_protocol_comes_back_number_by_number(tmp_path, examples):
    b = st.lists(st.floats(0, 5), min_size=1, max_size=6)
    spelling = st.sampled_from(["{!r}", "{:.17g}", "{:.16e}", "{:+.17f}"])

    @for_all(examples, b, st.floats(-0.5, 1), UNIT, spelling, st.sampled_from([" ", "\t", ",", "\n", "\r\n"]))
    def holds(more, shape, direction, spell, between):
        b = np.array([0.0, 1.0, 2.0, *more])
        unit = direction / np.linalg.norm(direction)
        shapes = np.full(len(b), shape)
        write = {"bval": b, "bdelta": shapes}
        for name, numbers in write.items():
            (tmp_path / f"dwi.{name}").write_bytes(between.join(spell.format(float(x)) for x in numbers).encode())
        rows = [" ".join(repr(float(x)) for x in np.full(len(b), axis)) for axis in unit]
        (tmp_path / "dwi.bvec").write_text("\n".join(rows))
        read = read_gradients(tmp_path / "dwi.nii", len(b), np.eye(4)).acquisition
        np.testing.assert_allclose(read.b, b, rtol=1e-15, atol=1e-16)
        np.testing.assert_allclose(read.b_delta, shapes, rtol=1e-15, atol=1e-16)
        np.testing.assert_allclose(read.directions, np.tile(unit * [-1, 1, 1], (len(b), 1)), atol=1e-12)


@EXAMPLES
def test_a_field_comes_back_with_whatever_its_record_says(tmp_path, examples):
    made = field(small_dataset(shape=(4, 3, 3)))
    weights = made.model.network.heads.weight

    @for_all(examples, st.dictionaries(st.text(), JSON, max_size=3), st.floats(-1e6, 1e6, width=32))
    def holds(record, weight):
        weights.view(-1)[0] = weight
        object.__setattr__(made, "record", {key: v for key, v in record.items() if key not in ("notes", "inputs")})
        made.save(tmp_path / "field")
        read = open_field(tmp_path / "field")
        assert read.record == {tamed(key): tamed(value) for key, value in made.record.items()}
        assert float(read.model.network.heads.weight.view(-1)[0]) == weight
        np.testing.assert_array_equal(read.mask, made.mask)


@EXAMPLES
def test_a_side_car_comes_back(tmp_path, examples):
    @for_all(examples, st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), STRICT_JSON, max_size=4))
    def holds(record):
        path = write_sidecar(tmp_path / "map.nii.gz", json.loads(json.dumps(record, ensure_ascii=True)))
        read = read_json(path, "side-car")
        added = {key: read[key] for key in ("Conventions", "GeneratedBy")}
        plain = json.loads(json.dumps(record), parse_constant=lambda _: None)  # what is no number is null
        assert read == tamed(plain) | added


@pytest.mark.parametrize("kind", ["bval", "bvec", "bdelta"])
@EXAMPLES
def test_any_text_is_a_gradient_table_or_is_refused(scan, kind, examples):
    affine = small_dataset().affine

    @for_all(examples, JUNK | TABLE_TEXT.map(str.encode) | TABLE_TEXT.map(lambda text: text.encode("utf-16")))
    def holds(content):
        (scan / f"dwi.{kind}").write_bytes(content)
        read = read_or_refused(lambda: read_gradients(scan.dwi, 11, affine))
        assert read is None or np.isfinite(read.acquisition.b).all()


@pytest.mark.parametrize("name", ["dwi.btens", "dwi.b", "dwi_xps.mat"])
@EXAMPLES
def test_any_bytes_are_a_whole_protocol_or_are_refused(scan, name, examples):
    affine = small_dataset().affine
    savemat(scan / "sound.mat", {"xps": {"b": np.ones((11, 1))}})
    head = (scan / "sound.mat").read_bytes() if name.endswith(".mat") else b""

    @for_all(examples, st.integers(0, len(head)), JUNK | TABLE_TEXT.map(str.encode))
    def holds(start, junk):
        (scan / name).write_bytes(head[:start] + junk)
        read = read_or_refused(lambda: read_gradients(scan.dwi, 11, affine, gradients=scan / name))
        assert read is None or np.isfinite(read.acquisition.b).all()


@EXAMPLES
def test_b_tensors_come_back_in_every_order(tmp_path, examples):
    shapes = st.lists(st.floats(-0.5, 1), min_size=4, max_size=8)

    @for_all(examples, shapes, st.integers(0, 2**32), st.sampled_from(list(ORDERS)), st.sampled_from([1, 1e3, 1e9]))
    def holds(b_delta, seed, order, unit):
        u = np.random.default_rng(seed).normal(size=(len(b_delta) + 3, 3))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        shape = np.array([1.0, 1.0, 1.0, *b_delta])[:, None, None]  # three linear ones leave no doubt about the order
        tensors = 2 * ((1 - shape) / 3 * np.eye(3) + shape * u[:, :, None] * u[:, None, :])
        places, factor = ORDERS[order]
        six = np.empty((len(u), 6))
        six[:, places] = tensors[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]] / [1, 1, 1, *[factor] * 3]
        np.savetxt(tmp_path / "dwi.btens", unit * six, fmt="%.17g")
        table = read_b_tensors(tmp_path / "dwi.btens", len(u))
        np.testing.assert_allclose(table.b, 2, rtol=1e-9)
        np.testing.assert_allclose(table.b_delta, shape[:, 0, 0], atol=1e-7)


@EXAMPLES
def test_any_bytes_are_an_image_or_are_refused(tmp_path, examples):
    sound = bytes(nib.Nifti1Image(np.ones((2, 2, 2), np.float32), np.eye(4)).to_bytes())

    @for_all(examples, JUNK, st.integers(0, len(sound)), st.booleans(), st.booleans())
    def holds(junk, start, packed, named):
        content = sound[:start] + junk + sound[start + len(junk) :]
        path = tmp_path / ("image.nii.gz" if named else "image.nii")
        path.write_bytes(gzip.compress(content, 1) if packed else content)
        read_or_refused(lambda: read_volumes(open_image(path, "image")))


@EXAMPLES
def test_any_bytes_are_a_field_or_are_refused(tmp_path, examples):
    @for_all(examples, JUNK, st.integers(0, 2**64 - 1) | st.none(), JSON)
    def holds(junk, length, header):
        text = json.dumps(header).encode()
        content = junk if length is None else struct.pack("<Q", min(length, len(text))) + text + junk
        (tmp_path / "field").write_bytes(content)
        assert read_or_refused(lambda: open_field(tmp_path / "field")) is None


@EXAMPLES
def test_any_bytes_are_a_record_or_are_refused(tmp_path, examples):
    @for_all(examples, JUNK | JSON.map(lambda value: json.dumps(value).encode()))
    def holds(content):
        (tmp_path / "record.json").write_bytes(content)
        read = read_or_refused(lambda: read_json(tmp_path / "record.json", "record"))
        assert read is None or isinstance(read, dict)


@EXAMPLES
def test_any_words_are_settings_or_are_refused(examples):
    names = st.sampled_from([*FitConfig.model_fields, "unheard"])

    @for_all(examples, st.dictionaries(names, JSON | st.text().map(setting_value), max_size=4))
    def holds(given):
        config = read_or_refused(lambda: FitConfig.checked(**given))
        if config is not None:
            assert FitConfig.checked(**json.loads(config.model_dump_json())) == config


@EXAMPLES
def test_any_word_is_a_noise_level_or_the_name_of_a_file(scan, examples):
    @for_all(examples, st.text(st.characters(exclude_categories=["Cs"])))
    def holds(text):
        noise = parse_noise(text)
        read_or_refused(lambda: load_scan(scan.dwi, noise=noise))
        assert not isinstance(noise, float) or math.isnan(noise) or noise == float(text.strip())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@EXAMPLES
def test_any_damage_to_a_sound_file_is_survived(tmp_path, kind, examples):
    make(tmp_path)
    sound = (tmp_path / kind.file).read_bytes()
    assert kind.read(tmp_path)  # or the refusals below would say nothing

    @for_all(examples, st.integers(0, 2**60))
    def holds(seed):
        (tmp_path / kind.file).write_bytes(mutate(np.random.default_rng(seed), sound, kind.form))
        read_or_refused(lambda: kind.read(tmp_path))
