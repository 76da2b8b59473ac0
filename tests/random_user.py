"""A user who does one thing after another without waiting, and what he may leave behind."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections import Counter
from contextlib import suppress

import numpy as np
import psutil
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.settings import get_settings
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest

from napari_smi_inr.plugin._qt.explore_widget import explorer_of
from napari_smi_inr.plugin._qt.inspector_widget import inspector_of
from napari_smi_inr.plugin.comparing.compare import comparison_in, end_comparison
from napari_smi_inr.plugin.comparing.comparison import Mode
from napari_smi_inr.plugin.field_layers import add_zoom
from napari_smi_inr.plugin.fods.fod_overlay import fod_overlay
from napari_smi_inr.plugin.layer_origin import origin_in_focus
from napari_smi_inr.plugin.napari_compat import main_window, unwrapped
from napari_smi_inr.plugin.taking.freeze_view import freeze_view
from napari_smi_inr.plugin.taking.take_away import cancel_all, copy_view
from napari_smi_inr.plugin.zoom.session import session_of

K, NONE, SHIFT = Qt.Key, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
MEGABYTES = 2**20
GROWTH = 50 * MEGABYTES


class RandomUser:
    """Does what a hand could do next, mostly with real events."""

    def __init__(self, viewer, hands, fits, seed):
        self.viewer, self.hands, self.fits = viewer, hands, fits
        self.rng = np.random.default_rng(seed)
        self.grid = True  # whether to use it
        self.done, self.complaints = [], []
        notification_manager.notification_ready.connect(self.hear)
        get_settings().experimental.async_ = False

    def hear(self, notification):
        if str(notification.severity) not in ("info", "debug"):
            self.complaints.append((self.done[-5:], notification.message))

    def act(self):
        """Do one thing, and let the window live for a moment."""
        if origin_in_focus(self.viewer) is None:  # nothing could be done without a fit
            add_zoom(self.viewer, self.pick(self.fits), "p2")
        self.done.append(self.rng.choice(self.actions()))
        getattr(self, self.done[-1])()
        QTest.qWait(int(self.rng.integers(0, 60)))

    def actions(self):
        """What can be done, each as likely as it is often in the list."""
        return sorted(name for name in dir(self) if name.startswith("do_"))

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def play(self, n):
        """Do so many things, about which nobody may complain."""
        for _ in range(n):
            self.act()
        assert self.complaints == []

    def press(self, key, modifier=SHIFT, held=0):
        QTest.keyPress(self.hands.canvas, key, modifier)
        QTest.qWait(held)
        QTest.keyRelease(self.hands.canvas, key, modifier)

    def place(self):
        canvas = self.hands.canvas
        return QPointF(*(self.rng.random(2) * (canvas.width(), canvas.height())))

    def do_zoom_in(self):
        self.hands.wheel(self.rng.uniform(0.5, 4), self.place())

    def do_zoom_out(self):
        self.hands.wheel(-self.rng.uniform(0.5, 4), self.place())

    def do_drag(self):
        self.hands.drag(*self.rng.uniform(-150, 150, 2), pause=lambda: QTest.qWait(5))

    def do_hover(self):
        nothing = Qt.MouseButton.NoButton
        for _ in range(3):
            self.hands._mouse(QMouseEvent.Type.MouseMove, self.place(), nothing, nothing)
            QTest.qWait(10)

    def do_go_home(self):
        self.hands.button("home").click()

    def do_slide(self):
        if self.viewer.dims.ndim == 3 and self.viewer.dims.ndisplay == 2:
            bar = self.hands.slider
            bar.setValue(int(self.rng.integers(bar.minimum(), bar.maximum() + 1)))

    def do_roll(self):
        self.hands.button("roll").click()

    def do_transpose(self):
        self.hands.button("transpose").click()

    def do_turn_to_3d_or_back(self):
        self.hands.button("ndisplay_button").click()

    def do_grid(self):
        if self.grid:
            self.hands.button("grid_view_button").click()

    def do_hide_or_show(self):
        self.viewer.layers.selection.active = self.pick(unwrapped(self.viewer).layers)
        self.press(K.Key_V, NONE)

    def do_select(self):
        self.viewer.layers.selection.active = self.pick(unwrapped(self.viewer).layers)

    def do_remove(self):
        self.do_select()
        self.hands.button("delete_button").click()

    def do_remove_all_but_few(self):
        while len(self.viewer.layers) > 4:
            self.do_remove()

    def do_add_map(self):
        fit = self.pick(self.fits)
        add_zoom(self.viewer, fit, self.pick([*fit.parameters, "direction"]))

    def do_change_contrast(self):
        layer = self.pick(unwrapped(self.viewer).layers)
        if hasattr(layer, "contrast_limits") and not getattr(layer, "rgb", False):
            layer.contrast_limits = sorted((*self.rng.random(2), 1.1))[::2]

    def do_extrapolate(self):
        explorer = explorer_of(self.viewer)
        session = self.pick([session_of(layer) for layer in unwrapped(self.viewer).layers])
        if explorer is not None:
            explorer.look.reach.value = self.rng.uniform(0, 2)
        elif session is not None:
            session.extrapolate(self.rng.uniform(0, 6))

    def do_glyphs(self):
        self.press(K.Key_G)

    def do_peaks(self):
        self.press(K.Key_K)

    def do_compare(self):
        if (
            self.grid or comparison_in(self.viewer).mode is not Mode.SWIPE
        ):  # which side by side, in a grid, would follow
            self.press(K.Key_C)
        else:
            end_comparison(self.viewer)

    def do_compare_with_the_next(self):
        self.press(K.Key_N)

    def do_flicker(self):
        self.press(K.Key_F, held=30)

    def do_turn_the_line(self):
        self.press(K.Key_T)

    def do_move_the_line(self):
        self.press(self.pick([K.Key_Left, K.Key_Right]))

    def do_drag_the_line(self):
        comparison = comparison_in(self.viewer)
        across = comparison.across() if comparison.mode is Mode.SWIPE else None
        if across is not None and comparison.line.position is not None:
            at, left, none = self.hands.centre, Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
            pixel = across.to_pixel(comparison.line.position)
            at = QPointF(pixel, at.y()) if across.upright else QPointF(at.x(), pixel)
            self.hands._mouse(QMouseEvent.Type.MouseButtonPress, at, left, left)
            end = self.place()
            for i in range(1, 5):
                self.hands._mouse(QMouseEvent.Type.MouseMove, at + (end - at) * (i / 4), none, left)
                QTest.qWait(5)
            self.hands._mouse(QMouseEvent.Type.MouseButtonRelease, end, left, none)

    def do_inspect(self):
        self.press(K.Key_I)

    def do_close_inspector(self):
        if inspector_of(self.viewer) is not None:
            self.viewer.window.remove_dock_widget(inspector_of(self.viewer))

    def do_explore(self):
        self.press(K.Key_E)

    def do_close_explorer(self):
        if explorer_of(self.viewer) is not None:
            self.viewer.window.remove_dock_widget(explorer_of(self.viewer))

    def do_change_theme(self):
        self.viewer.theme = "light" if self.viewer.theme == "dark" else "dark"

    def do_toggle_async(self):
        get_settings().experimental.async_ = not get_settings().experimental.async_

    def do_freeze(self):
        self.do_remove_all_but_few()
        if self.viewer.dims.ndisplay == 2 and self.rng.random() < 0.3:
            self.do_go_home()  # or there may be nothing to freeze in view
            freeze_view(self.viewer)

    def do_copy_view(self):
        if self.rng.random() < 0.2:
            copy_view(self.viewer)

    def tidy(self):
        """Bring the viewer to one and the same state, in which memory can be compared."""
        cancel_all(self.viewer)
        end_comparison(self.viewer)
        fod_overlay(self.viewer).change(show="off")
        self.do_close_inspector()
        self.do_close_explorer()
        self.dismiss_messages()
        self.viewer.layers.clear()
        self.viewer.dims.ndisplay = 2
        self.viewer.canvas.grid.enabled = False
        self.viewer.theme = "dark"
        get_settings().experimental.async_ = False
        QTest.qWait(300)

    def dismiss_messages(self):
        """Close those of this window, as napari itself does after a while, but not in tests."""
        for message in main_window(self.viewer).findChildren(NapariQtNotification):
            with suppress(ValueError):
                NapariQtNotification._instances.remove(message)
            message.deleteLater()

    def stop(self):
        self.tidy()
        notification_manager.notification_ready.disconnect(self.hear)


def keep_no_freed_memory():
    """Have glibc give large blocks back when they are freed.

    By itself it comes to keep blocks of up to 32 MB for later, in one heap a thread, and what is freed there in pieces
    stays with the process: over 600 actions 130 MB that nobody used, where what was in use grew by 10.
    """
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", lambda option, value: 1)
        for option, value in ((-3, 256 * 1024), (-8, 2)):  # M_MMAP_THRESHOLD, M_ARENA_MAX
            assert set_option(option, value) == 1


def settled_memory(qapp):
    """Bytes that this process holds when all garbage has gone, and what the C library keeps for later."""
    for _ in range(3):
        qapp.sendPostedEvents(None, int(QEvent.Type.DeferredDelete.value))
        gc.collect()
    if sys.platform == "linux":
        getattr(ctypes.CDLL(None), "malloc_trim", lambda keep: 0)(0)
    return psutil.Process().memory_info().rss


def own_objects():
    """How many objects of each of our classes are alive."""
    kinds = (type(thing) for thing in gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("napari_smi_inr"))


def own_threads():
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("smi-inr"))
