"""The window keeps answering: stalls measured by a heartbeat, next to an ordinary multiscale image in the same window.

Limits for zoom, pan and slices: 99 % of gaps within 60 ms, or within 30 ms of the ordinary image's where that is more
(of a hundred beats or more: fewer have no 99th percentile, and mean that the machine was busy elsewhere). For these and
for rolling: the longest within max(150 ms, that of the ordinary image + 70 ms). This is meant for a machine of one's
own. Where others hold the processor, the limits grow by the share of it that is denied to this process (measured by
spinning: 1 on a free machine), and each gesture has up to four attempts, every one with a fresh field and an empty
cache: a stall the layer makes would come back in each.
"""

from __future__ import annotations

import time

import numpy as np

from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin.session import session_of
from napari_smi_inr.plugin.worker import THREAD_NAME

FIELD_MICROSECONDS = 2
ATTEMPTS = 4


def add_still_pyramid(viewer):
    """An ordinary multiscale image in memory, over the same box, with levels like the zoom layer's."""
    sizes = [round(1764 / 2 ** (k / 2)) for k in range(7)]
    plane = np.random.default_rng(0).random((sizes[0], sizes[0]), np.float32)
    levels = [np.broadcast_to(plane[:n, :n], (n * 8 // 28, n, n)) for n in sizes]
    scale = np.array([24 / levels[0].shape[0], 84 / sizes[0], 84 / sizes[0]])
    low = np.array([-11.5, -42.5, -41.5])
    options = {"units": ("mm",) * 3, "interpolation2d": "linear", "contrast_limits": (0, 1), "projection_mode": "none"}
    return viewer.add_image(levels, multiscale=True, scale=scale, translate=low + scale / 2, name="still", **options)


def gestures(hands, pump):
    """Name each gesture and do it with real events, at the pace of a hand."""

    def zoom():
        for _ in range(15):
            hands.wheel(0.9)
            pump(33)

    def pan():
        for dx, dy in ((120, 40), (-160, 60), (40, -100)):
            hands.drag(dx, dy, steps=6, pause=lambda: pump(25))

    def slide():
        for _ in range(8):
            hands.slider.setValue(hands.slider.value() + 1)
            pump(33)

    def roll():
        hands.button("roll").click()
        pump(300)

    return {"zoom": zoom, "pan": pan, "z": slide, "roll": roll}


def denied():
    """Wall-clock seconds per second of processor time granted to this thread."""
    wall, granted = time.perf_counter(), time.thread_time()
    while time.thread_time() - granted < 0.03:
        sum(range(1000))
    return (time.perf_counter() - wall) / (time.thread_time() - granted)


def measure(hands, pump, make_heartbeat, viewer):
    """99th percentile and maximum of the gaps [ms], and the denied share, of each gesture from the home view."""
    viewer.dims.order = (0, 1, 2)
    viewer.reset_view()
    viewer.dims.set_current_step(0, viewer.dims.nsteps[0] // 2)
    pump(300)
    found = {}
    for name, gesture in gestures(hands, pump).items():
        before = denied()
        with make_heartbeat() as heart:
            gesture()
            pump(150)
        p99 = np.percentile(heart.gaps, 99) if len(heart.gaps) >= 100 else 0.0
        found[name] = np.array([p99, heart.gaps.max(), max(before, denied())])
    return found


def excess(found, baseline):
    """How far each gesture exceeds its limits [ms]; at most 0 when it keeps them."""
    worst = {}
    for name, (p99, longest, share) in found.items():
        base99, base_longest, _ = baseline[name]
        worst[name] = longest - max(150 * share, base_longest + 70 * share)
        if name != "roll":  # a single event: it has a longest gap, but no percentile
            worst[name] = max(worst[name], p99 - max(60 * share, base99 + 30 * share))
    return worst


def test_the_window_answers_while_the_field_is_evaluated(window, make_field, settle, pump, make_heartbeat, slicing):
    viewer, hands = window(slicing, size=(1150, 720))
    image = add_still_pyramid(viewer)
    field = make_field(microseconds=FIELD_MICROSECONDS)
    layer = add_zoom_layer(viewer, field, "f", visible=False)
    settle(layer)
    left = set(gestures(hands, pump))
    for _ in range(ATTEMPTS):
        image.visible, layer.visible = True, False
        baseline = measure(hands, pump, make_heartbeat, viewer)
        field = make_field(microseconds=FIELD_MICROSECONDS)
        session_of(layer).replace_field(field)
        image.visible, layer.visible = False, True
        settle(layer)
        found = measure(hands, pump, make_heartbeat, viewer)
        left &= {name for name, ms in excess(found, baseline).items() if ms > 0}
        for name in found:
            print(f"{name:5} p99, max [ms], denied: still {baseline[name].round(1)}, zoom layer {found[name].round(1)}")
        if not left:
            break
    assert not left
    assert field.threads == {THREAD_NAME}


def test_a_slow_field_is_never_waited_for(window, make_field, pump):
    viewer, hands = window()
    field = make_field(microseconds=10)
    add_zoom_layer(viewer, field, "f")
    for gesture in gestures(hands, pump).values():
        gesture()
    assert field.threads == {THREAD_NAME}
    assert field.largest * field.microseconds * 1e-6 <= 0.030
