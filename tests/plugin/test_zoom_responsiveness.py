"""The window keeps answering: stalls measured by a heartbeat, next to an ordinary multiscale image in the same window.

Limits: over zooming, panning and slicing together 99 % of gaps within 60 ms, or within 30 ms of the ordinary image's
where that is more; in each of these and in rolling the longest within max(150 ms, that of the ordinary image + 70 ms).
This is meant for a machine of one's own. Where others hold the processor, the limits grow by the share of it that is
denied to this process (measured by spinning: 1 on a free machine). Of fewer than a hundred beats, as where frames take
long to draw, the percentile is in effect the longest gap, and so no easier to keep. There are up to four attempts, each
with a fresh field and an empty cache: a stall the layer makes would come back.

What is measured depends on the machine all the same, so it is a slow test; benchmarks/viewer.py has the whole table.
Who evaluates, and how much at a time, does not, and is tested always.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin.zoom.session import session_of
from napari_smi_inr.plugin.zoom.worker import THREAD_NAME

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
    """Gaps [ms] and denied share of each gesture, from the home view."""
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
        found[name] = (heart.gaps, max(before, denied()))
    return found


def p99(found):
    """99th percentile over the flowing gestures."""
    return np.percentile(np.concatenate([found[name][0] for name in ("zoom", "pan", "z")]), 99)


def excess(found, baseline):
    """How far each limit is exceeded [ms]; at most 0 where it is kept."""
    over = {}
    for name, (gaps, share) in found.items():
        over[name] = gaps.max() - max(150 * share, baseline[name][0].max() + 70 * share)
    share = max(found[name][1] for name in ("zoom", "pan", "z"))
    over["p99"] = p99(found) - max(60 * share, p99(baseline) + 30 * share)
    return over


@pytest.mark.slow
def test_the_window_answers_while_the_field_is_evaluated(window, make_field, settle, pump, make_heartbeat, slicing):
    viewer, hands = window(slicing, size=(1150, 720))
    image = add_still_pyramid(viewer)
    field = make_field(microseconds=FIELD_MICROSECONDS)
    layer = add_zoom_layer(viewer, field, "f", visible=False)
    settle(layer)
    for each in (image, layer):  # once unmeasured, for shaders and imports
        image.visible, layer.visible = each is image, each is layer
        measure(hands, pump, make_heartbeat, viewer)
    left = {*gestures(hands, pump), "p99"}
    for _ in range(ATTEMPTS):
        image.visible, layer.visible = True, False
        baseline = measure(hands, pump, make_heartbeat, viewer)
        field = make_field(microseconds=FIELD_MICROSECONDS)
        session_of(layer).replace_field(field)
        image.visible, layer.visible = False, True
        settle(layer)
        found = measure(hands, pump, make_heartbeat, viewer)
        left &= {name for name, ms in excess(found, baseline).items() if ms > 0}
        for name, (gaps, share) in found.items():
            still = baseline[name][0].max()
            print(f"{name:5} longest {gaps.max():.0f} ms, ordinary image {still:.0f} ms, denied {share:.1f}")
        print(f"p99 {p99(found):.0f} ms, ordinary image {p99(baseline):.0f} ms")
        if not left:
            break
    assert not left
    assert field.threads == {THREAD_NAME}


def test_a_slow_field_is_never_waited_for(window, make_field, pump, slicing):
    viewer, hands = window(slicing)
    field = make_field(microseconds=10)
    add_zoom_layer(viewer, field, "f")
    for gesture in gestures(hands, pump).values():
        gesture()
    assert field.threads == {THREAD_NAME}
    assert field.largest * field.microseconds * 1e-6 <= 0.030
