"""The torch basis against the reference one, which dipy vouches for."""

import numpy as np
import pytest
import torch

from napari_smi_inr.signal_model.spherical_harmonics import n_coefficients, real_sh
from napari_smi_inr.signal_model.spherical_harmonics_torch import real_sh_torch

LMAX = 8


@pytest.fixture
def directions():
    points = np.random.default_rng(0).normal(size=(500, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("lmax", [0, 2, 4, 6, 8, 10])
def test_basis_is_the_reference_one(directions, lmax):
    ours = real_sh_torch(torch.tensor(directions), lmax)
    assert ours.shape == (500, n_coefficients(lmax))
    np.testing.assert_allclose(ours.numpy(), real_sh(directions, lmax), rtol=0, atol=2e-14)


def test_single_precision_is_kept_and_suffices(directions):
    ours = real_sh_torch(torch.tensor(directions, dtype=torch.float32), LMAX)
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours.numpy(), real_sh(directions, LMAX), rtol=0, atol=1e-5)


def test_any_shape_in_front(directions):
    shaped = real_sh_torch(torch.tensor(directions).reshape(2, 5, 50, 3), 4)
    assert shaped.shape == (2, 5, 50, 15)
    assert shaped.movedim(-1, 0).is_contiguous()
    torch.testing.assert_close(shaped.reshape(500, 15), real_sh_torch(torch.tensor(directions), 4))


def test_length_of_a_direction_is_ignored(directions):
    lengths = np.geomspace(1e-200, 1e200, len(directions))[:, None]
    np.testing.assert_allclose(
        real_sh_torch(torch.tensor(directions * lengths), LMAX).numpy(), real_sh(directions, LMAX), atol=1e-12
    )


@pytest.mark.parametrize("axis", [*np.eye(3), *-np.eye(3), np.zeros(3), np.full(3, -0.0)])
def test_poles_axes_and_the_zero_vector_are_as_in_the_reference(axis):
    np.testing.assert_allclose(real_sh_torch(torch.tensor(axis), LMAX).numpy(), real_sh([axis], LMAX)[0], atol=1e-14)


def test_gradients_flow_at_the_poles_too(directions):
    points = torch.tensor(np.concatenate([np.eye(3), directions[:4]]), requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: real_sh_torch(u, 4), points)
    at_zero = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    real_sh_torch(at_zero, 4).sum().backward()
    assert torch.isfinite(at_zero.grad).all()


def test_no_directions_give_no_rows():
    assert real_sh_torch(torch.empty(0, 3), 4).shape == (0, 15)
