"""The response between a few nodes, against the response itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_smi_inr.signal_model.kernel import kernel
from napari_smi_inr.signal_model.kernel_grid import TOLERANCE, KernelGrid

SHELLS = {
    "linear, b = 8": ((6.0, 10.0), (1.0, 1.0)),
    "planar": ((1.5, 2.6), (-0.5, -0.5)),
    "spherical": ((1.6, 2.4), (-0.15, 0.15)),
    "in between": ((3.5, 6.5), (0.7, 0.9)),
    "continuous": ((0.1, 6.0), (1.0, 1.0)),
    "b = 0": ((0.0, 0.06), (1.0, 1.0)),
}


def within(shell, n=200):
    rng = np.random.default_rng(0)
    return tuple(rng.uniform(low, high, n) for low, high in SHELLS[shell])


@pytest.mark.parametrize("shell", SHELLS)
def test_between_nodes_the_kernel_is_within_the_tolerance(shell):
    b, b_delta = (torch.as_tensor(values) for values in within(shell))
    grid = KernelGrid.over(b.numpy(), b_delta.numpy())
    rng = np.random.default_rng(1)
    tissue = [torch.as_tensor(rng.uniform(low, high, (50, 1))) for low, high in ((0, 4), (0, 4), (0, 1.5), (0, 1))]
    exact = kernel(b, b_delta, *tissue, lmax=8)  # (50, 200, L)
    nodes = kernel(*torch.as_tensor(grid.tensors.T.copy()), *tissue, lmax=8)  # (50, M, L)
    weights = grid.weights(b[None], b_delta[None])[0]  # (M, 200)
    np.testing.assert_allclose(torch.einsum("pml,mv->pvl", nodes, weights), exact, atol=TOLERANCE)


@pytest.mark.parametrize("shell", SHELLS)
def test_weights_add_up_to_one(shell):
    b, b_delta = (torch.as_tensor(values)[None] for values in within(shell))
    weights = KernelGrid.over(b.numpy(), b_delta.numpy()).weights(b, b_delta)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-12)


def test_what_does_not_vary_needs_one_node():
    grid = KernelGrid.over(np.array([2.0, 2.0]), np.array([-0.5, -0.5]))
    np.testing.assert_array_equal(grid.tensors, [[2, -0.5]])
    assert KernelGrid.over(np.array([1.9, 2.1]), np.array([1.0, 1.0])).b_delta == (1.0,)


def test_a_wider_range_needs_more_nodes():
    counts = [len(KernelGrid.over(np.array([3 - w, 3 + w]), np.ones(2)).b) for w in (0.1, 0.5, 2.0)]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("shell", SHELLS)
def test_mixtures_tell_all_that_the_nodes_do(shell):
    b, b_delta = within(shell)
    grid = KernelGrid.over(b, b_delta)
    rng = np.random.default_rng(1)
    tissue = [torch.as_tensor(rng.uniform(low, high, (50, 1))) for low, high in ((0, 4), (0, 4), (0, 1.5), (0, 1))]
    nodes = kernel(*torch.as_tensor(grid.tensors.T.copy()), *tissue, lmax=8).numpy()  # (50, M, L)
    mixtures = grid.mixtures
    np.testing.assert_allclose(mixtures.T @ mixtures, np.eye(mixtures.shape[1]), atol=1e-12)
    np.testing.assert_allclose(np.einsum("mw,nw,pnl->pml", mixtures, mixtures, nodes), nodes, atol=TOLERANCE)


def test_where_both_vary_few_mixtures_stand_for_all_pairs():
    grid = KernelGrid.over(np.array([4.6, 5.4]), np.array([0.77, 0.83]))
    assert len(grid.tensors) == 12
    assert grid.mixtures.shape[1] <= 7


@pytest.mark.parametrize("shell", ["linear, b = 8", "spherical", "continuous"])
def test_it_has_no_more_nodes_than_it_needs(shell):
    """With one node less, along b or along b_delta, some compartment's signal is off by more than the tolerance."""
    b, b_delta = within(shell)
    grid = KernelGrid.over(b, b_delta)
    for name, values in (("b", b), ("b_delta", b_delta)):
        nodes = getattr(grid, name)
        if len(nodes) > 2:
            n = len(nodes) - 1
            low, high = values.min(), values.max()
            fewer = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
            assert off_by(replace(grid, **{name: tuple(fewer)}), b, b_delta) > TOLERANCE
    assert off_by(grid, b, b_delta) <= TOLERANCE


def off_by(grid, b, b_delta):
    """Largest error of exp(-B:D) over the corners of what the parameters' bounds allow."""
    axial, radial, cosine2 = np.meshgrid(np.linspace(0, 4, 41), [0, 0.75, 1.5], np.linspace(0, 1, 9), indexing="ij")

    def signal(b, b_delta):
        b, b_delta = (values[:, None, None, None] for values in (b, b_delta))
        return np.exp(-b * (radial + (axial - radial) * ((1 - b_delta) / 3 + b_delta * cosine2)))

    ends = [np.linspace(values.min(), values.max(), 41) for values in (b, b_delta)]
    at = [values.ravel() for values in np.meshgrid(*ends)] if np.ptp(ends[1]) else [ends[0], np.ones(41)]
    weights = grid.weights(*(torch.as_tensor(values)[None] for values in at))[0].numpy()
    return np.abs(np.tensordot(weights.T, signal(*grid.tensors.T), 1) - signal(*at)).max()


def test_a_range_hardly_wider_than_a_point_takes_two_nodes():
    assert len(KernelGrid.over(np.array([2.0, 2.0001]), np.ones(2)).b) == 2
    assert len(KernelGrid.over(np.array([2.0, 2.0 + 1e-7]), np.ones(2)).b) == 1
