"""What is asked of other programs and of torch: answers, refusals, silence."""

import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from napari_smi_inr.doctor import display, hardware

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs are scripts of the shell here")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a script in the way of a program."""

    def put(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    return put


def test_a_driver_is_asked_by_its_own_program(program):
    assert hardware.nvidia_driver() is None  # there is none
    row = "echo '590.44.01, NVIDIA T4, 15360, 1000'"
    program("nvidia-smi", f"[ $# -gt 0 ] && {row} || echo '| CUDA Version: 12.4 |'")
    found = hardware.nvidia_driver()
    assert (found.version, found.cuda, found.cards[0].name) == ("590.44.01", "12.4", "NVIDIA T4")
    program("nvidia-smi", f"{row}; exit 9")  # it says so where it fails, too
    assert hardware.nvidia_driver() is None


def test_a_program_that_never_answers_is_given_up(program, monkeypatch):
    monkeypatch.setattr(hardware, "_PATIENCE", 0.2)
    program("nvidia-smi", "while :; do :; done")
    assert hardware.nvidia_driver() is None


@pytest.mark.parametrize(("said", "translated"), [("echo 1", True), ("echo 0", False), ("exit 1", False)])
def test_python_for_intel_on_an_apple_processor(program, monkeypatch, said, translated):
    program("sysctl", said)
    assert not hardware.is_translated()  # no Mac at all
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert hardware.is_translated() is translated


@pytest.mark.parametrize("full", [False, True])
def test_torch_tells_of_each_card_also_of_one_without_memory_left(monkeypatch, full):
    def memory(index):
        if full:
            raise RuntimeError("CUDA error: out of memory")
        return 3e9, 8e9

    stand_ins = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "get_device_name": lambda index: "NVIDIA T4",
        "mem_get_info": memory,
        "get_device_properties": lambda index: SimpleNamespace(total_memory=8e9),
    }
    for name, answer in stand_ins.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    (card,) = hardware.installed_torch().cards
    assert (card.name, card.memory, card.free) == ("NVIDIA T4", 8.0, 0.0 if full else 3.0)


def test_a_torch_that_cannot_be_loaded_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    found = hardware.installed_torch()
    assert found.version == ""
    assert "torch" in found.problem


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ("pass", ""),
        ("raise SystemExit('\\nqt.qpa.plugin: no xcb\\n')", "Qt cannot start (qt.qpa.plugin: no xcb)."),
        ("raise SystemExit(3)", "Qt cannot start (exit code 3)."),
    ],
)
def test_what_keeps_a_window_from_opening(monkeypatch, probe, said):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(display, "_PROBE", probe)
    assert display.why_no_window() == said


def test_a_qt_that_hangs_is_given_up(monkeypatch):
    def hang(*_, timeout, **__):
        raise subprocess.TimeoutExpired("python", timeout)

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(subprocess, "run", hang)
    assert display.why_no_window() == "Qt did not start within 60 s."


def test_no_window_without_napari_or_a_display(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if sys.platform == "linux":
        assert display.why_no_window() == "there is no display."
    monkeypatch.setattr(display, "find_spec", lambda name: None)
    assert "napari is not installed" in display.why_no_window()
