"""Panels of FODs: fibres point where they run, whatever the grid, and stand in their voxels."""

import numpy as np
import pytest

from napari_smi_inr.errors import InputError
from napari_smi_inr.figures import FodGrid, draw_fods, sample_fods
from napari_smi_inr.sampling.coordinates import nearest_voxel_axes, refined, voxel_sizes
from napari_smi_inr.signal_model.spherical_harmonics import real_sh

SHAPE = (3, 4, 5)
BOX = ((1, 2), (2, 3), (2, 3))  # one voxel, for any plane


@pytest.fixture(autouse=True)
def _coarse(monkeypatch):
    """Draw with few pixels: what is tested does not depend on them."""
    monkeypatch.setattr("napari_smi_inr.figures.fods.DPI", 8)


def fibres(direction, shape=SHAPE, lmax=6):
    """(X, Y, Z, C) the same sharp FOD everywhere."""
    return np.tile(real_sh([direction], lmax)[0], (*shape, 1))


def glyph_picture(figure, panel=0):
    """(across, up, 4) glyphs of a panel, and the millimetres a pixel is wide and high."""
    image = [axes for axes in figure.axes if axes.get_title()][panel].images[-1]
    left, right, bottom, top = image.get_extent()
    picture = np.swapaxes(np.asarray(image.get_array()), 0, 1)
    return picture, ((right - left) / picture.shape[0], (top - bottom) / picture.shape[1])


def long_axis(picture, pixel):
    """Angle from the right, 0 to 180 degrees, along which the opaque part is longest; and how many times longer."""
    x, y = (n * size for n, size in zip(np.nonzero(picture[..., 3] > 0.5), pixel, strict=True))
    values, vectors = np.linalg.eigh(np.cov(x, y))
    return np.degrees(np.arctan2(*vectors[::-1, 1])) % 180, np.sqrt(values[1] / values[0])


@pytest.mark.parametrize(("name", "right", "up"), [("axial", 0, 1), ("coronal", 0, 2), ("sagittal", 1, 2)])
@pytest.mark.parametrize("direction", np.eye(3), ids="xyz")
def test_a_fibre_along_a_scanner_axis_points_along_it_in_every_plane(affine, name, right, up, direction):
    figure = draw_fods({"fibre": fibres(direction)}, affine, axis=name, box=BOX)
    picture, pixel = glyph_picture(figure)
    voxels = nearest_voxel_axes(affine)
    steps = affine[:3, :3] / voxel_sizes(affine)
    along = [steps[:, voxels[world]] * np.sign(steps[world, voxels[world]]) for world in (right, up)]
    seen = np.array([direction @ axis for axis in along])  # of the voxel grid, on which the panel is drawn
    colour = picture[picture[..., 3] == 1][:, :3].mean(axis=0)
    assert np.argmax(colour) == np.argmax(direction)
    if np.linalg.norm(seen) > 0.9:
        angle, elongation = long_axis(picture, pixel)
        off = (angle - np.degrees(np.arctan2(seen[1], seen[0])) + 90) % 180 - 90
        assert abs(off) < 1.5
        assert elongation > 2.5


def test_radiological_panels_are_mirrored():
    tilted = {"fibre": fibres((0.8, 0.6, 0.0))}
    angles = [
        long_axis(*glyph_picture(draw_fods(tilted, np.eye(4), axis="axial", box=BOX, radiological=mirrored)))[0]
        for mirrored in (False, True)
    ]
    assert angles == pytest.approx([np.degrees(np.arctan2(0.6, 0.8)), 180 - np.degrees(np.arctan2(0.6, 0.8))], abs=1.5)


def test_glyphs_stand_in_the_voxels_of_the_mask_only(affine):
    fod = np.zeros_like(fibres((1, 0, 0)))
    fod[1, 2, 3] = fibres((1, 0, 0))[0, 0, 0]
    fod[0, 0, 0] = np.nan
    x, y, z = np.indices(SHAPE)
    here = (x == 1) & (y == 2) & (z == 3)
    figure = draw_fods({"one": fod}, affine, here.astype(float), axis="coronal", box=tuple((0, n) for n in SHAPE))
    picture, pixel = glyph_picture(figure)
    backdrop = figure.axes[0].images[0]
    cell = np.argwhere(np.asarray(backdrop.get_array()).T == 1)[0]
    size = np.array(backdrop.get_extent())[1::2] / np.asarray(backdrop.get_array()).T.shape
    middle = (np.average(np.argwhere(picture[..., 3] >= 0), axis=0, weights=picture[..., 3].ravel()) + 0.5) * pixel
    assert middle == pytest.approx((cell + 0.5) * size, abs=0.1)


def test_a_finer_grid_lies_where_the_scan_does(affine):
    finer, shape = refined(affine, SHAPE, 2)
    fod = np.zeros((*shape, 6))
    fod[2:4, 4:6, 6:8] = fibres((0, 0, 1), lmax=2)[0, 0, 0]  # the eight parts of voxel (1, 2, 3)
    coarse = np.zeros((*SHAPE, 6))
    coarse[1, 2, 3] = fibres((0, 0, 1), lmax=2)[0, 0, 0]
    figure = draw_fods(
        {"scan": coarse, "fine": FodGrid(fod, finer)}, affine, axis="axial", box=tuple((0, n) for n in SHAPE)
    )
    spots = []
    for panel in (0, 1):
        picture, pixel = glyph_picture(figure, panel)
        spots.append((np.argwhere(picture[..., 3] > 0.5).mean(axis=0) + 0.5) * pixel)
    assert spots[0] == pytest.approx(spots[1], abs=0.1)


def test_fods_sampled_in_a_plane_are_those_of_the_field(tiny_dataset):
    truth = tiny_dataset.truth
    box = ((2, 8), (3, 7), (0, 3))
    grid = sample_fods(truth, "coronal", 5, box, factor=1)
    own = truth.fod_map()[2:8, 5, 0:3]
    assert grid.fod.shape == (6, 3, 1, 6)
    assert grid.fod[:, :, 0] == pytest.approx(own, abs=1e-6)
    figure = draw_fods({"truth": truth.fod_map(), "2×": sample_fods(truth, "coronal", 5, box, 2)}, truth.affine,
                       truth.maps()["f"], index=5, box=box)  # fmt: skip
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["truth", "2×"]
    a, b = (glyph_picture(figure, panel)[0][..., 3].mean() for panel in (0, 1))
    assert a == pytest.approx(b, rel=0.2)


def test_sizes_follow_the_rule_of_the_figure():
    fod = np.stack([fibres((1, 0, 0), (3, 1, 3))[:, :, 0] * h for h in (1.0, 2.0, 8.0)], axis=2)  # taller upwards
    areas = {}
    for rule in ("panel", "each"):
        figure = draw_fods({"one": fod}, np.eye(4), axis="coronal", normalise=rule)
        picture, _ = glyph_picture(figure)
        rows = np.array_split(picture[..., 3], 3, axis=1)
        areas[rule] = [row.sum() for row in rows]
    assert areas["each"] == pytest.approx([areas["each"][0]] * 3, rel=0.01)
    assert areas["panel"][0] < areas["panel"][1] < areas["panel"][2]
    pair = {"weak": fod[:, :, :1], "strong": 4 * fod[:, :, :1]}
    figure = draw_fods(pair, np.eye(4), axis="coronal", normalise="common")
    weak, strong = (glyph_picture(figure, panel)[0][..., 3].sum() for panel in (0, 1))
    assert weak * 8 < strong


def test_the_legend_names_the_sides():
    figure = draw_fods({"inr": fibres((1, 0, 0))}, np.eye(4), axis="sagittal")
    assert {text.get_text() for axes in figure.axes for text in axes.texts} >= {"P", "A", "I", "S"}
    assert figure.axes[0].get_title() == "INR"


def test_what_cannot_be_drawn_is_refused():
    good = fibres((1, 0, 0))
    for panels, fault in (
        ({}, "is empty"),
        ({"a": good[..., :7]}, "7 is not the number"),
        ({"a": good[0]}, "four of"),
        ({"a": np.zeros_like(good)}, "hold no FOD"),
        ({"a": good, "b": good[1:]}, "have shapes"),
        ({"a": FodGrid(good, np.eye(4))}, "grids of their own"),
    ):
        with pytest.raises(InputError, match=fault):
            draw_fods(panels, np.eye(4))
    turned = np.eye(4)
    turned[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    with pytest.raises(InputError, match="turned against"):
        draw_fods({"a": good, "b": FodGrid(good, turned)}, np.eye(4))
    away = np.eye(4)
    away[0, 3] = 50
    with pytest.raises(InputError, match="no FOD in the region"):
        draw_fods({"a": good, "b": FodGrid(good, away)}, np.eye(4))
