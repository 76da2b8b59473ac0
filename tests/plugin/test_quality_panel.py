"""The quality panel: how far to trust a fit, in the dock, with the residual map one button away."""

import dataclasses
import time

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

import napari_smi_inr as smi
from napari_smi_inr.estimation.residual import Residual, residual_map
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.plugin import sample_data
from napari_smi_inr.plugin.fitting.fit_job import FitJob
from napari_smi_inr.plugin.layer_origin import ResidualOrigin, origin_of
from napari_smi_inr.plugin.residual_layer import add_residual_layer
from scan_files import AFFINES


@pytest.fixture
def dock(window, qtbot):
    """The dock widget in a window of a small screen; it fits in this process, which starts at once."""

    def add():
        viewer, hands = window(size=(1366, 768))
        _, widget = viewer.window.add_plugin_dock_widget("napari-smi-inr", "Standard Model INR")
        widget.session.make_job = FitJob
        qtbot.waitUntil(widget.isVisible, timeout=5_000)
        return viewer, hands, widget

    return add


@pytest.fixture
def fitted(dock, tiny_dataset, qtbot, monkeypatch):
    """The same after a fit of a scan a quarter as noisy as it says."""
    scan = dataclasses.replace(tiny_dataset, noise=tiny_dataset.noise / 4)
    monkeypatch.setattr(sample_data, "simulate", lambda **_: scan)

    def fit():
        viewer, hands, widget = dock()
        viewer.open_sample("napari-smi-inr", "phantom")
        qtbot.waitUntil(lambda: widget.dataset is scan, timeout=10_000)
        assert not widget.result.quality.isVisible()
        widget.model.lmax.value = 2
        widget.model.settings["epochs"].value = 3
        widget.run.run_button.click()
        qtbot.waitUntil(lambda: not widget.session.status.busy, timeout=60_000)
        return viewer, hands, widget, scan

    return fit


def residuals_in(viewer):
    return [layer for layer in viewer.layers if isinstance(origin_of(layer), ResidualOrigin)]


def test_after_a_fit_it_tells_how_far_to_trust_it(fitted, qtbot):
    viewer, hands, widget, scan = fitted()
    panel, field = widget.result.quality, widget.controller.field
    assert panel.isVisible()
    assert panel.verdict.text() == field.quality["verdict"]
    assert "the model or the data do not fit" in panel.verdict.text()
    assert panel.mark.accessibleDescription() == "warning"
    assert panel.rows["Noise"].text().endswith("SNR 200 at b = 0")
    assert "given with the scan" in panel.rows["Noise"].toolTip()
    assert panel.rows["At a bound"].text().startswith("Di ")
    qtbot.waitUntil(lambda: panel.verdict.height() >= panel.verdict.heightForWidth(panel.verdict.width()))  # laid out
    assert_whole(panel, hands)
    button = panel.residual_button
    hands.window.activateWindow()
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert not button.isEnabled()  # not twice at once
    qtbot.waitUntil(button.isEnabled, timeout=20_000)
    (layer,) = residuals_in(viewer)
    np.testing.assert_array_equal(layer.data, residual_map(field, scan).values.T)
    np.testing.assert_allclose(layer.scale, (3, 3, 3))
    assert layer.name == "residual · inr [noise σ]"
    layer.visible = False
    button.click()
    qtbot.waitUntil(button.isEnabled, timeout=20_000)
    assert len(residuals_in(viewer)) == 1  # shown anew
    assert layer.visible
    widget.run.run_button.click()
    assert not panel.isVisible()  # it would tell of the fit before
    qtbot.waitUntil(lambda: not widget.session.status.busy, timeout=30_000)
    assert panel.isVisible()
    assert not layer.visible


def assert_whole(panel, hands):
    """Nothing of it is cut or beyond the window, and all of it has a name and can be reached."""
    for part in (panel.mark, panel.verdict, *panel.rows.values(), panel.residual_button):
        corner = part.mapTo(hands.window, part.rect().bottomRight())
        assert part.isVisible()
        assert part.accessibleName()
        assert corner.y() < hands.window.height() <= 768
        assert part is panel.verdict or part.height() >= part.fontMetrics().height()
    assert panel.residual_button.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_a_field_from_its_file_is_compared_with_its_scan_and_no_other(dock, tiny_dataset, tmp_path, qtbot):
    viewer, _, widget = dock()
    for name, more in (("its", 0), ("other", 0.5)):
        save_scan(dataclasses.replace(tiny_dataset, signal=tiny_dataset.signal + np.float32(more)), tmp_path / name)
    data = smi.load(tmp_path / "its" / "dwi.nii.gz", mask=tmp_path / "its" / "mask.nii.gz")
    field = smi.fit(data, lmax=0, epochs=1, detail=9.0, device="cpu")
    field.save(tmp_path / "x.smi.safetensors")
    widget.controller.open(tmp_path / "x.smi.safetensors")
    panel = widget.result.quality
    qtbot.waitUntil(panel.isVisible, timeout=5_000)
    assert panel.verdict.text() == field.quality["verdict"]
    widget.controller.open(tmp_path / "other" / "dwi.nii.gz")
    qtbot.waitUntil(lambda: widget.dataset is not None, timeout=10_000)
    assert not panel.residual_button.isEnabled()
    assert "needs the scan" in panel.residual_button.toolTip()
    notification_manager.records.clear()
    widget.model.settings_requested.emit(tmp_path / "x.smi.safetensors")
    assert "dwi.nii.gz is not the file of then" in notification_manager.records[-1].message
    widget.model.settings_requested.emit(tmp_path / "no.json")
    assert "no such file" in notification_manager.records[-1].message
    widget.controller.open(tmp_path / "its" / "dwi.nii.gz")
    qtbot.waitUntil(panel.residual_button.isEnabled, timeout=10_000)
    panel.residual_button.click()
    qtbot.waitUntil(lambda: len(residuals_in(viewer)) == 1, timeout=20_000)


def test_closing_ends_a_residual_map_under_way(fitted, monkeypatch, qtbot):
    viewer, _, widget, _ = fitted()
    seen = []

    def endless(field, dataset, cancelled):
        while not cancelled():
            seen.append(True)
            time.sleep(0.01)

    monkeypatch.setattr("napari_smi_inr.plugin.fitting.fit_controller._residual", endless)
    notification_manager.records.clear()
    widget.result.quality.residual_button.click()
    qtbot.waitUntil(lambda: bool(seen), timeout=5_000)
    widget.shut_down()
    count = len(seen)
    qtbot.wait(200)
    assert len(seen) <= count + 1
    assert not residuals_in(viewer)
    assert not notification_manager.records


def test_an_oblique_residual_lies_where_its_voxels_lie(window, tiny_field):
    viewer, _ = window()
    affine = AFFINES["oblique right-handed"]
    field = dataclasses.replace(tiny_field, affine=affine)
    values = np.full(tiny_field.mask.shape, np.nan, np.float32)
    values[4, 5, 1] = 2.0
    layer = add_residual_layer(viewer, field, Residual(values, "noise", "given with the scan"))
    place = (affine @ [4, 5, 1, 1])[:3][::-1]
    index = tuple(np.rint((place - layer.translate) / layer.scale).astype(int))
    assert layer.data[index] == pytest.approx(2.0)
    assert np.isnan(layer.data[0, 0, 0])
