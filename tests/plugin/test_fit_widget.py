import errno
import gc
import os
import re
import time
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
)

import napari_smi_inr as smi
from bad_inputs import CASES, arguments
from napari_smi_inr.inr.field_file import open_field
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.methods import METHODS, make_settings, settings_class
from napari_smi_inr.plugin import sample_data
from napari_smi_inr.plugin.fitting import fit_job
from napari_smi_inr.plugin.fitting.fit_job import FitJob
from napari_smi_inr.plugin.fitting.fit_process import ProcessJob
from napari_smi_inr.plugin.fitting.fit_session import State
from napari_smi_inr.plugin.layer_origin import KEY, ScanOrigin, origin_of
from napari_smi_inr.plugin.napari_compat import unwrapped
from napari_smi_inr.plugin.reader import scan_layer
from napari_smi_inr.plugin.zoom.session import session_of
from scan_files import ScanFiles, small_dataset

QUICK = {
    "nlls": {"max_iterations": 10},
    "smi": {"n_training": 2000, "degree": 2},
    "nn": {"vectors": 2000, "epochs": 2, "cache": "off"},
}
PLUGIN, NAME = "napari-smi-inr", "Standard Model INR"


@pytest.fixture
def dock(window, qtbot):
    """The dock widget in a window; made to fit fast."""

    def add(size=(1366, 768)):
        viewer, hands = window(size=size)
        dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, NAME)
        widget.model.lmax.value = 2
        widget.model.detail.value = "length"
        widget.model.length.value = 8.0
        widget.model.advanced["batch_size"].value = 64
        qtbot.waitUntil(widget.isVisible, timeout=5_000)
        return viewer, hands, dock, widget

    return add


@pytest.fixture
def loaded(dock, tiny_dataset, qtbot, monkeypatch):
    """The dock widget with the sample chosen, which here is tiny."""
    monkeypatch.setattr(sample_data, "simulate", lambda **_: tiny_dataset)

    def add(epochs=20):
        viewer, hands, docked, widget = dock()
        widget.model.advanced["epochs"].value = epochs
        viewer.open_sample(PLUGIN, "phantom")
        qtbot.waitUntil(lambda: widget.dataset is tiny_dataset, timeout=10_000)
        return viewer, hands, docked, widget

    return add


@pytest.fixture
def press(qtbot):
    def click(button):
        assert button.isEnabled()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    return click


@pytest.fixture
def idle(qtbot):
    def wait(widget, timeout=60_000):
        qtbot.waitUntil(lambda: not widget.session.status.busy, timeout=timeout)

    return wait


def maps_in(viewer):
    return [layer for layer in viewer.layers if " · voxels" in layer.name]


def zooms_in(viewer):
    return [layer for layer in viewer.layers if session_of(layer) is not None]


def dialogs():
    """Windows that wait for an answer."""
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()]


def messages():
    return [record.message for record in notification_manager.records]


def test_the_sample_fills_the_widget(loaded):
    _, _, _, widget = loaded()
    table = widget.data.table
    assert table.table.rowCount() >= 4
    assert table.table.item(0, 1).text() == "b = 0"
    assert "identified" in table.verdict.text()
    assert "voxels of 3 × 3 × 3 mm" in table.notes.text()
    assert widget.run.run_button.isEnabled()
    assert not widget.run.stop_button.isEnabled()


def test_from_run_to_zoom(loaded, press, idle, qtbot, tiny_dataset, settle):
    viewer, _, _, widget = loaded(epochs=600)
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: len(zooms_in(viewer)) == 1, timeout=20_000)
    (zoom,) = zooms_in(viewer)
    assert widget.session.status.busy
    assert widget.run.plot.isVisible()
    assert not widget.run.run_button.isEnabled()
    first = session_of(zoom).field
    qtbot.waitUntil(lambda: session_of(zoom).field is not first, timeout=20_000)
    idle(widget)
    assert unwrapped(viewer.layers[-1]) is unwrapped(zoom)
    assert unwrapped(viewer.layers.selection.active) is unwrapped(zoom)
    assert zoom.visible
    assert not any(layer.visible for layer in maps_in(viewer))
    settle(zoom)
    assert session_of(zoom).field is widget.controller.field
    direct = smi.fit(tiny_dataset, lmax=2, epochs=600, detail=8.0, batch_size=64, device="cpu")
    for layer, (symbol, values) in zip(maps_in(viewer), direct.maps().items(), strict=True):
        assert origin_of(layer).symbol == symbol
        np.testing.assert_array_equal(layer.data, values.T)
    assert widget.run.progress.value() == widget.run.progress.maximum()
    assert "volumes never fitted" in widget.result.quality.verdict.text()
    _, drawn = widget.run.plot.lines["data"].getData()
    assert np.isfinite(drawn).sum() > 10


@pytest.fixture
def stopped(loaded, press, qtbot):
    """A fit that would take hours, stopped when its first map was shown: its viewer and widget, and the seconds."""
    viewer, _, _, widget = loaded(epochs=50_000)
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: len(zooms_in(viewer)) == 1, timeout=20_000)
    job, asked = widget.session.job, time.monotonic()
    press(widget.run.stop_button)
    assert job.ended.wait(20)  # it needs nothing of the window for that
    seconds = time.monotonic() - asked
    return lambda: (viewer, widget, seconds)


@pytest.mark.slow  # on a machine with nothing else to do
def test_stop_takes_less_than_a_second(stopped, idle):
    _, widget, seconds = stopped()
    print(f"stopped within {seconds:.2f} s")
    assert seconds < 1.0
    idle(widget)


def test_stop_keeps_the_best(stopped, idle):
    viewer, widget, _ = stopped()
    idle(widget)
    assert widget.controller.field is not None
    assert session_of(viewer.layers[-1]) is not None
    assert "best so far" in widget.run.status.text()
    assert widget.run.run_button.isEnabled()


def test_pause_really_pauses(loaded, press, idle, qtbot):
    _, _, _, widget = loaded(epochs=50_000)
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: widget.session.status.fraction > 0, timeout=20_000)
    press(widget.run.pause_button)
    held = -1
    for _ in range(20):  # what the fit has said before may still be on its way
        if len(widget.session.curves.seconds) == held:
            break
        held = len(widget.session.curves.seconds)
        qtbot.wait(400)
    text = widget.run.status.text()
    assert text.startswith("Paused")
    qtbot.wait(700)
    assert len(widget.session.curves.seconds) == held
    assert widget.run.pause_button.text() == "&Resume"
    press(widget.run.pause_button)
    qtbot.waitUntil(lambda: len(widget.session.curves.seconds) > held, timeout=20_000)
    assert widget.session.status.state is State.RUNNING
    press(widget.run.stop_button)
    idle(widget)


def test_a_second_run_never_runs_beside_the_first(loaded, press, idle, qtbot):
    _, _, _, widget = loaded(epochs=50_000)
    press(widget.run.run_button)
    job = widget.session.job
    notification_manager.records.clear()
    widget.run.run_requested.emit()
    assert widget.session.job is job
    assert any("already running" in message for message in messages())
    qtbot.waitUntil(lambda: widget.session.status.fraction > 0, timeout=20_000)
    press(widget.run.stop_button)
    idle(widget)


def test_another_fit_keeps_the_layers_of_the_first(loaded, press, idle):
    viewer, _, _, widget = loaded(epochs=2)
    for _ in range(2):
        press(widget.run.run_button)
        idle(widget)
    assert len(maps_in(viewer)) == 12
    assert [layer.visible for layer in viewer.layers[1:]].count(True) == 1


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
@pytest.mark.parametrize("how", ["dock", "window"])
def test_closing_during_a_fit_leaves_no_thread_running(loaded, press, qtbot, how, paused):
    viewer, _, docked, widget = loaded(epochs=50_000)
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: len(zooms_in(viewer)) == 1, timeout=20_000)
    if paused:
        press(widget.run.pause_button)
        qtbot.wait(200)
    worker, job = widget.controller._worker, widget.session.job
    pids = [job._process._process.pid] if isinstance(job, ProcessJob) else []
    assert worker.is_running
    if how == "dock":
        close = docked.title.close_button
        qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
        assert len(viewer.layers) == 2
    else:
        viewer.close()
    qtbot.waitUntil(lambda: not worker.is_running, timeout=2_000)
    assert pids
    qtbot.waitUntil(lambda: not any(map(psutil.pid_exists, pids)), timeout=2_000)
    assert dialogs() == []
    qtbot.wait(300)  # what the thread has said before must find nobody, quietly


def test_removing_the_scan_during_a_fit_leaves_the_fit_in_charge(loaded, press, idle, qtbot):
    viewer, _, _, widget = loaded(epochs=50_000)
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: len(zooms_in(viewer)) == 1, timeout=20_000)
    notification_manager.records.clear()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: widget.dataset is None, timeout=5_000)
    assert widget.session.status.busy
    assert dialogs() == []
    press(widget.run.stop_button)
    idle(widget)
    assert widget.controller.field is not None
    assert messages() == []
    assert not widget.run.run_button.isEnabled()


def test_a_closed_dock_lets_its_widget_go(loaded, press, idle, qtbot):
    _, _, docked, widget = loaded(epochs=2)
    press(widget.run.run_button)
    idle(widget)
    gone = weakref.ref(widget)
    qtbot.mouseClick(docked.title.close_button, Qt.MouseButton.LeftButton)
    del docked, widget
    qtbot.wait(100)
    gc.collect()
    assert gone() is None


def test_layers_the_user_removes_are_not_missed(loaded, press, idle, qtbot, monkeypatch):
    viewer, _, _, widget = loaded()
    monkeypatch.setattr(fit_job, "MAP_INTERVAL", 0.1)

    def lingering(dataset, config):
        for step in smi.fit_steps(dataset, config):
            yield step
        while True:  # until someone stops it
            time.sleep(0.02)
            yield step

    def voxel_maps():
        return [layer for layer in viewer.layers if layer.name.endswith(" · nlls")]

    widget.session.make_job = partial(FitJob, steps=lingering)
    widget.model.method.value = "nlls"
    widget.model.settings["max_iterations"].value = QUICK["nlls"]["max_iterations"]
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: len(voxel_maps()) == 6, timeout=20_000)
    viewer.layers.remove(voxel_maps()[0].name)
    qtbot.wait(1200)
    press(widget.run.stop_button)
    idle(widget)
    assert len(voxel_maps()) == 5
    assert widget.controller.field is not None


def test_a_fit_that_cannot_start_says_why(loaded, press, idle, tiny_dataset, qtbot):
    viewer, _, _, widget = loaded()
    import dataclasses

    silent = dataclasses.replace(tiny_dataset, noise=None)
    data, options, _ = scan_layer("silent", silent.signal, silent.affine, ScanOrigin(None, silent.acquisition, silent))
    viewer.add_image(data, **options)
    qtbot.waitUntil(lambda: widget.dataset is silent, timeout=10_000)
    widget.model.loss.value = "rician"
    notification_manager.records.clear()
    press(widget.run.run_button)
    idle(widget)
    assert any("noise" in message for message in messages())
    assert widget.run.run_button.isEnabled()


def test_a_breakdown_is_told_and_keeps_what_was_found(loaded, press, idle, monkeypatch):
    viewer, _, _, widget = loaded()

    def breaking(dataset, config):
        steps = smi.fit_steps(dataset, config)
        yield next(steps)
        raise RuntimeError("the device has vanished")

    widget.session.make_job = partial(FitJob, steps=breaking)
    notification_manager.records.clear()
    press(widget.run.run_button)
    idle(widget)
    assert any("the device has vanished" in message for message in messages())
    assert len(maps_in(viewer)) == 6
    assert widget.run.run_button.isEnabled()


def test_files_are_chosen_among_layers_and_loaded(dock, scan, qtbot):
    _, _, _, widget = dock()
    for name in ("dwi.nii.gz", "mask.nii.gz"):
        widget.controller.open(scan / name)
    n = int(np.count_nonzero(small_dataset().mask))
    qtbot.waitUntil(lambda: widget.dataset is not None and widget.dataset.n_voxels == n, timeout=10_000)
    assert widget.data.scan.current_choice == "dwi"
    assert widget.data.mask_choice.current_choice == "mask"
    widget.data.mask_choice.value = ""
    qtbot.waitUntil(lambda: widget.dataset is not None and widget.dataset.n_voxels != n, timeout=10_000)
    widget.data.noise.value = "2.5"
    qtbot.waitUntil(lambda: widget.dataset is not None and widget.dataset.noise == 2.5, timeout=10_000)
    widget.data.noise.value = "mppca"
    qtbot.waitUntil(lambda: widget.dataset is not None and np.ndim(widget.dataset.noise) == 3, timeout=10_000)
    scan.write("grad_dev.nii", np.full((*widget.dataset.shape, 9), 0.01))
    widget.data.sidecars["grad_dev"].value = scan / "grad_dev.nii"
    qtbot.waitUntil(lambda: widget.dataset is not None and widget.dataset.deviation is not None, timeout=10_000)
    widget.model.lmax.value = 8
    assert "8" in widget.data.table.verdict.text()


def test_without_its_layer_there_is_nothing_to_fit(loaded, qtbot):
    viewer, _, _, widget = loaded()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: widget.dataset is None, timeout=5000)
    assert not widget.run.run_button.isEnabled()
    assert "Open a diffusion scan" in widget.data.table.verdict.text()


@pytest.mark.parametrize("method", [name for name in METHODS if name != "inr"])
def test_other_methods_fit_and_show_their_maps(loaded, press, idle, tmp_path, qtbot, monkeypatch, tiny_dataset, method):
    viewer, _, _, widget = loaded()
    widget.model.method.value = method
    for name, value in QUICK[method].items():
        widget.model.settings[name].value = value
    assert not widget.model.preset.native.isVisible()
    told = len(messages())
    press(widget.run.run_button)
    idle(widget)
    assert messages()[told:] == []
    layers = [layer for layer in viewer.layers if layer.name.endswith(f" · {method}")]
    direct = smi.fit(tiny_dataset, method, lmax=2, **QUICK[method])
    for layer, (symbol, values) in zip(layers, direct.maps().items(), strict=True):
        assert layer.visible == (symbol == "f")
        np.testing.assert_array_equal(layer.data, values.T)
    assert session_of(viewer.layers[-1]) is None  # a zoom layer would show what is not there
    assert widget.result.quality.rows["Error"].text().endswith("% of b = 0, volumes fitted")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    press(widget.result.export_button)
    n_maps = 9 if method == "smi" else 8  # its noise map, too
    qtbot.waitUntil(lambda: len(list(tmp_path.glob(f"*_desc-{method}_*.nii.gz"))) == n_maps, timeout=20_000)


def test_each_method_offers_its_own_settings(dock, qtbot):
    _, _, _, widget = dock()
    model = widget.model
    for name in reversed(METHODS):
        model.method.value = name
        shared = {"method", "lmax", "device", "preset", "loss", "detail"}
        own = set(settings_class(name).model_fields) - shared
        assert own >= set(model.settings) if name == "inr" else own == set(model.settings)
        assert model.config().method == name
        defaults = make_settings(name, lmax=model.lmax.value)
        changed = {key for key, value in defaults if getattr(model.config(), key) != value}
        assert changed <= {"detail", "batch_size"}  # as the fixture set them
    assert {order for _, order in model.lmax._default_choices} == {0, 2, 4, 6, 8}


def test_a_setting_typed_wrongly_is_told(loaded, press, qtbot):
    _, _, _, widget = loaded()
    widget.model.method.value = "nlls"
    widget.model.settings["tolerance"].value = "little"
    press(widget.run.run_button)
    assert not widget.session.status.busy
    assert any(m.startswith("tolerance: 'little' does not do") for m in messages())


def test_export_writes_everything_and_field_files_open(loaded, press, idle, qtbot, tmp_path, monkeypatch):
    viewer, _, _, widget = loaded(epochs=2)
    assert not widget.result.export_button.isEnabled()
    press(widget.run.run_button)
    idle(widget)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    press(widget.result.export_button)
    file = tmp_path / "phantom.smi.safetensors"
    qtbot.waitUntil(lambda: f"Wrote 9 files to {tmp_path}." in messages(), timeout=20_000)
    np.testing.assert_array_equal(open_field(file).maps()["f"], widget.controller.field.maps()["f"])
    assert len(list(tmp_path.glob("*.nii.gz"))) == 8
    viewer.layers.clear()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    press(widget.result.open_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 7, timeout=20_000)
    widget.result.parameter.value = "Di"
    press(widget.result.zoom_button)
    assert viewer.layers[-1].metadata[KEY].symbol == "Di"
    assert viewer.layers[-1].metadata[KEY].field is widget.controller.field


def test_what_cannot_be_saved_here_can_be_saved_there(loaded, press, idle, qtbot, tmp_path, monkeypatch):
    _, _, _, widget = loaded(epochs=2)
    press(widget.run.run_button)
    idle(widget)
    full, roomy = tmp_path / "full", tmp_path / "roomy"
    sync = os.fsync

    def fsync(descriptor):
        if not roomy.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(full))
    press(widget.result.export_button)
    qtbot.waitUntil(lambda: any("No space left on device" in message for message in messages()), timeout=20_000)
    assert any(str(full) in message for message in messages())
    assert list(full.iterdir()) == []
    roomy.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(roomy))
    press(widget.result.export_button)
    qtbot.waitUntil(lambda: f"Wrote 9 files to {roomy}." in messages(), timeout=20_000)
    np.testing.assert_array_equal(
        open_field(roomy / "phantom.smi.safetensors").maps()["f"], widget.controller.field.maps()["f"]
    )


def test_every_control_can_be_reached_and_named(dock, qtbot):
    _, _, _, widget = dock()
    for fold in widget.findChildren(QAbstractButton):
        if fold.isCheckable() and not fold.isChecked():
            fold.setChecked(True)
    controls = [
        control
        for kind in (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit)
        for control in widget.findChildren(kind)
        if control.isVisible() and not isinstance(control.parent(), QAbstractSpinBox | QComboBox)
    ]
    assert len(controls) > 20
    for control in controls:
        assert control.accessibleName()
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_by_keyboard_alone(loaded, qtbot, idle):
    _, hands, _, widget = loaded(epochs=2)
    hands.window.activateWindow()
    widget.run.run_button.setFocus()
    qtbot.keyClick(widget.run.run_button, Qt.Key.Key_Space)
    assert widget.session.status.busy
    idle(widget)
    fold = widget.questions[0]
    assert not fold.content.isVisible()
    qtbot.keyClick(fold.toggle, Qt.Key.Key_Space)
    assert fold.content.isVisible()


def test_the_plot_follows_the_theme(loaded):
    viewer, _, _, widget = loaded()
    dark = widget.run.plot.backgroundBrush().color().lightness()
    viewer.theme = "light"
    assert widget.run.plot.backgroundBrush().color().lightness() > dark


def test_it_fits_a_small_screen(loaded, press, idle):
    _, hands, _, widget = loaded(epochs=2)
    assert hands.window.height() <= 768
    for control in (widget.run.run_button, widget.result.export_button):
        corner = control.mapTo(hands.window, control.rect().bottomRight())
        assert control.isVisible()
        assert corner.y() < hands.window.height()
        assert corner.x() <= hands.window.width()
    assert widget.width() < 450
    press(widget.run.run_button)
    idle(widget)
    assert widget.run.plot.height() >= 140
    bottom = widget.result.export_button.mapTo(hands.window, widget.result.export_button.rect().bottomRight())
    assert bottom.y() < hands.window.height()


def in_the_window(case):
    """Whether a user can make this mistake in the window: there, a 3-D image is no scan and a scan no mask."""
    chosen_as_mask = (case.arguments.get("mask") or "").startswith("dwi")
    return not chosen_as_mask and "dwi" not in case.arguments and case.name != "scan is 3-D"


def test_bad_input_is_told_and_nothing_is_lost(dock, tmp_path, qtbot):
    viewer, _, _, widget = dock()
    sentinel = viewer.add_image(np.zeros((3, 3, 3)), name="precious", units="mm")
    cases = [case for case in CASES if in_the_window(case)][::3]  # the command line has them all
    assert len(cases) >= 14
    for i, case in enumerate(cases):
        scan = ScanFiles(tmp_path / str(i))
        scan.folder.mkdir()
        save_scan(small_dataset(), scan.folder)
        case.spoil(scan)
        notification_manager.records.clear()
        choose(widget, arguments(scan, case.arguments))
        told = re.compile(f"{re.escape(case.where)}.*({case.fault})", re.DOTALL)
        qtbot.waitUntil(lambda told=told: any(told.search(message) for message in messages()), timeout=10_000)
        assert widget.dataset is None
        assert not widget.run.run_button.isEnabled()
        assert [layer.name for layer in viewer.layers if layer.name == "precious"]
        for layer in list(viewer.layers):
            if layer.name != "precious":
                viewer.layers.remove(layer)
        qtbot.waitUntil(lambda: widget.data.request() is None and not widget.data.settling, timeout=5000)
    assert sentinel.data.shape == (3, 3, 3)


def choose(widget, given):
    """What a user does to give these files."""
    widget.controller.open(Path(given["dwi"]))
    if given["mask"] is not None:
        widget.controller.open(Path(given["mask"]))
        widget.data.mask_choice.value = widget.data.mask_choice.choices[-1]
    for key in ("bval", "bvec", "bdelta"):
        widget.data.sidecars[key].value = given.get(key)
    widget.data.noise.value = str(given.get("noise", ""))


def test_animations_rest_during_a_fit(loaded, press, qtbot):
    _, hands, _, widget = loaded(epochs=50_000)

    def speeds():
        return {label.movie().speed() for label in hands.window.findChildren(QLabel) if label.movie() is not None}

    assert speeds() == {100}
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: widget.session.status.fraction > 0, timeout=30_000)
    assert max(speeds()) < 30
    press(widget.run.stop_button)
    qtbot.waitUntil(lambda: not widget.session.status.busy, timeout=10_000)
    assert speeds() == {100}


def test_the_zoom_layer_shows_the_fit_as_it_goes_on(loaded, press, idle, qtbot):
    viewer, _, _, widget = loaded(epochs=50_000)
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: widget.controller.zoom_layer is not None, timeout=20_000)
    zoom = widget.controller.zoom_layer
    assert viewer.layers[-1].name == zoom.name
    assert not any(layer.visible for layer in maps_in(viewer))
    session = session_of(zoom)
    viewer.scene.camera.zoom *= 3
    fields, pictures = [], []
    for _ in range(3):
        fields.append(session.field)
        image = zoom.data[0].image
        pictures.append(image.read(image.viewed))
        assert origin_of(zoom).field is session.field
        qtbot.waitUntil(lambda: session.field is not fields[-1], timeout=5_000)
        qtbot.waitUntil(lambda: session.worker.idle, timeout=5_000)
    assert len({id(field) for field in fields}) == 3
    both = np.isfinite(pictures[1]) & np.isfinite(pictures[2])
    assert both.sum() > 1000
    assert not np.array_equal(pictures[1][both], pictures[2][both])
    press(widget.run.stop_button)
    idle(widget)
    assert session.field is widget.controller.field
    assert len([layer for layer in viewer.layers if session_of(layer) is session]) == 1


def test_a_zoom_layer_removed_during_a_fit_does_not_come_back(loaded, press, idle, qtbot):
    viewer, _, _, widget = loaded(epochs=50_000)
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: widget.controller.zoom_layer is not None, timeout=20_000)
    viewer.layers.remove(widget.controller.zoom_layer.name)
    qtbot.wait(1500)
    press(widget.run.stop_button)
    idle(widget)
    assert not any(session_of(layer) for layer in viewer.layers)
    assert [layer.name[0] for layer in maps_in(viewer) if layer.visible] == ["f"]  # something is seen
