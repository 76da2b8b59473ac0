"""The dock shows what is doubtful about a scan and mends it at a press; doubtful maps are marked where one looks."""

import json

import pytest
from qtpy.QtCore import Qt

import napari_smi_inr as smi
from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.checks import Finding, Severity
from napari_smi_inr.checks.axes import turned
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.maps import map_name
from napari_smi_inr.parameters import PARAMETERS
from napari_smi_inr.plugin import add_parameter_layers
from napari_smi_inr.plugin._qt.findings_view import FindingsView
from napari_smi_inr.plugin.field_layers import WEAK, add_zoom, doubt, map_layers
from napari_smi_inr.plugin.fitting.scan_request import ScanRequest
from napari_smi_inr.results import write_results

PLUGIN, NAME = "napari-smi-inr", "Standard Model INR"


@pytest.fixture
def flipped(tmp_path):
    save_scan(turned(smi.simulate((28, 28, 8), snr=50, lmax=4), "-x,y,z"), tmp_path)
    return tmp_path


def test_flipped_directions_are_shown_and_mended_at_a_press(window, flipped, qtbot):
    viewer, _ = window(size=(1366, 768))
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, NAME)
    widget.controller.open(flipped / "dwi.nii.gz")
    widget.controller.open(flipped / "mask.nii.gz")
    view = widget.data.findings
    qtbot.waitUntil(lambda: len(view.boxes) == 1, timeout=20_000)
    assert view.isVisible()
    assert view.findings[0].bvec_axes == "-x,y,z"
    (fix,) = (b for b in view.boxes[0].findChildren(type(widget.data.open_button)) if "x flipped" in b.text())
    qtbot.mouseClick(fix, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: widget.dataset is not None and not view.boxes, timeout=20_000)
    assert widget.data.axes.value == "-x,y,z"
    assert any("x flipped" in note for note in widget.dataset.notes)
    assert "x flipped" in widget.data.table.notes.text()
    assert not view.isVisible()


def test_a_finding_about_least_squares_goes_with_the_rician_loss(window, qtbot):
    viewer, _ = window(size=(1366, 768))
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, NAME)
    data = smi.simulate((20, 20, 5), snr=6, lmax=2, noise="rician")
    widget._load(ScanRequest(data))
    view = widget.data.findings
    qtbot.waitUntil(lambda: "Noise floor" in [finding.what for finding in view.findings], timeout=20_000)
    widget.model.loss.value = "rician"
    assert "Noise floor" not in [finding.what for finding in view.findings]
    widget.model.loss.value = "mse"
    assert "Noise floor" in [finding.what for finding in view.findings]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_colours_follow_the_theme(qtbot, theme):
    view = FindingsView()
    qtbot.addWidget(view)
    view.show_findings([Finding("one", "is doubtful."), Finding("other", "is noted.", severity=Severity.NOTICE)])
    view.follow_theme(theme)
    first, second = (box.styleSheet() for box in view.boxes)
    assert first != second
    assert [box.accessibleName() for box in view.boxes] == ["Warning: one", "Notice: other"]
    view.show_findings([])
    assert view.boxes == []


@pytest.fixture(scope="module")
def doubtful():
    """A fit to linear encoding up to b = 2, which tells no diffusivities."""
    full = smi.simulate((10, 10, 3), snr=50, lmax=2).acquisition
    some = full.select((full.b <= 2) & (full.b_delta == 1))
    data = smi.simulate((10, 10, 3), snr=50, lmax=2, protocol=Acquisition(some.b, some.b_delta, some.directions))
    return smi.fit(data, lmax=2, epochs=2, detail=9.0, device="cpu")


def test_maps_the_protocol_cannot_tell_are_marked_on_their_layers(window, doubtful, tiny_field):
    assert {symbol for symbol in doubtful.parameters if doubt(doubtful, symbol)} == {"Di", "De", "Dp"}
    assert not any(doubt(tiny_field, symbol) for symbol in tiny_field.parameters)
    viewer, _ = window()
    names = [options["name"] for _, options, _ in map_layers(doubtful, doubtful.maps())]
    marks = {symbol: doubt(doubtful, symbol) for symbol in doubtful.parameters}
    added = add_parameter_layers(viewer, doubtful.maps(), doubtful.affine, marks=marks)
    zooms = {symbol: add_zoom(viewer, doubtful, symbol) for symbol in ("Di", "f")}
    for symbol, name in zip(doubtful.parameters, names, strict=True):
        assert (WEAK in name) == (symbol in ("Di", "De", "Dp"))
        assert (WEAK in added[symbol].name) == (WEAK in name)
    assert WEAK in zooms["Di"].name
    assert WEAK not in zooms["f"].name


def test_maps_the_protocol_cannot_tell_are_marked_in_their_side_cars(doubtful, tmp_path):
    write_results(doubtful, tmp_path)
    for symbol in ("De", "f"):
        name = map_name(PARAMETERS[symbol].label).replace(".nii.gz", ".json")
        text = json.loads((tmp_path / name).read_text())
        assert ("Caution" in text) == (symbol == "De")
        assert set(text["Protocol"]["Weak"]) == {"Di", "De", "Dp"}
