"""Pictures and movies: exact to the pixel, like the screen only finer, and nothing of the viewer is changed by them."""

from __future__ import annotations

import importlib.util
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QPushButton

from napari_smi_inr.errors import InputError
from napari_smi_inr.plugin import add_zoom_layer
from napari_smi_inr.plugin.taking import zoom_movie
from napari_smi_inr.plugin.taking.exact_frames import exact_frames
from napari_smi_inr.plugin.taking.fine_view import Cast
from napari_smi_inr.plugin.taking.overlay_scale import round_length
from napari_smi_inr.plugin.taking.picture import SCREEN, Resolution
from napari_smi_inr.plugin.taking.settled import also_wait_for, is_settled, no_longer_wait_for
from napari_smi_inr.plugin.taking.take_away import cancel_all, copy_view, save_picture, save_view, take_view
from napari_smi_inr.plugin.taking.zoom_movie import Flight, View, between, movie_steps, save_zoom_movie, whole_slice
from napari_smi_inr.sampling.mask import SmoothMask

SMALL = (820, 420)  # of the window


@pytest.fixture
def look(window, make_field, qtbot):
    """Open a small window on a zoom layer, and zoom in a little."""

    def open_window(slicing=False, **options):
        viewer, hands = window(slicing, SMALL)
        field = make_field(**options)
        layer = add_zoom_layer(viewer, field, "f")
        qtbot.wait(300)  # the layer list makes its room
        viewer.scene.camera.zoom = 20.0
        viewer.scene.camera.center = (0, 2.0, -5.0)
        return viewer, hands, field, layer

    return open_window


def colours_there(viewer, field, layer, picture, view=None):
    """Greatest difference [grey levels] of the middle of a picture from the field's values through the colormap."""
    zoom = view.zoom if view else viewer.scene.camera.zoom
    centre = view.centre if view else viewer.scene.camera.center[-2:]
    height, width = picture.shape[:2]
    scale = zoom * width / viewer.canvas.size[1]
    rows, columns = (np.arange(n // 4, n - n // 4) for n in (height, width))
    vertical = centre[0] + (height / 2 - (rows + 0.5)) / scale  # up is superior and anterior
    horizontal = centre[1] + ((columns + 0.5) - width / 2) / scale
    points = np.empty((len(rows), len(columns), 3))
    _, first, second = (2 - axis for axis in viewer.dims.order)
    points[..., 2 - viewer.dims.order[0]] = viewer.dims.point[viewer.dims.order[0]]
    points[..., first], points[..., second] = vertical[:, None], horizontal
    points = points.reshape(-1, 3)
    inside = SmoothMask(field.mask, field.affine).distance(points) > 1.5  # mm from where the picture fades
    assert inside.mean() > 0.2
    values = field.truth(points)[:, 0]
    low, high = layer.contrast_limits
    expected = 255 * layer.colormap.map(np.clip((values - low) / (high - low), 0, 1))[:, :3]
    seen = picture[np.ix_(rows, columns)][..., :3].reshape(-1, 3)
    return np.abs(seen - expected)[inside].max()


def state(viewer):
    own = viewer.canvas.overlays
    models = [own[name] for name in own if not name.startswith("_")]
    models += [overlay for each in viewer.layers for overlay in (each.colorbar, each.name_overlay)]
    sizes = [getattr(m, name, None) for m in models for name in ("font_size", "size", "tick_length", "length")]
    camera = viewer.scene.camera
    padding = viewer.canvas.overlay_tiling.padding
    return viewer.canvas.size, camera.zoom, camera.center, viewer.dims.point, padding, sizes


def test_a_print_is_exact_in_every_pixel_and_leaves_the_viewer_as_it_was(look, slicing, pump):
    viewer, _, field, layer = look(slicing)
    viewer.dims.order = (1, 0, 2)  # which makes napari show the whole slice
    viewer.scene.camera.zoom = 12.0
    take_view(viewer)
    before, level = state(viewer), layer.data_level
    picture = take_view(viewer, Resolution(3))
    height, width = viewer.canvas.size
    assert picture.shape == (3 * height, 3 * width, 3)
    assert colours_there(viewer, field, layer, picture) < 2  # rounding, and texels of 0.7 pixels
    pump(100)
    assert state(viewer) == before
    assert layer.data_level == level
    assert colours_there(viewer, field, layer, viewer.screenshot(flash=False)) < 3


def bar_length(picture):
    """Pixels of the longest white line in the lowest tenth of a picture."""
    longest = 0
    for row in picture[-picture.shape[0] // 10 :]:
        ends = np.flatnonzero(np.diff(np.concatenate([[0], (row.min(axis=-1) > 200).astype(int), [0]])))
        longest = max([longest, *(ends[1::2] - ends[::2])])
    return longest


def test_a_print_looks_like_the_screen(look, pump):
    viewer, _, _, _ = look()
    viewer.add_points([[2.0, 2.0, -5.0]], size=4, face_color="red", border_width=0)  # others are in it, too
    screen, fine = take_view(viewer), take_view(viewer, Resolution(2))
    assert bar_length(fine) == pytest.approx(2 * bar_length(screen), abs=3)
    height, width, _ = screen.shape
    shrunk = fine.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    assert tuple(shrunk[height // 2, width // 2]) == (255, 0, 0)
    alike = np.abs(shrunk - screen).max(axis=-1) < 40
    assert alike.mean() > 0.97  # edges of letters and boxes differ
    corner = np.s_[: height // 4, width // 2 :]  # the colour bar
    assert alike[corner].mean() > 0.9


def test_what_changes_meanwhile_is_taken_anew(look, monkeypatch):
    viewer, hands, field, layer = look()
    learn, rehearsals = Cast.learn, []

    def disturbed(cast):
        rehearsals.append(viewer.dims.point[0])
        if len(rehearsals) == 1:
            hands.slider.setValue(hands.slider.value() + 2)
        yield from learn(cast)

    monkeypatch.setattr(Cast, "learn", disturbed)
    picture = take_view(viewer, Resolution(2))
    monkeypatch.undo()  # which holds the window
    assert np.diff(rehearsals) == pytest.approx([1.5])
    assert colours_there(viewer, field, layer, picture) < 2


def test_pictures_wait_for_others_and_lose_patience(look, pump, monkeypatch):
    viewer, _, _, _ = look()
    done = []
    check = lambda asked: bool(done)  # noqa: E731
    also_wait_for(check)
    try:
        assert not is_settled(viewer)
        monkeypatch.setattr("napari_smi_inr.plugin.taking.picture.PATIENCE", 0.2)
        with pytest.raises(InputError, match="not complete"):
            take_view(viewer)
        monkeypatch.undo()
        done.append(1)
        assert take_view(viewer).shape[:2] == viewer.canvas.size
    finally:
        no_longer_wait_for(check)


def test_copy_and_save_from_the_section(look, qtbot, pump, tmp_path, monkeypatch):
    from napari_smi_inr.plugin._qt.take_away_section import ON_PAPER, TakeAwaySection

    viewer, _, field, layer = look()
    told = []
    monkeypatch.setattr("napari_smi_inr.plugin.taking.take_away.show_info", told.append)
    monkeypatch.setattr("napari_smi_inr.plugin.taking.take_away.show_error", told.append)
    monkeypatch.setattr("napari_smi_inr.plugin._qt.take_away_section.show_error", told.append)
    monkeypatch.setattr("napari_smi_inr.plugin.taking.take_away.ask_for_file", lambda *args: tmp_path / "a.png")
    section = TakeAwaySection(viewer)
    qtbot.addWidget(section)
    section.show()
    assert all(b.accessibleName() and b.toolTip() for b in section.findChildren(QPushButton))
    section.fineness.value = 2.0
    section.copy_button.click()
    section.copy_button.click()  # one at a time
    qtbot.waitUntil(lambda: len(told) == 2, timeout=10_000)
    assert "already" in told[0]
    image = QGuiApplication.clipboard().image()
    height, width = viewer.canvas.size
    assert (image.height(), image.width()) == (2 * height, 2 * width)
    section.fineness.value = ON_PAPER
    section.dpi.value, section.width_cm.value = 200, 5.0
    assert section.extent.text().startswith("394 x ")
    section.save_button.click()
    qtbot.waitUntil(lambda: (tmp_path / "a.png").exists(), timeout=10_000)
    with Image.open(tmp_path / "a.png") as saved:
        assert saved.width == 394
        assert saved.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert colours_there(viewer, field, layer, np.asarray(saved)) < 2
    section.width_cm.value = 200.0
    section.dpi.value = 2400
    assert "million pixels" in section.extent.text()
    section.copy_button.click()
    qtbot.waitUntil(lambda: any("coarser" in words for words in told), timeout=10_000)
    assert "shows no fit" in section.amount.text()  # a bare field
    section.close_section()
    viewer.layers.clear()
    pump(400)


def test_bad_names_and_numbers_are_refused(tmp_path, look):
    with pytest.raises(InputError, match=r"\.png"):
        save_picture(np.zeros((2, 2, 3), np.uint8), tmp_path / "a.jpeg", 96)
    with pytest.raises(InputError, match="positive"):
        Resolution.on_paper(300, 0)
    path = save_picture(np.zeros((20, 30, 3), np.uint8), tmp_path / "a.tif", 300)
    with Image.open(path) as saved:
        assert saved.size == (30, 20)
        assert float(saved.info["dpi"][0]) == 300
    viewer, *_ = look()
    viewer.scene.camera.zoom = 0.5
    with pytest.raises(InputError, match="Zoom in"):
        next(movie_steps(viewer, tmp_path / "a.gif"))
    with pytest.raises(InputError, match=r"\.gif"):
        next(movie_steps(viewer, tmp_path / "a.webm"))
    viewer.dims.ndisplay = 3
    with pytest.raises(InputError, match="no plane"):
        next(movie_steps(viewer, tmp_path / "a.gif"))
    assert take_view(viewer, Resolution(2)).shape[0] == 2 * viewer.canvas.size[0]


def test_it_ends_with_the_window_and_when_cancelled(look, pump, tmp_path):
    viewer, _, _, _ = look(microseconds=20)
    save_view(viewer, Resolution(4), tmp_path / "a.png")
    pump(100)
    cancel_all(viewer)
    pump(100)
    copy_view(viewer, Resolution(4))
    pump(300)
    viewer.close()
    pump(100)
    assert not list(tmp_path.iterdir())


def test_the_way_in_is_straight_and_even():
    start, end = View((0.0, 0.0), 2.0), View((10.0, -4.0), 32.0)
    assert between(start, end, 0) == start
    assert between(start, end, 1) == end
    views = [between(start, end, share) for share in np.linspace(0, 1, 9)]
    ratios = [b.zoom / a.zoom for a, b in pairwise(views)]
    assert ratios == pytest.approx([ratios[0]] * 8)
    # where the target is on the canvas: moves to its middle in proportion to nothing but the size of things
    at = [(10.0 - v.centre[0]) * v.zoom for v in views]
    sizes = [v.zoom for v in views]
    slope = np.diff(at) / np.diff(sizes)
    assert slope == pytest.approx([slope[0]] * 8)
    shares = Flight(seconds=1, rest=0.2, fps=10).shares()
    assert len(shares) == 14
    assert shares[:2] == [0, 0]
    assert shares[-2:] == [1, 1]


def test_a_movie_goes_from_wide_to_close_with_exact_frames(look, tmp_path, monkeypatch):
    import imageio.v2 as imageio

    viewer, _, field, layer = look()
    viewer.scene.camera.zoom = 4 * whole_slice(viewer).zoom
    frames = []
    append = zoom_movie._append
    monkeypatch.setattr(
        zoom_movie, "_append", lambda w, gif, picture: (frames.append(picture), append(w, gif, picture))
    )
    before = state(viewer)
    path = save_zoom_movie(viewer, tmp_path / "zoom.gif", Flight(seconds=0.4, rest=0, fps=10))
    assert state(viewer) == before
    assert len(frames) == len(imageio.mimread(path)) == 4
    start = whole_slice(viewer)
    end = View(tuple(viewer.scene.camera.center[-2:]), viewer.scene.camera.zoom)
    for frame, share in zip(frames, Flight(0.4, 0, 10).shares(), strict=True):
        assert colours_there(viewer, field, layer, frame, between(start, end, share)) < 3
    assert [p.name for p in tmp_path.iterdir()] == ["zoom.gif"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imageio's reader leaves its pipes open
@pytest.mark.skipif(importlib.util.find_spec("imageio_ffmpeg") is None, reason="the extra 'movie' is not installed")
def test_a_movie_as_mp4(look, tmp_path):
    import imageio.v2 as imageio

    viewer, *_ = look()
    viewer.scene.camera.zoom = 3 * whole_slice(viewer).zoom
    path = save_zoom_movie(viewer, tmp_path / "zoom.mp4", Flight(seconds=0.4, rest=0, fps=10))
    frames = imageio.mimread(path)
    assert len(frames) == 4
    assert abs(frames[0].shape[0] - viewer.canvas.size[0]) <= 1
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 5


@pytest.mark.skipif(importlib.util.find_spec("napari_animation") is None, reason="napari-animation is not installed")
def test_napari_animation_takes_exact_frames(look, tmp_path):
    import imageio.v2 as imageio
    from napari_animation import Animation

    viewer, _, field, layer = look()
    zoom = viewer.scene.camera.zoom
    with exact_frames(viewer) as patient:
        animation = Animation(patient)
        viewer.scene.camera.zoom = zoom / 3
        animation.capture_keyframe()
        viewer.scene.camera.zoom = zoom
        animation.capture_keyframe(steps=3)
        animation.animate(tmp_path / "frames")  # without an ending: one PNG a frame
    frames = [imageio.imread(p) for p in sorted((tmp_path / "frames").glob("*.png"))]
    assert len(frames) == 4
    for frame, share in zip(frames, np.linspace(0, 1, 4), strict=True):
        view = View(tuple(viewer.scene.camera.center[-2:]), zoom / 3 ** (1 - share))
        assert colours_there(viewer, field, layer, frame, view) < 3


def test_exact_frames_give_the_view_back(look, tmp_path):
    viewer, _, field, layer = look()
    before = viewer.scene.camera.zoom
    with exact_frames(viewer) as patient:
        patient.scene.camera.zoom = 3 * before
        shot = patient.screenshot(tmp_path / "a.png", scale=2)
        assert shot.shape[-1] == 4
        assert colours_there(viewer, field, layer, shot) < 2
        small = patient.screenshot(size=tuple(n // 2 for n in viewer.canvas.size))
        assert abs(small.shape[1] - viewer.canvas.size[1] / 2) <= 1
        with pytest.raises(NotImplementedError):
            patient.screenshot(canvas_only=False)
    assert viewer.scene.camera.zoom == pytest.approx(before)
    assert (tmp_path / "a.png").exists()


def test_lengths_of_the_scale_bar_are_round():
    assert [round_length(mm) for mm in (0.07, 0.5, 3, 14, 16, 99, 760)] == pytest.approx(
        [0.05, 0.2, 2, 10, 15, 75, 750]
    )
    assert SCREEN.factor is None
