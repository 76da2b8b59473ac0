"""Beyond a field's own detail there is nothing more to evaluate: what is drawn from there on, and what it saves."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin.zoom.channels import DIRECTION, Channels, direction_colours
from napari_smi_inr.plugin.zoom.pyramid import Pyramid
from napari_smi_inr.plugin.zoom.session import session_of
from napari_smi_inr.plugin.zoom.source import Source
from napari_smi_inr.plugin.zoom.view_state import PlaneView
from napari_smi_inr.plugin.zoom.worker import TileWorker
from napari_smi_inr.plugin.zoom.zoom_image import ZoomImage
from napari_smi_inr.sampling.coordinates import napari_to_world
from napari_smi_inr.signal_model.spherical_harmonics import P2_SCALE, real_sh, second_moments

DETAIL = 6.0


class SmoothField:
    """Random waves no finer than a detail of 6 mm, bent as a network bends them, with directions."""

    parameters = ("Di", "f", "p2")
    detail = DETAIL

    def __init__(self, like):
        self.affine, self.mask = like.affine, like.mask
        random = np.random.default_rng(3)
        self.waves = random.standard_normal((3, 60)) / DETAIL
        self.weights = random.standard_normal((60, 7)) / 60**0.5
        self.points = 0

    def sample_orientation(self, points_mm):
        self.points += len(points_mm)
        out = 1.7 * np.sin(np.asarray(points_mm) @ self.waves + 1) @ self.weights
        bounded = 1 / (1 + np.exp(-out[:, :2]))
        second = 0.3 * np.tanh(out[:, 2:])
        p2 = P2_SCALE * np.linalg.norm(second, axis=1, keepdims=True)
        return np.concatenate([4 * bounded[:, :1], bounded[:, 1:], p2, second], axis=1).astype(np.float32)

    def sample(self, points_mm):
        return self.sample_orientation(points_mm)[:, :3]


@pytest.fixture
def smooth(make_field):
    return SmoothField(make_field())


@pytest.fixture
def start():
    workers = []

    def begin(field):
        source = Source.of(field, Pyramid.around(field.affine, field.mask.shape))
        workers.append(TileWorker(source, lambda: None, workers.append))
        return workers[-1], source

    yield begin
    assert all(worker.stop() for worker in workers)


def until_idle(worker):
    end = time.monotonic() + 20
    while not worker.idle:
        assert time.monotonic() < end
        time.sleep(0.002)


def central_view(pyramid, axis, level, size=300):
    spans = [(max(n // 2 - size // 2, 0), min(n // 2 + size // 2, n)) for n in pyramid.shapes[level]]
    plane = float(pyramid.low[axis] + pyramid.high[axis]) / 2 + 0.37
    return PlaneView(axis, plane, level, *(span for a, span in enumerate(spans) if a != axis))


def truth(source, parameter, view):
    rows, columns = np.meshgrid(*view.positions(source.pyramid), indexing="ij")
    points = np.insert(np.stack([rows, columns], -1).reshape(-1, 2), view.axis, view.plane, axis=1)
    recipe = source.channels.recipe(parameter)
    values = source.channels.sample(napari_to_world(points))[:, list(recipe.columns)]
    return recipe.finish(values.T.reshape(-1, *view.shape))


@pytest.mark.parametrize(("parameter", "display"), [("Di", 2.0), ("f", 1.0), ("p2", 0.8), (DIRECTION, 1.0)])
def test_what_is_interpolated_differs_by_less_than_half_a_percent_of_the_display_range(
    smooth, start, parameter, display
):
    worker, source = start(smooth)
    until_idle(worker)
    assert 0.2 < source.pyramid.step(source.limit).max() < DETAIL / 4
    image = ZoomImage(worker, lambda: source, parameter, lambda axis: None)
    for axis in range(3):
        for closer in (2, 5, 9):  # levels, each a factor of 1.4
            view = central_view(source.pyramid, axis, max(source.limit - closer, 0))
            image.read(view)
            until_idle(worker)
            shown = image.read(view)[..., :3] if parameter == DIRECTION else image.read(view)
            assert np.abs(shown - truth(source, parameter, view)).max() < 0.005 * display


def test_a_field_of_unknown_detail_is_evaluated_at_every_pixel(make_field, start):
    worker, source = start(make_field())
    until_idle(worker)
    assert source.limit == 0
    view = central_view(source.pyramid, 0, 6)
    image = ZoomImage(worker, lambda: source, "f", lambda axis: None)
    image.read(view)
    until_idle(worker)
    np.testing.assert_array_equal(image.read(view), truth(source, "f", view))


def test_zooming_in_thirty_times_costs_no_more_than_six_times(window, smooth, settle, pump):
    viewer, hands = window()
    layer = add_zoom_layer(viewer, smooth, "p2")
    settle(layer)

    def closer(factor):
        before, zoom = smooth.points, viewer.scene.camera.zoom
        while viewer.scene.camera.zoom < factor * zoom:
            hands.wheel(1)
            pump(20)
        settle(layer)
        return smooth.points - before

    assert closer(6) >= 0
    level = layer.data_level
    assert closer(5) == 0
    assert layer.data_level < level  # finer pixels on the screen, from the same samples
    assert session_of(layer).worker.tally.evaluated < np.prod(layer.data[0].image.viewed.shape) / 4


def test_colours_of_one_bundle_are_its_direction_as_bright_as_it_is_coherent():
    for n in np.array([[1, 0, 0], [0, 0.6, 0.8], [2, 1, -2]]) / np.array([[1], [1], [3]]):
        for coherence in (1.0, 0.5):
            second = coherence * real_sh(n[None], 2)[0, 1:]
            np.testing.assert_allclose(second_moments(second), coherence * (n**2 - 1 / 3), atol=1e-12)
            colour = direction_colours(second.astype(np.float32))
            np.testing.assert_allclose(colour, np.minimum(coherence * np.abs(n) / 0.8, 1), atol=0.04)
    np.testing.assert_allclose(direction_colours(np.zeros((5, 2, 2), np.float32)), 0, atol=1e-6)


def test_directions_are_offered_where_a_field_knows_them(smooth, make_field):
    assert Channels(smooth).shown == ("Di", "f", "p2", DIRECTION)
    assert Channels(make_field()).shown == ("f", "Di", "S0")


def test_the_map_of_directions_is_a_layer_in_colours_that_fades_out(window, smooth, settle, pump, slicing):
    viewer, hands = window(slicing)
    smooth.mask = np.indices(smooth.mask.shape).sum(axis=0) > 25
    layer = add_zoom_layer(viewer, smooth, DIRECTION)
    assert layer.rgb
    settle(layer)
    for gesture in (lambda: hands.wheel(3), lambda: hands.button("roll").click(), lambda: hands.drag(60, 10)):
        gesture()
        settle(layer)
        image = layer.data[0].image
        drawn = image.read(image.viewed)
        assert drawn.shape[-1] == 4
        assert ((drawn[..., 3] > 0.05) & (drawn[..., 3] < 0.95)).any()  # half transparent at the edge
        expected = truth(session_of(layer)._source, DIRECTION, image.viewed)
        assert np.abs(drawn[..., :3] - expected)[drawn[..., 3] > 0].max() < 0.005
    hands.button("ndisplay_button").click()
    settle(layer)
    hands.button("ndisplay_button").click()
    settle(layer)


def test_the_field_is_shown_as_far_beyond_its_mask_as_asked(window, smooth, settle):
    viewer, _ = window()
    smooth.mask = np.zeros(smooth.mask.shape, bool)
    smooth.mask[6:14, 6:22, 1:7] = True
    layer = add_zoom_layer(viewer, smooth, "f")
    settle(layer)
    session = session_of(layer)

    def width():
        """Of what is shown along x [mm], as 1-D area over height."""
        image = layer.data[0].image
        shown = np.isfinite(image.read(image.viewed))
        row = shown[shown.shape[0] // 2]
        return row.sum() * image.pyramid.step(image.viewed.level)[2]

    voxels = 8 * 3.0
    assert voxels < width() < voxels + 2 * session.edge.fade
    before = smooth.points
    session.extrapolate(4.0)
    settle(layer)
    assert voxels + 8 < width() < voxels + 8 + 2 * session.edge.fade
    assert smooth.points > before
    before = smooth.points
    session.extrapolate(1.0)
    settle(layer)
    assert voxels + 2 < width() < voxels + 2 + 2 * session.edge.fade
    assert smooth.points == before  # less is only hidden
