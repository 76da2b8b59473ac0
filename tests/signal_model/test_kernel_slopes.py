"""Kernel and derivatives in one go, against the kernel itself and its central differences."""

import numpy as np
import pytest
import torch

from napari_smi_inr.signal_model.kernel import kernel, quadrature_nodes
from napari_smi_inr.signal_model.kernel_slopes import kernel_and_slopes

NODES = quadrature_nodes(40.0, torch.float64)
B = torch.tensor([0.0, 1.0, 8.0, 5.0, 2.0, 2.0], dtype=torch.float64)
B_DELTA = torch.tensor([1.0, 1.0, 1.0, 0.8, 0.0, -0.5], dtype=torch.float64)


@pytest.fixture
def parameters():
    rng = np.random.default_rng(0)
    return torch.tensor(rng.uniform([0.1, 0.1, 0.05, 0.05], [3.9, 3.9, 1.4, 0.95], (20, 4)))


def reference(parameters, b, b_delta, lmax):
    """(N, L, G) from the forward model's own kernel."""
    return kernel(b, b_delta, *parameters[:, :, None].unbind(1), lmax, NODES).mT


@pytest.mark.parametrize("lmax", [0, 2, 8])
def test_kernel_is_that_of_the_forward_model(parameters, lmax):
    found, _ = kernel_and_slopes(B, B_DELTA, parameters, lmax, NODES)
    assert found.shape == (20, lmax // 2 + 1, 6)
    torch.testing.assert_close(found, reference(parameters, B, B_DELTA, lmax), rtol=0, atol=1e-14)


@pytest.mark.parametrize("lmax", [0, 4, 8])
def test_slopes_are_central_differences(parameters, lmax):
    _, slopes = kernel_and_slopes(B, B_DELTA, parameters, lmax, NODES)
    for k in range(4):
        step = 1e-5 * torch.eye(4, dtype=torch.float64)[k]
        difference = reference(parameters + step, B, B_DELTA, lmax) - reference(parameters - step, B, B_DELTA, lmax)
        torch.testing.assert_close(slopes[:, k], difference / 2e-5, rtol=0, atol=1e-8)


def test_every_point_may_have_tensors_of_its_own(parameters):
    b = torch.rand(20, 6, dtype=torch.float64) * 5
    b_delta = torch.rand(20, 6, dtype=torch.float64) * 1.5 - 0.5
    together = kernel_and_slopes(b, b_delta, parameters, 4, NODES)
    for i in range(20):
        alone = kernel_and_slopes(b[i], b_delta[i], parameters[i : i + 1], 4, NODES)
        for a, t in zip(alone, together, strict=True):
            torch.testing.assert_close(a[0], t[i], rtol=0, atol=1e-14)
