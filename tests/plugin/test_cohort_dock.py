"""The dock for a fitted cohort, used by hand: its list, its steps, and the layers that stay from scan to scan."""

import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt

from bids_sets import QUICK, qsiprep_set
from napari_smi_inr.cohort.finished import FinishedCohort, read_maps
from napari_smi_inr.cohort.folder import TABLE
from napari_smi_inr.cohort.rows import COLUMNS, rows_of
from napari_smi_inr.cohort.scans import find_scans
from napari_smi_inr.cohort.subject import fit_scan
from napari_smi_inr.cohort.task import Request, Task
from napari_smi_inr.errors import InputError
from napari_smi_inr.experiments.tables import write_csv
from napari_smi_inr.methods import make_settings
from napari_smi_inr.plugin._qt import cohort_widget
from napari_smi_inr.plugin._qt.cohort_widget import TITLE, CohortWidget
from napari_smi_inr.plugin._qt.docked import dock_of
from napari_smi_inr.plugin._qt.latest import THREAD_NAME
from napari_smi_inr.plugin.cohort.open_cohort import open_cohort
from napari_smi_inr.plugin.cohort.scan_layers import ZOOM, read_scan
from napari_smi_inr.plugin.zoom.session import session_of

NAME = "sub-0{}_space-ACPC"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cohort of three scans, one of them broken, and one smaller than the other."""
    source, out = tmp_path_factory.mktemp("in") / "qsiprep", tmp_path_factory.mktemp("out") / "smi"
    qsiprep_set(source, (1, 3))
    qsiprep_set(source, (2,), shape=(12, 12, 4))
    next((source / "sub-03").rglob("*.bval")).write_text("1 2 3")
    request = Request(out, make_settings("inr", **QUICK).model_dump(mode="json"))
    tasks = [Task(scan, request) for scan in find_scans(source)]
    rows = rows_of(tasks, {task.name: fit_scan(task) for task in tasks})
    write_csv(out / TABLE, [row.cells() for row in rows], COLUMNS)
    return out


@pytest.fixture
def opened(window, qtbot, folder):
    """Open the window with the dock, the first scan shown; with a wait until all is shown."""

    def made():
        viewer, hands = window(size=(1100, 700))
        open_cohort(viewer)
        dock = dock_of(viewer, CohortWidget)

        def settled():
            qtbot.waitUntil(lambda: dock.idle, timeout=30_000)
            qtbot.wait(100)

        dock.open_folder(folder)
        settled()
        return viewer, hands, dock, settled

    return made


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_the_list_tells_what_is_odd_and_what_failed_and_the_first_scan_is_shown(opened, folder, tmp_path, monkeypatch):
    viewer, _, dock, _ = opened()
    assert [dock.scans.item(n).text() for n in range(3)][2] == f"✕ {NAME.format(3)}"
    assert dock.heading.text().startswith("smi: 3 scans")
    assert "1 failed" in dock.heading.text()
    assert len(viewer.layers) == 7
    assert [layer.name for layer in viewer.layers if layer.visible] == [
        f"f · intra-axonal signal fraction · {NAME.format(1)}"
    ]
    maps, affine = read_maps(FinishedCohort.open(folder).entries[0])
    layer = dock.layers.of("f")
    assert np.array_equal(layer.data, maps["f"].transpose(2, 1, 0), equal_nan=True)
    assert np.allclose(layer.translate, affine[:3, 3][::-1])
    open_cohort(viewer)  # again: comes forward, is not there twice
    assert list(viewer.window.dock_widgets) == [TITLE]
    said = []
    monkeypatch.setattr(cohort_widget, "show_error", said.append)
    dock.open_folder(tmp_path)
    assert "holds no fitted cohort" in said[0]
    assert dock.cohort.folder == folder


def test_buttons_step_and_contrast_camera_and_visibility_stay(opened, qtbot):
    viewer, _, dock, settled = opened()
    layer = dock.layers.of("f")
    layer.contrast_limits = (0.3, 0.6)
    layer.colormap = "gray"
    viewer.scene.camera.zoom *= 2.5
    viewer.scene.camera.center = (0, 3, -4)
    before = (viewer.scene.camera.zoom, tuple(viewer.scene.camera.center))
    assert not dock.back.isEnabled()
    qtbot.mouseClick(dock.on, Qt.MouseButton.LeftButton)
    settled()
    assert dock.entry.name == NAME.format(2)
    assert dock.layers.of("f") is layer
    assert layer.data.shape == (4, 12, 12)
    assert tuple(layer.contrast_limits) == (0.3, 0.6)
    assert layer.colormap.name == "gray"
    assert (viewer.scene.camera.zoom, tuple(viewer.scene.camera.center)) == before
    assert all(name.endswith(NAME.format(2)) for name in names(viewer))
    qtbot.mouseClick(dock.back, Qt.MouseButton.LeftButton)
    settled()
    assert layer.data.shape == (3, 10, 10)


def test_keys_on_the_canvas_step_too(opened, qtbot):
    _, hands, dock, settled = opened()
    for key, name in (
        (Qt.Key.Key_Down, NAME.format(2)),
        (Qt.Key.Key_Up, NAME.format(1)),
        (Qt.Key.Key_Up, NAME.format(1)),
    ):
        qtbot.keyClick(hands.canvas, key, Qt.KeyboardModifier.ShiftModifier)
        qtbot.keyRelease(hands.canvas, Qt.Key.Key_Shift)
        settled()
        assert dock.entry.name == name


def test_a_broken_scan_tells_its_error_leaves_the_maps_of_the_one_before_and_can_be_listed_alone(opened, qtbot):
    viewer, _, dock, settled = opened()
    where = dock.scans.visualItemRect(dock.scans.item(2)).center()
    qtbot.mouseClick(dock.scans.viewport(), Qt.MouseButton.LeftButton, pos=where)
    settled()
    assert "has 3 numbers (b-values)" in dock.details.text()
    assert f"still those of {NAME.format(1)}" in dock.details.text()
    assert all(name.endswith(NAME.format(1)) for name in names(viewer))
    assert not dock.on.isEnabled()
    dock.shown.value = "failed"
    assert [dock.scans.item(n).text() for n in range(dock.scans.count())] == [f"✕ {NAME.format(3)}"]
    dock.shown.value = "all scans"
    assert dock.scans.count() == 3
    assert dock.entry.name == NAME.format(3)
    viewer.layers.clear()
    dock.step(-1)
    settled()
    assert len(viewer.layers) == 7  # what the user has removed comes back with the next scan


def test_fields_are_opened_as_zoom_layers_that_follow_the_scan(opened, qtbot, settle):
    viewer, _, dock, settled = opened()
    dock.map.value = "p2"
    assert [layer.visible for layer in viewer.layers].count(True) == 1
    dock.zoom.value = True
    settled()
    zoom = dock.layers.of(ZOOM)
    assert session_of(zoom).parameter_of(zoom) == "p2"
    assert [layer for layer in viewer.layers if layer.visible] == [zoom]
    settle(zoom)
    zoom.contrast_limits = (0.05, 0.3)
    viewer.scene.camera.zoom *= 2
    before = viewer.scene.camera.zoom
    dock.step(1)
    settled()
    other = dock.layers.of(ZOOM)
    settle(other)
    assert other is not zoom
    assert session_of(zoom) is None
    assert tuple(other.contrast_limits) == (0.05, 0.3)
    assert viewer.scene.camera.zoom == before
    dock.zoom.value = False
    settled()
    assert dock.layers.of(ZOOM) is None
    assert [layer.name for layer in viewer.layers if layer.visible] == [
        f"p2 · orientation coherence · {NAME.format(2)}"
    ]


def test_the_window_goes_on_while_a_scan_is_read_and_only_the_last_that_was_asked_for_is_shown(
    opened, qtbot, monkeypatch
):
    viewer, _, dock, settled = opened()
    go, readers = threading.Event(), []

    def slow(question):
        readers.append((threading.current_thread().name, question.entry.name))
        assert go.wait(20)
        return read_scan(question)

    monkeypatch.setattr(cohort_widget, "read_scan", slow)
    qtbot.mouseClick(dock.on, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(readers) == 1)
    qtbot.mouseClick(dock.back, Qt.MouseButton.LeftButton)  # the window answers, though nothing has been read yet
    assert dock.entry.name == NAME.format(1)
    qtbot.mouseClick(dock.on, Qt.MouseButton.LeftButton)
    assert all(name.endswith(NAME.format(1)) for name in names(viewer))
    go.set()
    settled()
    assert {thread for thread, _ in readers} == {THREAD_NAME}
    assert [name for _, name in readers] == [NAME.format(2), NAME.format(2)]  # the one in between was never read
    assert all(name.endswith(NAME.format(2)) for name in names(viewer))


class TestFolders:
    def test_strange_tables_are_refused(self, tmp_path):
        for text in ("scan\nx\n", "scan,status,flags,error,folder\nx,fitted,,,../elsewhere\n", "\0\n\0"):
            (tmp_path / TABLE).write_text(text)
            with pytest.raises(InputError, match="table of a cohort"):
                assert FinishedCohort.open(tmp_path).entries

    def test_maps_that_are_gone_are_told(self, folder, tmp_path):
        (tmp_path / TABLE).write_bytes((folder / TABLE).read_bytes())
        with pytest.raises(InputError, match="has no maps of"):
            read_maps(FinishedCohort.open(tmp_path).entries[0])
