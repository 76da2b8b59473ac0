"""Files come back bit for bit; whatever else is opened is answered in words, and nothing in it runs."""

import json
import pickle
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import load, save, save_file

import napari_smi_inr as smi
from napari_smi_inr.errors import InputError
from napari_smi_inr.inr.field_file import FORMAT, FORMAT_VERSION, open_field
from napari_smi_inr.inr.tensor_file import checksum
from napari_smi_inr.io.json_text import parse_object
from napari_smi_inr.parameters import TABLE_VERSION

KEY = "napari_smi_inr"


@pytest.fixture(scope="module")
def saved(tiny_field, tmp_path_factory):
    path = tmp_path_factory.mktemp("fields") / "sub-01.smi.safetensors"
    tiny_field.save(path)
    return path


@pytest.fixture
def rewrite(saved, tmp_path):
    """Write the saved field with its header, or its tensors, tampered with, and sign it as if nothing had been."""

    def write(change_header=lambda header: None, change_tensors=lambda tensors: None, sign=True):
        raw = saved.read_bytes()
        (n,) = struct.unpack("<Q", raw[:8])
        header = json.loads(json.loads(raw[8 : 8 + n])["__metadata__"][KEY])
        tensors = load(raw)
        change_header(header)
        change_tensors(tensors)
        path = tmp_path / "changed.smi.safetensors"
        header.pop("sha256")
        if sign:
            header["sha256"] = checksum(tensors, parse_object(json.dumps(header)))
        path.write_bytes(save(tensors, metadata={KEY: json.dumps(header)}))
        return path

    return write


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        open_field(path, **options)
    assert caught.value.where == str(path)
    assert caught.value.fault
    assert caught.value.remedy
    return caught.value


class TestRoundTrip:
    def test_every_value_comes_back_to_the_bit(self, tiny_field, saved):
        field = open_field(saved)
        points = np.random.default_rng(0).uniform(-20, 20, (300, 3))
        np.testing.assert_array_equal(field.sample(points), tiny_field.sample(points))
        np.testing.assert_array_equal(field.evaluate(points)["fod"], tiny_field.evaluate(points)["fod"])
        np.testing.assert_array_equal(field.predict(points[:5]), tiny_field.predict(points[:5]))

    def test_everything_else_comes_back_too(self, tiny_field, saved):
        field = open_field(str(saved))
        np.testing.assert_array_equal(field.affine, tiny_field.affine)
        np.testing.assert_array_equal(field.mask, tiny_field.mask)
        for name in ("b", "b_delta", "directions"):
            np.testing.assert_array_equal(getattr(field.acquisition, name), getattr(tiny_field.acquisition, name))
        assert field.config == tiny_field.config
        assert (field.detail, field.scale, field.lmax) == (tiny_field.detail, tiny_field.scale, tiny_field.lmax)
        assert field.record == tiny_field.record
        assert field.quality == tiny_field.quality

    @pytest.mark.parametrize(
        "settings",
        [
            {"lmax": 0},
            {"lmax": 8},
            {"layers": 1},
            {"layers": 5, "share_hidden": True},
            {"held_out": 0.0, "start_from_data": False, "activation": "relu"},
        ],
    )
    def test_every_kind_of_network_comes_back(self, tiny_dataset, tmp_path, settings):
        field = smi.fit(tiny_dataset, **{"epochs": 2, "detail": 12.0, "width": 16, "features": 8, **settings})
        field.save(tmp_path / "field")
        again = open_field(tmp_path / "field")
        np.testing.assert_array_equal(again.fod_map(), field.fod_map())
        np.testing.assert_array_equal(again.maps()["f"], field.maps()["f"])
        if settings.get("share_hidden"):
            middle = [m for m in again.model.network.body if isinstance(m, torch.nn.Linear)][1:-1]
            assert all(m.weight.data_ptr() == middle[0].weight.data_ptr() for m in middle)

    def test_a_field_that_was_opened_can_be_saved_again(self, saved, tmp_path):
        open_field(saved).save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == saved.read_bytes()

    def test_the_file_is_plain_numbers_and_json(self, saved):
        raw = saved.read_bytes()
        (n,) = struct.unpack("<Q", raw[:8])
        index = json.loads(raw[8 : 8 + n])
        header = json.loads(index.pop("__metadata__")[KEY])
        assert header["format"] == FORMAT
        assert {entry["dtype"] for entry in index.values()} <= {"F32", "F64", "U8"}
        assert 8 + n + max(entry["data_offsets"][1] for entry in index.values()) == len(raw)

    def test_saving_replaces_a_file_whole(self, tiny_field, saved, tmp_path):
        path = tmp_path / "field"
        path.write_bytes(b"older")
        tiny_field.save(path)
        assert path.read_bytes() == saved.read_bytes()
        assert [p.name for p in tmp_path.iterdir()] == ["field"]


class TestSavingWhereOneCannot:
    @pytest.mark.parametrize("where", ["missing/field", "file/field", "folder", "x" * 300])
    def test_it_is_said_and_nothing_is_left_behind(self, tiny_field, tmp_path, where):
        (tmp_path / "file").write_text("in the way")
        (tmp_path / "folder").mkdir()
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(InputError, match="cannot be written") as caught:
            tiny_field.save(tmp_path / where)
        assert caught.value.where == str(tmp_path / where)
        assert sorted(tmp_path.rglob("*")) == before

    def test_an_older_field_survives_a_failed_save(self, tiny_field, saved, tmp_path, monkeypatch):
        path = tmp_path / "field"
        path.write_bytes(saved.read_bytes())

        def fail(source, target):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.replace", fail)
        with pytest.raises(InputError, match="No space left"):
            tiny_field.save(path)
        assert [p.name for p in tmp_path.iterdir()] == ["field"]
        assert path.read_bytes() == saved.read_bytes()


class TestOtherFiles:
    def test_a_missing_file(self, tmp_path):
        assert "no such file" in refusal(tmp_path / "nowhere.smi.safetensors").fault

    def test_a_folder(self, tmp_path):
        refusal(tmp_path)

    @pytest.mark.parametrize("share", [0.0, 1e-5, 2e-5, 3e-5, 1e-4, 0.001, 0.01, 0.3, 0.9, 0.99999])
    def test_a_file_cut_short(self, saved, tmp_path, share):
        raw = saved.read_bytes()
        path = tmp_path / "cut"
        path.write_bytes(raw[: int(share * len(raw))])
        refusal(path)

    def test_a_file_with_something_at_its_end(self, saved, tmp_path):
        path = tmp_path / "longer"
        path.write_bytes(saved.read_bytes() + b"\0")
        refusal(path)

    @pytest.mark.parametrize("seed", range(5))
    def test_random_bytes(self, tmp_path, seed):
        path = tmp_path / "noise"
        path.write_bytes(np.random.default_rng(seed).bytes(5000))
        refusal(path)

    @pytest.mark.parametrize("text", ["", "hello\n", "{}", "\x1f\x8b"])
    def test_text(self, tmp_path, text):
        path = tmp_path / "text"
        path.write_text(text)
        refusal(path)

    @pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
    def test_a_safetensors_file_of_something_else(self, tmp_path, metadata):
        save_file({"weight": torch.ones(3)}, tmp_path / "model.safetensors", metadata=metadata)
        assert "holds no field" in refusal(tmp_path / "model.safetensors").fault

    def test_a_pickle_is_refused_and_does_not_run(self, tmp_path):
        class Trap:
            def __reduce__(self):
                return (open, (str(tmp_path / "sprung"), "w"))

        path = tmp_path / "field"
        path.write_bytes(pickle.dumps(Trap()))
        refusal(path)
        torch.save({"weights": Trap()}, path)
        refusal(path)
        assert not (tmp_path / "sprung").exists()


class TestDamage:
    def test_an_untouched_rewrite_opens(self, rewrite, tiny_field):
        np.testing.assert_array_equal(open_field(rewrite()).fod_map(), tiny_field.fod_map())

    @pytest.mark.parametrize(("name", "known"), [("version", FORMAT_VERSION), ("parameter_table", TABLE_VERSION)])
    def test_a_file_from_the_future_asks_for_an_update(self, rewrite, name, known):
        error = refusal(rewrite(lambda header: header.update({name: known + 1})))
        assert "newer" in error.fault
        assert "Update" in error.remedy

    def test_another_format_is_named(self, rewrite):
        assert "'spline'" in refusal(rewrite(lambda header: header.update(format="spline"))).fault

    @pytest.mark.parametrize(
        "name", ["format", "version", "parameter_table", "config", "detail", "scale", "record", "training"]
    )
    def test_a_header_with_something_missing(self, rewrite, name):
        refusal(rewrite(lambda header: header.pop(name)))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *[(name, value) for name in ("version", "config", "detail", "scale", "record") for value in (None, "x")],
            *[(name, value) for name in ("detail", "scale") for value in (0, -1, float("nan"), float("inf"))],
        ],
    )
    def test_a_header_that_makes_no_sense(self, rewrite, name, value):
        refusal(rewrite(lambda header: header.update({name: value})))

    @pytest.mark.parametrize("text", ["{", "[]", "null", "3", "[" * 100_000])
    def test_a_header_that_is_no_header(self, saved, tmp_path, text):
        path = tmp_path / "field"
        path.write_bytes(save(load(saved.read_bytes()), metadata={KEY: text}))
        refusal(path)

    @pytest.mark.parametrize(
        "settings",
        [
            {"lmax": 4},
            {"lmax": 3},
            {"width": 64},
            {"width": 10**9},
            {"features": 10**9},
            {"layers": 1},
            {"layers": 10**9},
            {"unheard": 1},
        ],
    )
    def test_settings_that_do_not_fit_the_weights(self, rewrite, settings):
        refusal(rewrite(lambda header: header["config"].update(settings)))

    def test_any_tensor_missing(self, rewrite, saved):
        for name in load(saved.read_bytes()):
            refusal(rewrite(change_tensors=lambda tensors, name=name: tensors.pop(name)))

    @pytest.mark.parametrize("change", [lambda t: t.flatten()[:-1].clone(), lambda t: t.double() * torch.nan])
    def test_any_tensor_cut_or_not_a_number(self, rewrite, saved, change):
        for name in load(saved.read_bytes()):
            refusal(rewrite(change_tensors=lambda tensors, name=name: tensors.update({name: change(tensors[name])})))

    def test_a_single_changed_bit_is_found_out_wherever_it_is(self, saved, tmp_path):
        rng, path = np.random.default_rng(1), tmp_path / "field"
        for _ in range(60):
            raw = bytearray(saved.read_bytes())
            raw[rng.integers(2000, len(raw))] ^= 1 << rng.integers(8)
            path.write_bytes(raw)
            assert "changed since" in refusal(path).fault

    def test_the_checksum_cannot_be_left_out(self, rewrite):
        assert "checksum is missing" in refusal(rewrite(sign=False)).fault

    def test_a_field_of_version_1_opens_with_a_word_and_is_saved_with_a_checksum(self, rewrite, tiny_field, tmp_path):
        field = open_field(rewrite(lambda header: header.update(version=1), sign=False))
        np.testing.assert_array_equal(field.fod_map(), tiny_field.fod_map())
        assert "without a checksum" in field.record["notes"][-1]
        field.save(tmp_path / "again")
        assert open_field(tmp_path / "again").record == field.record
        assert b"sha256" in (tmp_path / "again").read_bytes()

    @pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m", "a\x00b", "\u202egnp.exe", "\udc80"])
    def test_text_that_would_command_a_terminal_does_not_reach_it(self, rewrite, text):
        field = open_field(rewrite(lambda header: header["record"]["notes"].append(text)))
        assert field.record["notes"][-1] == text.translate(dict.fromkeys(map(ord, "\x1b\x9b\0\u202e\udc80"), "\ufffd"))

    @pytest.mark.parametrize(
        "story",
        [{"epochs": "x"}, {"held_out_volumes": 5}, {"held_out_volumes": [1000]}, {"rmse": []}, {"held_out_rmse": {}}],
    )
    def test_a_story_of_training_that_cannot_be(self, rewrite, story):
        refusal(rewrite(lambda header: header["training"].update(story)))

    def test_a_small_file_cannot_ask_for_a_large_network(self, rewrite):
        def widen(tensors):
            tensors["model.network.heads.weight"] = torch.zeros(10, 10_000)
            tensors["model.encoding.frequencies"] = torch.zeros(3, 50_000)

        refusal(rewrite(lambda header: header["config"].update(width=10_000, features=50_000, layers=64), widen))

    def test_tensors_too_many(self, rewrite):
        refusal(rewrite(change_tensors=lambda tensors: tensors.update({"model.extra": torch.ones(1)})))

    def test_a_protocol_out_of_range(self, rewrite):
        error = refusal(rewrite(change_tensors=lambda tensors: tensors["protocol.b_delta"].fill_(2.0)))
        assert "b_delta" in error.fault

    def test_flipped_bits_never_do_worse_than_a_refusal(self, saved, tmp_path):
        rng, path = np.random.default_rng(0), tmp_path / "field"
        for _ in range(40):
            raw = bytearray(saved.read_bytes())
            raw[rng.integers(0, 3000)] ^= 1 << rng.integers(8)
            path.write_bytes(raw)
            try:
                open_field(path)
            except InputError as error:
                assert error.where == str(path)  # noqa: PT017 (either outcome is sound)

    def test_a_device_that_is_not_there_is_no_fault_of_the_file(self, saved):
        with pytest.raises(InputError) as caught:
            open_field(saved, device="gpu")
        assert caught.value.where == "device"
