"""Points in rows get what any points get, to rounding, and cost fewer waves."""

import numpy as np
import pytest
import torch

from napari_smi_inr.inr.rows import along_rows

WIDTH = 5


@pytest.fixture
def waves():
    """Sums of 40 plane waves and a constant, which count the points they were asked for."""
    rng = np.random.default_rng(0)
    frequencies = rng.normal(size=(3, 40)) / 8.0
    k, amplitudes = torch.tensor(frequencies, dtype=torch.float32), torch.tensor(rng.normal(size=(80, WIDTH)))

    def of(points):
        of.asked += len(points)
        phase = points @ k
        return torch.cat([torch.sin(phase), torch.cos(phase)], dim=1) @ amplitudes.float() + 1.0

    of.asked, of.frequencies = 0, frequencies
    return of


def check(points, waves):
    """The share of points at which waves were evaluated."""
    waves.asked = 0
    values = along_rows(points, waves.frequencies, waves)
    share = waves.asked / max(1, len(points))
    expected = waves(torch.from_numpy(points.astype(np.float32)))
    torch.testing.assert_close(values, expected, rtol=0, atol=5e-5)
    return share


def row(start, step, n):
    return np.array(start) + np.arange(n)[:, None] * np.array(step)


def lattice(shape=(6, 7, 150), step=0.3):
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    turned = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    return step * indices @ turned + [10.0, -60.0, 35.0]


def test_a_lattice_needs_few_waves(waves):
    assert check(lattice(), waves) < 0.25


def test_a_mask_may_leave_gaps(waves):
    points = lattice()
    inside = np.linalg.norm(points - points.mean(0), axis=1) < 20
    holes = np.random.default_rng(0).uniform(size=len(points)) < 0.9
    assert check(points[inside & holes], waves) < 0.5


def test_positions_in_single_precision_will_do(waves):
    assert check(lattice().astype(np.float32).astype(np.float64), waves) < 0.25


@pytest.mark.parametrize("n", [0, 1, 2, 3, 500])
def test_scattered_points_are_taken_as_they_come(waves, n):
    points = np.random.default_rng(1).uniform(-40, 40, (n, 3))
    assert check(points, waves) == (n > 0)


def test_rows_and_scattered_points_may_follow_one_another(waves):
    scattered = np.random.default_rng(1).uniform(-40, 40, (50, 3))
    points = np.concatenate(
        [scattered, row((0, 0, 0), (0, 0.1, 0), 200), scattered[::-1], row((5, 5, 5), (-0.2, 0, 0), 90)]
    )
    assert check(points, waves) < 0.6


def test_a_row_may_turn_a_corner_or_come_back(waves):
    there = row((0, 0, 0), (0.1, 0, 0), 200)
    assert check(np.concatenate([there, row(there[-1], (0, 0.1, 0), 200)[1:]]), waves) < 0.4
    assert check(np.concatenate([there, there[::-1]]), waves) < 0.4


def test_curves_are_no_rows(waves):
    angle = np.linspace(0, 0.6, 300)
    circle = 40 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    assert check(circle, waves) == 1


def test_one_point_may_be_asked_for_again_and_again(waves):
    assert check(np.full((300, 3), 7.0), waves) <= 1


def test_rows_far_longer_than_the_waves_are_not_interpolated(waves):
    assert check(row((-4000, 0, 0), (50.0, 30.0, 10.0), 200), waves) == 1
