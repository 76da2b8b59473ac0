"""Fits of the dock widget that are cut short: found again with their scan, and gone on with to the same end."""

import os
import signal
import time
from functools import partial

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_smi_inr as smi
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.plugin import sample_data
from napari_smi_inr.plugin.fitting import kept_fits
from napari_smi_inr.plugin.fitting.fit_job import FitJob, Outcome
from napari_smi_inr.plugin.fitting.fit_process import FitProcess, ProcessJob
from napari_smi_inr.plugin.fitting.fit_session import FitSession
from napari_smi_inr.plugin.fitting.kept_fits import find_fit, place_for

SMALL = {"features": 8, "width": 16, "layers": 2, "batch_size": 64, "detail": 8.0, "device": "cpu", "held_out": 0.0}
CONFIG = smi.FitConfig.from_preset(lmax=2, epochs=400, **SMALL)


def drain(run):
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


@pytest.fixture
def keep(tiny_dataset):
    return place_for(tiny_dataset, CONFIG)


@pytest.fixture
def cut_short(tiny_dataset, keep):
    """A fit that was left after a step."""
    steps = smi.fit_steps(tiny_dataset, CONFIG, keep)
    next(steps)
    steps.close()
    return keep


def test_a_fit_whose_process_is_killed_goes_on_to_the_same_end(tiny_dataset, keep):
    longer = CONFIG.model_copy(update={"epochs": 800})
    job = ProcessJob(FitProcess(), tiny_dataset, longer, Keep(keep.path, interval=0.05))
    run = job.run()
    while not keep.path.exists():
        next(run)
    os.kill(job._process._process.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    assert drain(run).error is not None
    kept = find_fit(tiny_dataset)
    assert kept.config == longer
    assert 0 < kept.fraction < 1
    outcome = drain(ProcessJob(FitProcess(), tiny_dataset, kept.config, kept.keep).run())
    whole = smi.fit(tiny_dataset, **longer.model_dump(exclude={"method", "preset"}))
    for symbol, values in whole.maps().items():
        np.testing.assert_array_equal(outcome.field.maps()[symbol], values)


@pytest.mark.parametrize(
    ("ending", "kept"),
    [("well", False), ("stopped", True), ("failed", True), ("window closed", True)],
)
def test_what_is_kept_goes_when_its_fit_has_ended_well(tiny_dataset, cut_short, ending, kept):
    session = FitSession(FitJob)
    session.begin(tiny_dataset, CONFIG, cut_short)
    outcomes = {
        "well": lambda: Outcome(list(smi.fit_steps(tiny_dataset, CONFIG))[-1].field()),
        "stopped": lambda: Outcome(next(smi.fit_steps(tiny_dataset, CONFIG)).field(), stopped=True),
        "failed": lambda: Outcome(None, error=RuntimeError("the device has vanished")),
        "window closed": lambda: Outcome(None, stopped=True),
    }
    session.finish(outcomes[ending]())
    assert cut_short.path.exists() is kept


def test_only_fits_of_the_very_scan_are_found(tiny_dataset, cut_short):
    assert find_fit(tiny_dataset).keep == Keep(cut_short.path, resume=True)
    other = smi.DiffusionDataset(
        tiny_dataset.signal * 2, tiny_dataset.acquisition, tiny_dataset.mask, tiny_dataset.affine
    )
    assert find_fit(other) is None


def test_the_latest_of_several_is_found(tiny_dataset, cut_short):
    later = CONFIG.model_copy(update={"seed": 5})
    steps = smi.fit_steps(tiny_dataset, later, place_for(tiny_dataset, later))
    next(steps)
    steps.close()
    os.utime(cut_short.path, times=(time.time() - 60,) * 2)
    assert find_fit(tiny_dataset).config == later


def test_what_is_damaged_is_not_offered_and_what_is_old_is_removed(tiny_dataset, cut_short, kept_fits_folder):
    whole = cut_short.path.read_bytes()
    cut_short.path.write_bytes(whole[:500])
    assert find_fit(tiny_dataset) is None
    cut_short.path.write_bytes(whole)
    os.utime(cut_short.path, times=(time.time() - 40 * 86400,) * 2)
    assert find_fit(tiny_dataset) is None
    assert list(kept_fits_folder.iterdir()) == []


def test_a_fit_by_any_method_is_found(tiny_dataset):
    config = smi.make_settings("smi", n_training=2000, device="cpu")
    steps = smi.fit_steps(tiny_dataset, config, place_for(tiny_dataset, config))
    next(steps)
    steps.close()
    assert find_fit(tiny_dataset).config == config


def test_the_folder_is_the_users_own(monkeypatch):
    monkeypatch.undo()
    folder = kept_fits.fits_folder()
    assert folder.is_absolute()
    assert "napari-smi-inr" in folder.parts


@pytest.fixture
def loaded(window, tiny_dataset, qtbot, monkeypatch):
    """The dock widget with the sample chosen, which here is tiny."""
    monkeypatch.setattr(sample_data, "simulate", lambda **_: tiny_dataset)

    def add():
        viewer, _ = window(size=(1366, 768))
        _, widget = viewer.window.add_plugin_dock_widget("napari-smi-inr", "Standard Model INR")
        widget.session.make_job = FitJob
        viewer.open_sample("napari-smi-inr", "phantom")
        qtbot.waitUntil(lambda: widget.dataset is tiny_dataset, timeout=10_000)
        return viewer, widget

    return add


@pytest.fixture
def press(qtbot):
    return lambda button: qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_dock_offers_to_go_on_and_does(loaded, press, qtbot, tiny_dataset, cut_short):
    _, widget = loaded()
    qtbot.waitUntil(widget.offer.isVisible, timeout=20_000)
    share = find_fit(tiny_dataset).fraction
    assert widget.offer.words.text() == f"A fit of this scan was cut short at {share:.0%}."
    press(widget.offer.resume_button)
    assert widget.session.status.busy
    assert not widget.offer.isVisible()
    qtbot.waitUntil(lambda: not widget.session.status.busy, timeout=60_000)
    assert not cut_short.path.exists()
    whole = smi.fit(tiny_dataset, **CONFIG.model_dump(exclude={"method", "preset"}))
    np.testing.assert_array_equal(widget.controller.field.fod_map(), whole.fod_map())
    qtbot.wait(300)
    assert not widget.offer.isVisible()


def test_what_was_stopped_or_broke_down_can_go_on_or_be_forgotten(loaded, press, qtbot, kept_fits_folder):
    _, widget = loaded()
    widget.model.lmax.value = 2
    widget.model.advanced["epochs"].value = 50_000
    qtbot.wait(300)
    assert not widget.offer.isVisible()
    press(widget.run.run_button)
    qtbot.waitUntil(lambda: widget.session.status.fraction > 0, timeout=20_000)
    press(widget.run.stop_button)
    qtbot.waitUntil(widget.offer.isVisible, timeout=20_000)
    assert len(list(kept_fits_folder.iterdir())) == 1
    press(widget.offer.forget_button)
    assert not widget.offer.isVisible()
    assert list(kept_fits_folder.iterdir()) == []

    def breaking(dataset, config):
        steps = smi.fit_steps(dataset, config, place_for(dataset, config))
        yield next(steps)
        steps.close()
        raise RuntimeError("the device has vanished")

    widget.session.make_job = partial(FitJob, steps=breaking)
    press(widget.run.run_button)
    qtbot.waitUntil(widget.offer.isVisible, timeout=20_000)
    assert not widget.session.status.busy
