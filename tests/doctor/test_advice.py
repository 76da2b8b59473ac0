"""From facts to advice: every state of torch, driver, memory and window that users have written about."""

import dataclasses

import pytest

from napari_smi_inr.doctor.advice import Level, advise
from napari_smi_inr.doctor.facts import Card, Check, Folder, Torch
from napari_smi_inr.doctor.report import report
from napari_smi_inr.doctor.self_check import TOLERANCE

from .conftest import CARD, CPU_BUILD, CUDA_BUILD, driver, window

INSTALL = "python -m pip install --force-reinstall torch"
WHEELS = f"{INSTALL} --index-url https://download.pytorch.org/whl/"
MPS_BUILD = Torch("2.13.0", mps_built=True, mps=True)
MAC = {"system": "Darwin", "machine": "arm64", "torch": MPS_BUILD}


def only(facts):
    (advice,) = advise(facts)
    return advice


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"torch": dataclasses.replace(CUDA_BUILD, cards=(CARD,)), "driver": driver()},
        {"torch": CUDA_BUILD},  # as the package index gives it on Linux, with or without a card
        MAC,
        {"system": "Windows", "machine": "AMD64"},
    ],
    ids=["processor only", "card in use", "build for cards without a card", "Apple", "Windows"],
)
def test_a_sound_machine_needs_no_advice(machine, changes):
    assert advise(machine(**changes)) == ()


@pytest.mark.parametrize(("cuda", "build"), [("13.1", "cu130"), ("12.4", "cu126"), ("14.0", "cu130"), ("", "cu130")])
def test_a_card_beside_a_torch_for_the_processor_gets_the_build_its_driver_runs(machine, cuda, build):
    advice = only(machine(driver=driver(cuda)))
    assert advice.level is Level.WARNING
    assert "NVIDIA RTX A2000: not used, as this torch was built for the processor only." in advice.text
    assert advice.command == WHEELS + build


def test_a_driver_too_old_for_any_build_is_to_be_updated(machine):
    advice = only(machine(driver=driver("11.4", "470.256.02")))
    assert "470.256.02 is too old" in advice.text
    assert "CUDA 12" in advice.remedy
    assert not advice.command


def test_a_driver_too_old_for_this_build_may_be_updated_or_another_build_taken(machine):
    advice = only(machine(torch=CUDA_BUILD, driver=driver("12.2", "535.183.01")))
    assert "built for CUDA 13.0, the driver 535.183.01 runs CUDA up to 12.2" in advice.text
    assert advice.command == WHEELS + "cu126"


def test_a_driver_that_answers_for_a_card_that_torch_does_not_find(machine):
    advice = only(machine(torch=CUDA_BUILD, driver=driver()))
    assert "torch finds no card" in advice.text
    assert "Restart" in advice.remedy


@pytest.mark.parametrize("value", ["", "-1"])
def test_a_hidden_card_is_no_fault(machine, value):
    advice = only(machine(torch=CUDA_BUILD, driver=driver(), hidden_cards=value))
    assert advice.level is Level.HINT
    assert f"CUDA_VISIBLE_DEVICES is {value!r}" in advice.text


def test_a_card_without_a_driver(machine):
    advice = only(machine(undriven_card=True))
    assert advice.level is Level.HINT
    assert "Install NVIDIA's driver" in advice.remedy


def test_torch_for_amd_beside_an_nvidia_card(machine):
    assert "built for ROCm 6.4" in only(machine(torch=Torch("2.13.0", rocm="6.4"), driver=driver())).text


def test_a_torch_that_cannot_be_loaded_is_broken(machine):
    advice = only(machine(torch=Torch("", "libcudnn.so.9: cannot open shared object file"), checks=()))
    assert advice.level is Level.BROKEN
    assert "libcudnn.so.9" in advice.text
    assert advice.command == INSTALL


class TestApple:
    def test_python_for_intel_is_translated(self, machine):
        advice = only(machine(**MAC | {"machine": "x86_64", "translated": True, "torch": CPU_BUILD}))
        assert "translated" in advice.text
        assert "arm64" in advice.remedy

    def test_an_old_macos(self, machine):
        assert only(machine(**MAC | {"torch": Torch("2.13.0", mps_built=True)})).remedy == "Update macOS."

    def test_a_torch_without_its_graphics(self, machine):
        assert only(machine(**MAC | {"torch": CPU_BUILD})).command == INSTALL

    def test_an_intel_mac_is_as_it_is(self, machine):
        assert advise(machine(**MAC | {"machine": "x86_64", "torch": CPU_BUILD})) == ()


class TestChecks:
    def test_a_device_that_computes_wrongly_is_broken_and_avoided(self, machine):
        advice = only(machine(checks=(Check("cpu", 1e-7), Check("cuda:0", 3e-3))))
        assert advice.level is Level.BROKEN
        assert (
            advice.text == "cuda:0: differs from double precision by 3.0e-03 of a range, and not by less than 0.0001."
        )
        assert "--device cpu" in advice.remedy

    def test_a_device_that_cannot_compute_is_broken(self, machine):
        problem = "no kernel image is available for execution on the device."
        assert "no kernel image is available" in only(machine(checks=(Check("cuda:0", None, problem),))).text

    def test_a_processor_that_computes_wrongly_has_a_bad_torch(self, machine):
        assert only(machine(checks=(Check("cpu", 2 * TOLERANCE),))).command == INSTALL


class TestMemory:
    def test_little_on_the_card(self, machine):
        full = dataclasses.replace(CUDA_BUILD, cards=(Card("NVIDIA A100", 42.3, 0.4),))
        advice = only(machine(torch=full, driver=driver()))
        assert advice.text == "NVIDIA A100 has 0.4 GB free of 42.3."

    def test_little_in_the_machine(self, machine):
        assert only(machine(free=1.2)).text.startswith("1.2 GB of memory are free.")


class TestWindow:
    def test_without_napari_all_else_works(self, machine):
        advice = only(machine(window=window(napari="", bindings={}, problem="napari is not installed.")))
        assert advice.level is Level.HINT
        assert advice.command == 'python -m pip install "napari-smi-inr[all]"'

    def test_napari_without_qt_is_broken(self, machine):
        assert only(machine(window=window(bindings={}, problem="Qt cannot start."))).level is Level.BROKEN

    def test_a_variable_that_asks_for_another_qt(self, machine):
        advice = only(machine(window=window(asked="pyside6", problem="Qt cannot start.")))
        assert advice.level is Level.BROKEN
        assert "QT_API asks for pyside6, which is not installed; there is PyQt6." in advice.text

    def test_a_server_without_a_display_is_sound(self, machine):
        assert only(machine(window=window(display=False, problem="there is no display."))).level is Level.HINT

    def test_qt_that_lacks_a_library_on_a_display_is_broken(self, machine):
        problem = "Qt cannot start (libEGL.so.1: cannot open shared object file)."
        advice = only(machine(window=window(problem=problem)))
        assert advice.level is Level.BROKEN
        assert "libEGL.so.1" in advice.text

    def test_a_qt_that_is_given_up(self, machine):
        assert only(machine(window=window(bindings={"PyQt5": "5.15.11"}))).level is Level.WARNING
        both = {"PyQt5": "5.15.11", "PyQt6": "6.11.0"}
        assert advise(machine(window=window(bindings=both))) == ()


def test_a_folder_that_cannot_be_written_to(machine):
    advice = only(machine(folders=(Folder("trained networks", "/cache", "Read-only file system"),)))
    assert advice.text == "/cache, where trained networks are kept, cannot be written to (Read-only file system)."


def test_what_matters_most_comes_first(machine):
    found = advise(machine(undriven_card=True, free=0.5, checks=(Check("cpu", 1.0),)))
    assert [advice.level for advice in found] == [Level.BROKEN, Level.WARNING, Level.HINT]


class TestReport:
    def test_it_tells_all_that_was_found(self, machine):
        facts = machine(torch=dataclasses.replace(CUDA_BUILD, cards=(CARD,)), driver=driver(), extras={"movie": ("x",)})
        told = report(facts, advise(facts))
        assert "napari-smi-inr 0.1.0 on Linux x86_64, Python 3.12.1" in told
        assert "2.13.0+cu130, built for CUDA 13.0" in told
        assert "NVIDIA RTX A2000, 11.9 GB free of 12.6" in told
        assert "590.44.01, runs CUDA up to 13.1" in told
        assert "cpu agrees with double precision to 1e-07 of a range (0.0001 allowed)" in told
        assert 'without x: python -m pip install "napari-smi-inr[movie]"' in told
        assert told.endswith("Nothing to mend.")

    def test_commands_stand_in_lines_of_their_own(self, machine):
        facts = machine(driver=driver())
        told = report(facts, advise(facts))
        assert f"      {WHEELS}cu130" in told.splitlines()
        assert max(map(len, told.splitlines())) <= 110

    def test_one_qt_is_enough(self, machine):
        facts = machine(extras={"pyside": ("PySide6",)})
        assert "not needed beside PyQt6" in report(facts, ())
        without = machine(extras={"pyside": ("PySide6",)}, window=window(bindings={}))
        assert "without PySide6" in report(without, ())
