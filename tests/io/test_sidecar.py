"""What stands beside an image: complete, readable by others, known for our own."""

import json
import platform
from importlib.metadata import version

import numpy as np
import pytest

from napari_smi_inr.io.json_text import parse_object, read_json
from napari_smi_inr.io.maps import MODEL, about, map_name, save_fod, save_map
from napari_smi_inr.io.sidecar import CONVENTIONS, PROGRAM, is_ours, versions, write_sidecar
from napari_smi_inr.parameters import PARAMETERS
from refusal import refused

MADE = {"GeneratedBy": {"Name": "napari-smi-inr", "Version": version("napari-smi-inr")}}


def test_it_says_what_it_was_told_who_made_it_and_its_conventions(tmp_path):
    path = write_sidecar(tmp_path / "map.nii.gz", {"Units": "µm²/ms", "Fit": {"seed": 3}})
    assert path == tmp_path / "map.json"
    text = path.read_bytes().decode("utf-8")
    assert json.loads(text) == {"Units": "µm²/ms", "Fit": {"seed": 3}, "Conventions": CONVENTIONS, **MADE}
    assert "µm²/ms" in text  # for people, too
    assert text.endswith("}\n")
    assert text.splitlines()[1].startswith('  "')


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_in_json_is_null(tmp_path, number):
    path = write_sidecar(tmp_path / "map.nii", {"snr": number, "list": [1.5, (number, {"deep": number})], 7: True})
    assert {key: value for key, value in read_json(path, "side-car").items() if key in ("snr", "list", "7")} == {
        "snr": None,
        "list": [1.5, [None, {"deep": None}]],
        "7": True,
    }


def test_versions_are_those_of_what_numbers_depend_on():
    assert versions() == {
        "python": platform.python_version(),
        **{name: version(name) for name in ("napari-smi-inr", "torch", "numpy")},
    }


@pytest.mark.parametrize(
    ("told", "ours"),
    [
        ({"GeneratedBy": {"Name": PROGRAM}}, True),
        ({"GeneratedBy": {"Name": "another"}}, False),
        ({"GeneratedBy": [{"Name": PROGRAM}]}, False),  # as a BIDS dataset has it, but no side-car of ours
        ({"Fit": {}, "Provenance": {}}, True),  # of before they named their maker
        ({"Fit": {}}, False),
        ({"Provenance": {}}, False),
        ({"GeneratedBy": {"Name": "another"}, "Fit": {}, "Provenance": {}}, True),
        ({}, False),
    ],
)
def test_our_own_are_known(told, ours):
    assert is_ours(told) is ours


class TestMaps:
    @pytest.mark.parametrize("name", ["di.nii.gz", "di.nii"])
    def test_a_map_says_what_it_shows_by_which_model_from_what(self, tmp_path, name):
        record = {"Fit": {"seed": 1}, "Protocol": {"Weak": ["De", "Dp"]}}
        path = save_map("Di", np.ones((2, 2, 2)), np.eye(4), tmp_path / "new" / name, record)
        assert path == tmp_path / "new" / name
        told = read_json(tmp_path / "new" / "di.json", "side-car")
        expected = {"Description": PARAMETERS["Di"].name, "Units": "µm²/ms", **MODEL, **record}
        assert told == {**expected, "Conventions": CONVENTIONS, **MADE}
        assert set(told["Model"]) == {"Description", "URL"}

    def test_a_parameter_that_the_protocol_hardly_constrains_is_marked(self):
        record = {"Protocol": {"Weak": ("De", "Dp")}}
        assert about(PARAMETERS["De"], record)["Caution"] == (
            "De is only weakly identified by this protocol; see Protocol."
        )
        for symbol, given in (("f", record), ("De", {}), ("De", {"Protocol": {}})):
            assert about(PARAMETERS[symbol], given) == {
                "Description": PARAMETERS[symbol].name,
                "Units": PARAMETERS[symbol].unit or "1",
            }
        assert about(PARAMETERS["f"], {})["Units"] == "1"

    def test_an_fod_says_all_that_another_program_needs_to_draw_it(self, tmp_path):
        path = save_fod(np.zeros((2, 2, 2, 28)), np.eye(4), tmp_path / "new" / "fod.nii", {"Fit": {"lmax": 6}})
        assert path == tmp_path / "new" / "fod.nii"
        assert read_json(tmp_path / "new" / "fod.json", "side-car") == {
            "Description": "fibre orientation distribution, real spherical harmonic coefficients",
            "Units": "1/sr",
            "OrientationEncoding": {  # BEP016
                "Type": "sh",
                "EncodingAxis": 3,
                "Reference": "xyz",
                "SphericalHarmonicBasis": "MRtrix3",
                "SphericalHarmonicDegree": 6,
                "AntipodalSymmetry": True,
            },
            **MODEL,
            "Fit": {"lmax": 6},
            "Conventions": CONVENTIONS,
            **MADE,
        }

    def test_names_are_those_of_bids(self):
        assert map_name("f") == "model-sm_param-f_dwimap.nii.gz"
        assert map_name("f", "sub-01") == "sub-01_model-sm_param-f_dwimap.nii.gz"
        assert map_name("di", "sub-01", "nlls") == "sub-01_model-sm_desc-nlls_param-di_dwimap.nii.gz"
        assert map_name("di", desc="smi") == "model-sm_desc-smi_param-di_dwimap.nii.gz"

    @pytest.mark.parametrize("n", [0, 2, 14, 16, 29])
    def test_as_many_coefficients_as_no_order_has_are_refused(self, tmp_path, n):
        with refused("fod", f"has {n} coefficients"):
            save_fod(np.zeros((1, 1, 1, n)), np.eye(4), tmp_path / "fod.nii", {})


class TestRecords:
    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("[1, 2]", r"is not readable as record \(it is no JSON object\)"),
            ("[" * 100_000, r"is not readable as record \(it is nested too deeply\)"),
            ('{"a": NaN}', r"is not readable as record \(NaN is no number in JSON\)"),
            ('{"a": ', r"is not readable as record \(Expecting value"),
        ],
    )
    def test_what_is_no_record_is_refused_with_the_reason(self, tmp_path, text, fault):
        (tmp_path / "r.json").write_text(text)
        with refused(tmp_path / "r.json", fault) as caught:
            read_json(tmp_path / "r.json", "record")
        assert "\n" not in caught.value.fault

    def test_depth_is_bounded(self, tmp_path):
        def nested(depth):
            return '{"a": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"

        (tmp_path / "r.json").write_text(nested(32))
        assert read_json(tmp_path / "r.json", "record")
        (tmp_path / "r.json").write_text(nested(34))
        with refused(tmp_path / "r.json", "nested too deeply"):
            read_json(tmp_path / "r.json", "record")

    def test_size_is_bounded(self, tmp_path):
        path = tmp_path / "r.json"
        path.write_bytes(b"{}" + b" " * ((1 << 24) - 2))
        assert read_json(path, "record") == {}
        path.write_bytes(b"{}" + b" " * ((1 << 24) - 1))
        with refused(path, "too large"):
            read_json(path, "record")

    def test_a_record_that_vanishes_or_cannot_be_read_is_told(self, tmp_path, monkeypatch):
        path = tmp_path / "r.json"
        path.write_text("{}")
        monkeypatch.setattr(type(path), "read_bytes", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with refused(path, "cannot be read: Input/output error"):
            read_json(path, "record")

    def test_text_that_would_command_a_terminal_is_replaced_in_keys_and_values_at_any_depth(self):
        found = parse_object('{"a\\u001b[2J": ["\\u202ex", {"b\\u0007": "c\\u0000\\n\\t"}], "n": NaN, "i": 3}')
        assert np.isnan(found.pop("n"))
        assert found == {"a\ufffd[2J": ["\ufffdx", {"b\ufffd": "c\ufffd\n\t"}], "i": 3}
