"""Settings of an earlier fit in the dock: every one of them, those without a control too."""

import json

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_smi_inr.errors import InputError
from napari_smi_inr.methods import make_settings
from napari_smi_inr.plugin._qt.model_section import ModelSection
from napari_smi_inr.repeat import read_recorded

UNUSUAL = {
    "inr": {"lmax": 6, "detail": 7.8765658126120845, "width": 32, "grow": False, "seed": 9, "loss": "rician"},
    "nlls": {"lmax": 8, "starts": 5, "tolerance": 3e-7, "device": "cpu"},
    "smi": {"lmax": 0, "degree": 2, "rician_correction": True},
    "nn": {"vectors": 1234, "snr": float("inf"), "reuse": "scan"},
}


@pytest.fixture
def model(qtbot):
    section = ModelSection()
    qtbot.addWidget(section)
    return section


@pytest.fixture
def record(tmp_path):
    def write(method):
        config = make_settings(method, **UNUSUAL[method])
        path = tmp_path / f"{method}.json"
        path.write_text(json.dumps({"Fit": json.loads(config.model_dump_json())}))
        return config, path

    return write


@pytest.mark.parametrize("method", UNUSUAL)
def test_what_is_loaded_is_what_would_be_fitted(model, record, method):
    config, path = record(method)
    model.show_settings(read_recorded(path))
    assert model.config() == config
    assert model.method.value == method
    assert model.lmax.value == config.lmax


def test_what_is_changed_since_goes_first_and_the_rest_stays(model, record):
    config, path = record("inr")
    model.show_settings(read_recorded(path))
    model.settings["seed"].value = 10
    assert model.config() == config.model_copy(update={"seed": 10})
    model.preset.value = "paper"
    assert model.config().width == make_settings("inr", preset="paper").width
    model.show_settings(read_recorded(path))
    model.method.value = "nlls"
    assert model.config() == make_settings("nlls", lmax=6)


def test_what_a_control_cannot_show_is_fitted_all_the_same(model, tmp_path):
    config = make_settings("inr", seed=(1 << 53) - 1, detail=1234.5, nonnegativity=1e9, batch_size=1 << 20)
    (tmp_path / "fit.json").write_text(json.dumps({"Fit": json.loads(config.model_dump_json())}))
    model.show_settings(read_recorded(tmp_path / "fit.json"))
    assert model.config() == config
    assert model.settings["seed"].value == config.seed
    model.settings["epochs"].value = 7
    assert model.config() == config.model_copy(update={"epochs": 7})


def test_settings_that_are_not_sound_change_nothing(model, record):
    _, path = record("inr")
    told = json.loads(path.read_text())
    told["Fit"]["flux"] = 1
    path.write_text(json.dumps(told))
    before = model.config()
    with pytest.raises(InputError, match="flux"):
        model.show_settings(read_recorded(path))
    assert model.config() == before


def test_the_button_asks_for_a_file(model, record, qtbot, monkeypatch):
    _, path = record("nlls")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    with qtbot.waitSignal(model.settings_requested) as asked:
        model.load_button.click()
    assert asked.args == [path]
