"""The questions that are put to the machine, and the check of its devices."""

import json

import pytest
import torch
from typer.testing import CliRunner

from napari_smi_inr.cli import app
from napari_smi_inr.doctor import examination, hardware
from napari_smi_inr.doctor.self_check import TOLERANCE, check_device, check_devices
from napari_smi_inr.doctor.software import missing_of_extras, tried_folder
from napari_smi_inr.estimation.device import device_names

SMI_ROWS = "590.44.01, NVIDIA RTX A2000, 12282, 11600\n590.44.01, NVIDIA T4, 15360, 1000\n"


def test_what_nvidia_smi_says_of_cards():
    (version, first), (_, second) = hardware.parse_cards(SMI_ROWS)
    assert version == "590.44.01"
    assert (first.name, second.name) == ("NVIDIA RTX A2000", "NVIDIA T4")
    assert first.memory == pytest.approx(12.88, abs=0.01)
    assert second.free == pytest.approx(1.05, abs=0.01)


@pytest.mark.parametrize("text", ["", "No devices were found", "Failed to initialize NVML: Driver/library mismatch"])
def test_what_else_nvidia_smi_may_say(text):
    assert hardware.parse_cards(text) == []


@pytest.mark.parametrize("head", ["CUDA Version: 12.4 ", "CUDA UMD Version: 13.1"])
def test_a_driver_tells_its_cuda(monkeypatch, head):
    monkeypatch.setattr(hardware, "_answer", lambda *command: SMI_ROWS if len(command) > 1 else f"| {head} |")
    found = hardware.nvidia_driver()
    assert found.cuda in ("12.4", "13.1")
    assert len(found.cards) == 2


def test_a_card_on_the_bus_without_its_driver(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "_PCI", tmp_path)
    assert not hardware.has_nvidia_card()
    for name, vendor, kind in [("00", "0x8086", "0x030000"), ("01", "0x10de", "0x040300")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(vendor)
        (tmp_path / name / "class").write_text(kind)
    assert not hardware.has_nvidia_card()  # Intel's graphics, and the sound of an NVIDIA card
    (tmp_path / "01" / "class").write_text("0x030200")
    assert hardware.has_nvidia_card()


def test_extras_are_read_from_the_metadata():
    needed = [
        "numpy>=2.0",
        'matplotlib>=3.9; extra == "figures"',
        'napari-smi-inr[figures]; extra == "experiments"',
        'no-such-package>=1; extra == "experiments"',
        'napari-smi-inr[experiments,figures]; extra == "all"',
        'napari[pyqt6]>=0.9; python_version >= "3.11" and extra == "all"',
    ]
    assert missing_of_extras(needed) == {
        "figures": (),
        "experiments": ("no-such-package",),
        "all": ("no-such-package",),
    }
    assert {"all", "pyside", "figures", "experiments", "movie"} <= set(missing_of_extras())


def test_folders_are_tried_and_left_as_they_were(tmp_path):
    wanted = tmp_path / "not" / "yet" / "there"
    assert tried_folder("fits", wanted).problem == ""
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    assert tried_folder("fits", tmp_path / "file" / "below").problem


def test_every_device_here_agrees_with_double_precision():
    checks = check_devices()
    assert [check.device for check in checks] == list(device_names())
    for check in checks:
        assert 0 < check.error < TOLERANCE, check


def test_the_check_leaves_chance_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    check_device("cpu")
    assert torch.equal(torch.rand(4), expected)


def test_a_device_that_is_not_there_cannot_compute():
    check = check_device("hpu" if torch.cuda.is_available() else "cuda")
    assert check.error is None
    assert check.problem


def test_a_device_that_gives_no_numbers_fails(monkeypatch):
    from napari_smi_inr.doctor import self_check

    monkeypatch.setattr(self_check, "_values", lambda model, points: points / 0 * 0)
    assert check_device("cpu").problem == "it gives numbers that are none"


class TestProgram:
    def test_it_tells_of_this_machine(self):
        result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
        assert f"  torch            {torch.__version__}, built for " in result.output
        assert "double precision" in result.output
        assert max(map(len, result.output.splitlines())) <= 120

    def test_as_json_for_programs(self):
        result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)
        told = json.loads(result.output, parse_constant=pytest.fail)
        assert told["facts"]["torch"]["version"] == torch.__version__
        assert result.exit_code == (0 if told["sound"] else 1)

    def test_what_is_broken_ends_it_with_1(self, monkeypatch, machine):
        from napari_smi_inr.doctor.facts import Check

        monkeypatch.setattr(examination, "gather", lambda: machine(checks=(Check("cuda:0", 0.1),)))
        result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
        assert result.exit_code == 1
        assert "Broken: cuda:0: differs from double precision" in " ".join(result.output.split())
