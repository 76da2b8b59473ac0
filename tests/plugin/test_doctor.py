"""The doctor in the viewer: the same text as on the command line, to be copied."""

import pytest
from qtpy.QtGui import QGuiApplication

from napari_smi_inr.doctor import examination
from napari_smi_inr.doctor.advice import Advice, Level


@pytest.fixture
def dock(window, qtbot):
    viewer, _ = window()
    _, widget = viewer.window.add_plugin_dock_widget("napari-smi-inr", "Check this machine")
    qtbot.waitUntil(widget.copy_button.isEnabled, timeout=60_000)
    return widget


def test_it_looks_when_it_opens_and_its_text_can_be_copied(dock):
    assert dock.report.toPlainText() == dock.examination.text
    assert "double precision" in dock.report.toPlainText()
    dock.copy_button.click()
    assert QGuiApplication.clipboard().text() == dock.examination.text


def test_it_looks_again_when_asked_and_says_what_to_do(dock, qtbot, monkeypatch):
    advice = Advice(Level.WARNING, "A card is not used.", "Install the other build.", "python -m pip install torch")
    monkeypatch.setattr(examination, "advise", lambda facts: (advice,))
    dock.again_button.click()
    assert not dock.copy_button.isEnabled()
    qtbot.waitUntil(dock.copy_button.isEnabled, timeout=60_000)
    assert dock.advice.text() == ("Warning: A card is not used. Install the other build.\npython -m pip install torch")
    assert dock.report.toPlainText().endswith("      python -m pip install torch")


def test_an_examination_that_fails_is_told(dock, qtbot, monkeypatch):
    def fail():
        raise OSError("the bus is gone")

    monkeypatch.setattr(examination, "gather", fail)
    dock.again_button.click()
    qtbot.waitUntil(dock.copy_button.isEnabled, timeout=60_000)
    assert dock.advice.text() == "The machine could not be examined: the bus is gone"
