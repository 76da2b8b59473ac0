"""How fine a field is, read from the data; and with how much network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_smi_inr.inr.capacity import with_capacity
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.detail import COARSEST, DEFAULT_DETAIL, FINEST, blocks_of, choose_detail, correlation_length
from napari_smi_inr.inr.problem import Problem
from napari_smi_inr.simulation.simulate import simulate

NOISE = 0.01


def chosen(dataset, **settings):
    """Detail [mm] chosen for a dataset."""
    config = FitConfig(device="cpu", lmax=2, **settings)
    return choose_detail(dataset, config, Problem(dataset, config, torch.device("cpu")))


def processes(points, length, n, noise, seed):
    """(B, m, n) draws of Gaussian processes with the kernel 1 / (1 + r²/(2 length²)), and noise."""
    rng = np.random.default_rng(seed)
    squared = np.square(points[:, :, None] - points[:, None]).sum(-1)
    root = np.linalg.cholesky(1.0 / (1.0 + squared / (2.0 * length**2)) + 1e-9 * np.eye(points.shape[1]))
    return root @ rng.standard_normal((*points.shape[:2], n)) + np.sqrt(noise) * rng.standard_normal(
        (*points.shape[:2], n)
    )


@pytest.fixture(scope="module")
def lattice():
    """(8, 200, 3) blocks of a lattice."""
    points = np.stack(np.meshgrid(*[np.arange(12.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return points[blocks_of(points)]


@pytest.mark.parametrize("length", [1.2, 2.0, 3.5])
@pytest.mark.parametrize("noise", [0.001, 0.1])
def test_the_length_of_a_gaussian_process_is_found(lattice, length, noise):
    values = processes(lattice, length, 12, noise, seed=1)
    assert correlation_length(lattice, values, noise) == pytest.approx(length, rel=0.15)


def test_the_length_does_not_depend_on_amplitudes(lattice):
    values = processes(lattice, 2.0, 12, 0.0, seed=2)
    louder = values * np.geomspace(0.3, 30.0, 12)
    noise = np.random.default_rng(3).normal(0.0, 0.1, values.shape)
    one, other = (correlation_length(lattice, v + noise, NOISE) for v in (values, louder))
    assert one == pytest.approx(other, rel=0.1)


def test_turned_positions_have_the_same_length(lattice):
    turn = np.linalg.qr(np.random.default_rng(4).standard_normal((3, 3)))[0]
    values = processes(lattice, 2.0, 6, NOISE, seed=5)
    assert correlation_length(lattice @ turn, values, NOISE) == pytest.approx(
        correlation_length(lattice, values, NOISE)
    )


@pytest.mark.parametrize("n", [30, 250, 5000])
def test_blocks_are_neighbours_and_never_share_a_voxel(n):
    points = np.random.default_rng(n).uniform(0.0, 20.0, (n, 3))
    blocks = blocks_of(points)
    assert blocks.size == len(np.unique(blocks))
    assert 1 <= len(blocks) <= 8
    assert blocks.shape[1] <= 200
    spread = np.array([points[block].std(axis=0).mean() for block in blocks])
    assert len(blocks) == 1 or spread.max() < 0.9 * points.std(axis=0).mean()


def test_noisier_scans_get_coarser_fields():
    quiet, loud = (chosen(simulate(shape=(16, 16, 6), snr=snr, seed=1)) for snr in (100, 15))
    assert loud > 1.1 * quiet


def test_smooth_tissue_gets_a_coarser_field_than_the_same_tissue_shrunk():
    """One phantom in voxels of half the size is twice as smooth from voxel to voxel."""
    coarse = simulate(shape=(14, 14, 6), voxel_size=6.0, snr=50, seed=2)
    fine = simulate(shape=(28, 28, 12), voxel_size=3.0, snr=50, seed=2)
    assert chosen(fine) / 3.0 > 1.3 * chosen(coarse) / 6.0


def test_detail_follows_the_voxel(tiny_dataset):
    zoomed = replace(tiny_dataset, affine=np.diag([2.0, 2.0, 2.0, 1.0]) @ tiny_dataset.affine)
    assert chosen(zoomed) == pytest.approx(2.0 * chosen(tiny_dataset))
    assert FINEST <= chosen(tiny_dataset) / 3.0 <= COARSEST


def test_detail_does_not_depend_on_the_unit_of_the_signal(tiny_dataset):
    louder = replace(tiny_dataset, signal=1e6 * tiny_dataset.signal)
    assert chosen(louder) == pytest.approx(chosen(tiny_dataset), rel=1e-3)


def test_nothing_but_noise_gets_the_coarsest(tiny_dataset):
    rng = np.random.default_rng(6)
    noise = 100.0 + rng.normal(0.0, 5.0, tiny_dataset.signal.shape).astype(np.float32)
    assert chosen(replace(tiny_dataset, signal=noise)) > 0.8 * COARSEST * 3.0


def test_too_few_voxels_get_the_default(tiny_dataset):
    mask = np.zeros_like(tiny_dataset.mask)
    mask[tuple(np.argwhere(tiny_dataset.mask)[:20].T)] = True
    assert chosen(replace(tiny_dataset, mask=mask)) == pytest.approx(DEFAULT_DETAIL * 3.0)


def test_a_scan_without_noise_gets_a_length_too():
    assert FINEST * 3.0 <= chosen(simulate(shape=(10, 10, 4), snr=1e9)) <= COARSEST * 3.0


def test_a_given_length_is_taken_as_it_is(tiny_dataset):
    assert chosen(tiny_dataset, detail=7.25) == 7.25


@pytest.mark.parametrize("name", ["features", "width", "batch_size"])
def test_capacity_grows_with_the_scan_and_slower_than_it(name):
    sizes = [getattr(with_capacity(FitConfig(), n), name) for n in (100, 3200, 60_800, 1_000_000)]
    assert sizes[0] == sizes[1] == getattr(FitConfig(), name)
    assert sizes[1] < sizes[2] < sizes[3]
    assert sizes[2] < sizes[1] * 19


def test_wider_layers_take_smaller_steps():
    settled = with_capacity(FitConfig(), 60_800)
    assert settled.learning_rate * settled.width == pytest.approx(FitConfig().learning_rate * FitConfig().width)


def test_capacity_stays_where_it_was_asked_to():
    fixed = FitConfig(grow=False)
    assert with_capacity(fixed, 10**6) == fixed
    settled = with_capacity(FitConfig(), 10**6)
    assert with_capacity(settled, 10**7) == settled
