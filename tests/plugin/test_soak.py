"""Hours of work in one viewer, without the waiting: fit, stop, look, save, reopen, remove, close, open again."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_smi_inr.plugin import sample_data
from napari_smi_inr.plugin._qt.fit_widget import FitWidget
from random_user import GROWTH, RandomUser, keep_no_freed_memory, own_objects, own_threads, settled_memory

PLUGIN, NAME = "napari-smi-inr", "Standard Model INR"
KEPT = 3  # folders of results before the next ones replace them


class Researcher(RandomUser):
    """Also fits scans, from the dock widget, and keeps what comes of it."""

    def __init__(self, viewer, hands, fits, folder, seed):
        super().__init__(viewer, hands, fits, seed)
        self.folder = folder
        self.widget: FitWidget | None = None
        self.fitted = self.saved = 0

    def actions(self):
        """Half of all is his work; and nobody works with a hundred layers."""
        every = super().actions()
        return every + 3 * [name for name in every if name in vars(Researcher)] + 4 * ["do_remove_all_but_few"]

    def click(self, name):
        """Press a button of the dock widget, if there is one to press."""
        button = getattr(self.widget.run, name) if self.widget is not None else None
        if button is not None and button.isEnabled() and button.isVisible():
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)
            return True
        return False

    def do_open_the_dock(self):
        if self.widget is None:
            _, self.widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, NAME)
            self.widget.model.lmax.value = 2
            self.widget.model.detail.value = "length"
            self.widget.model.length.value = 8.0
            self.widget.model.advanced["batch_size"].value = 64
            self.widget.model.advanced["epochs"].value = 200
        self.widget.parent().raise_()  # another dock may lie above it

    def do_close_the_dock(self):
        if self.widget is not None and self.rng.random() < 0.3:
            self.viewer.window.remove_dock_widget(self.widget)
            self.widget = None

    def do_open_the_sample(self):
        self.do_open_the_dock()
        if self.widget.dataset is None and not self.widget.session.status.busy:
            self.viewer.open_sample(PLUGIN, "phantom")
            deadline = time.monotonic() + 10
            while self.widget.dataset is None and time.monotonic() < deadline:
                QTest.qWait(20)

    def do_fit(self):
        self.do_open_the_sample()
        self.fitted += self.click("run_button")

    def do_pause_or_go_on(self):
        self.click("pause_button")

    def do_stop_the_fit(self):
        self.click("stop_button")

    def do_wait(self):
        QTest.qWait(500)

    def do_save(self):
        field = self.widget.controller.field if self.widget is not None else None
        if field is not None:
            self.widget.result.export_requested.emit(self.folder / str(self.saved % KEPT))
            self.saved += 1
            QTest.qWait(300)

    def do_reopen(self):
        files: list[Path] = sorted(self.folder.glob("*/*.smi.safetensors"))
        if files and self.widget is not None:
            self.widget.result.open_requested.emit(self.pick(files))
            QTest.qWait(300)

    def tidy(self):
        if self.widget is not None:
            self.viewer.window.remove_dock_widget(self.widget)
            self.widget = None
        super().tidy()


@dataclass(frozen=True)
class Belongings:
    """What a process may forget to give back, all garbage gone: bytes, Python's blocks of memory, files, …"""

    memory: int
    blocks: int
    files: int
    processes: int
    widgets: int

    @classmethod
    def now(cls, qapp):
        memory, process = settled_memory(qapp), psutil.Process()
        files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        widgets = len(QApplication.allWidgets())
        return cls(memory, sys.getallocatedblocks(), files, len(process.children()), widgets)


@pytest.mark.slow
def test_hours_of_work_leave_no_trace(window, two_fits, tiny_dataset, monkeypatch, tmp_path, qapp):
    keep_no_freed_memory()
    monkeypatch.setattr(sample_data, "simulate", lambda **_: tiny_dataset)
    user = Researcher(*window(size=(1366, 768)), two_fits, tmp_path, seed=3)
    user.play(500)
    user.tidy()
    user.grid = False  # napari 0.9.2 keeps its cells: see the test of a thousand things
    marks, own = [Belongings.now(qapp)], own_objects()
    for _ in range(3):
        user.play(500)
        user.tidy()
        marks.append(Belongings.now(qapp))
        print(f"{len(user.done)} actions, {user.fitted} fits, {user.saved} saved; memory, blocks and the rest:")
        print(*marks, sep="\n")
    user.stop()
    more = own_objects() - own
    had, warm, has = marks[0], marks[1], marks[-1]
    assert user.fitted > 20
    assert user.saved > 20
    assert own_threads() == []
    assert more.total() < 10, more
    assert has.processes <= had.processes  # a display for tests may be one of them
    assert has.files <= had.files + 5
    assert has.widgets <= had.widgets + 50
    assert has.blocks < 1.05 * had.blocks
    # What is freed in pieces stays with the process until it is wanted again, so that its memory grows at first, to the
    # most that was in use at one time.
    assert has.memory - warm.memory < GROWTH
