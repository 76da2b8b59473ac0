"""Glyphs: the silhouette, colours and light of known surfaces."""

import numpy as np
import pytest

from napari_smi_inr.figures.glyphs import LIGHT, REACH, direction_colours, mosaic, peaks, render_glyphs
from napari_smi_inr.signal_model.spherical_harmonics import P00, half_sphere, n_coefficients, real_sh

PIXELS = 48


def ball(radius, lmax=2):
    """SH coefficients of a sphere."""
    fod = np.zeros((1, n_coefficients(lmax)))
    fod[0, 0] = radius / P00
    return fod * (4 * np.pi * P00**2)


def test_a_sphere_is_a_disc_of_its_radius_in_the_colours_of_its_directions():
    picture = render_glyphs(ball(0.8), np.eye(3), PIXELS, PIXELS)[0]
    assert picture[..., 3].mean() == pytest.approx(np.pi * 0.8**2 / 4, rel=0.01)
    middle = picture[PIXELS // 2, PIXELS // 2]
    assert np.argmax(middle[:3]) == 2  # towards the viewer is up and down
    assert middle[:2].max() < 0.1
    right, top = picture[int(0.85 * PIXELS), PIXELS // 2], picture[PIXELS // 2, int(0.85 * PIXELS)]
    assert (np.argmax(right[:3]), np.argmax(top[:3])) == (0, 1)


def test_light_comes_from_the_upper_left():
    picture = render_glyphs(ball(0.9), np.eye(3), PIXELS, PIXELS)[0]
    bright = picture[..., :3].sum(axis=-1)
    near, far = PIXELS // 4, 3 * PIXELS // 4
    assert LIGHT[0] < 0 < LIGHT[1]
    assert bright[near, far] > 1.2 * bright[far, near]


@pytest.fixture(scope="module")
def crossing():
    """(3, 45) irregular FODs that stay within a radius of 0.95, a turned viewer, and their pictures."""
    fod = np.random.default_rng(4).normal(size=(3, 45)) * 0.2
    fod[:, 0] = 1.0
    fod *= 0.95 / peaks(fod)[:, None]
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    turn[2] *= np.linalg.det(turn)
    return fod, turn, render_glyphs(fod, turn, PIXELS, PIXELS)


def test_the_surface_is_covered(crossing):
    fods, turn, pictures = crossing
    directions = np.concatenate([half_sphere(4000), -half_sphere(4000)])
    for fod, picture in zip(fods, pictures, strict=True):
        radius = np.maximum(real_sh(directions, 8) @ fod, 0)
        across, up = 0.98 * radius * (turn[:2] @ directions.T)
        i, j = (((spot + 1) / 2 * PIXELS).astype(int) for spot in (across, up))
        assert (picture[i, j, 3] > 0).mean() > 0.995


def test_rays_meet_the_nearest_point_of_the_surface_or_none(crossing):
    fods, turn, pictures = crossing
    i, j = np.random.default_rng(6).integers(2, PIXELS - 2, (2, 150))
    depth = np.linspace(1, -1, 401)
    spots = np.empty((150, 401, 3))
    spots[..., 0], spots[..., 1] = ((2 * n + 1)[:, None] / PIXELS - 1 for n in (i, j))
    spots[..., 2] = depth
    norm = np.linalg.norm(spots, axis=-1)
    basis = real_sh((spots @ turn).reshape(-1, 3), 8)
    for fod, picture in zip(fods, pictures, strict=True):
        inside = (basis @ fod).reshape(150, 401) > norm
        hit = inside.any(axis=1)
        opacity = picture[i, j, 3]
        assert (np.abs(opacity - hit) <= 0.5).mean() > 0.97  # pixels on the outline are partly covered
        both = hit & (opacity == 1)
        first = spots[both, np.argmax(inside[both], axis=1)] @ turn
        colour = picture[i, j, :3][both]
        alike = np.sum(direction_colours(first) * direction_colours(colour), axis=-1)
        assert (alike > 0.9).mean() > 0.95  # a pixel on the outline of a nearer lobe mixes two colours
        assert np.median(alike) > 0.9999


def test_negative_lobes_are_cut():
    fod = np.zeros((1, 6))
    fod[0, 3] = -1.0  # a ring around z, and lobes along z below zero
    picture = render_glyphs(fod * 0.9 / peaks(fod), np.eye(3)[[0, 2, 1]] * [[1], [1], [-1]], PIXELS, PIXELS)[0]
    assert picture[PIXELS // 2, int(0.8 * PIXELS), 3] == 0  # along z
    assert picture[int(0.8 * PIXELS), PIXELS // 2, 3] == 1  # along x
    assert not render_glyphs(ball(-0.5), np.eye(3), PIXELS, PIXELS)[..., 3].any()


def test_peaks_are_those_of_the_direction_of_the_fibre():
    fod = real_sh(half_sphere(5), 8)
    assert peaks(fod) == pytest.approx(np.sum(fod**2, axis=1), rel=0.02)  # a delta's own value at its direction
    assert not peaks(np.zeros((2, 3, 6))).any()


def test_colours_are_the_parts_of_a_unit_direction():
    assert direction_colours(np.array([[-2.0, 0, 0], [0, 3.0, -4.0]])) == pytest.approx(
        np.array([[1, 0, 0], [0, 0.6, 0.8]])
    )


def test_glyphs_stand_in_the_middle_of_their_cells_and_may_reach_over():
    fods = np.zeros((4, 3, 6))
    fods[1, 2] = ball(0.5)
    fods[3, 0] = ball(REACH)
    picture = mosaic(fods, np.eye(3), (1.0, 2.0), 20)
    assert picture.shape == (4 * 20, 3 * 40, 4)
    x, y = np.nonzero(picture[:55, ..., 3])
    assert (x.mean() + 0.5, y.mean() + 0.5) == pytest.approx((30, 100), abs=0.2)
    assert np.ptp(x) + 1 == pytest.approx(10, abs=2)
    assert picture[59, 20, 3] == 1  # into the cell on the left
    assert picture[..., :3].max() <= 1
