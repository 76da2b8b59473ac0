"""Keys on the canvas, pressed as a hand would."""

import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt

from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin._qt.explore_widget import TITLE, explorer_of
from napari_smi_inr.plugin.keys import FLICKER, KEYS, bind_keys
from napari_smi_inr.plugin.preferences import preferences


@pytest.fixture
def press(qtbot):
    def on_canvas(hands, key, modifier=Qt.KeyboardModifier.ShiftModifier):
        qtbot.keyPress(hands.canvas, key, modifier)
        qtbot.wait(50)
        qtbot.keyRelease(hands.canvas, key, modifier)
        qtbot.keyRelease(hands.canvas, Qt.Key.Key_Shift)  # else Qt takes it as held, in the next test too
        qtbot.wait(50)

    return on_canvas


def bound(viewer):
    return {str(key) for key in viewer.__wrapped__.keymap}


def test_no_key_means_anything_else_in_napari():
    ours = {key.replace("-", "+") for key in (*KEYS, FLICKER)}
    theirs = {str(key) for keys in get_settings().shortcuts.shortcuts.values() for key in keys}
    assert not ours & theirs


def test_a_key_opens_the_dock_and_letters_alone_stay_naparis(window, make_field, settle, press):
    viewer, hands = window()
    layer = add_zoom_layer(viewer, make_field(), "f")
    settle(layer)
    press(hands, Qt.Key.Key_V, Qt.KeyboardModifier.NoModifier)  # napari: hide the selected layers
    assert not layer.visible
    press(hands, Qt.Key.Key_V, Qt.KeyboardModifier.NoModifier)
    assert explorer_of(viewer) is None
    press(hands, Qt.Key.Key_E)
    assert explorer_of(viewer) is not None
    press(hands, Qt.Key.Key_E)  # again: in front, not twice
    assert list(viewer.window.dock_widgets) == [TITLE]


def test_keys_of_the_users_own_stay_and_none_are_bound_for_who_wants_none(make_napari_viewer_proxy, monkeypatch):
    viewer = make_napari_viewer_proxy()
    monkeypatch.setattr(preferences(), "keys", False)
    bind_keys(viewer)
    assert "Shift+G" not in bound(viewer)
    monkeypatch.setattr(preferences(), "keys", True)
    pressed = []
    viewer.bind_key("Shift-G", lambda viewer: pressed.append(viewer))
    own = viewer.__wrapped__.keymap
    before = {str(key): action for key, action in own.items()}["Shift+G"]
    bind_keys(viewer)
    after = {str(key): action for key, action in own.items()}
    assert after["Shift+G"] is before
    assert "Shift+C" in after
