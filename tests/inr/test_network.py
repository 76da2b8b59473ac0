"""Outputs stay physical whatever the weights; the published architecture has the published size."""

import numpy as np
import pytest
import torch

from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.loss import Nonnegativity
from napari_smi_inr.inr.model import FieldModel
from napari_smi_inr.inr.network import StandardModelNetwork
from napari_smi_inr.parameters import KERNEL_PARAMETERS, PARAMETERS
from napari_smi_inr.signal_model.spherical_harmonics import P00, n_coefficients


def network(seed=0, n_features=32, **settings):
    torch.manual_seed(seed)
    return StandardModelNetwork(n_features, FitConfig(**{"width": 16, "layers": 3, **settings}))


def n_trainable(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def published(**settings):
    with torch.device("meta"):  # sizes only; nothing is computed
        return FieldModel(FitConfig.from_preset("paper", lmax=2, **settings), 1.0, torch.zeros(3))


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
@pytest.mark.parametrize("lmax", [0, 2, 4, 6, 8])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_every_output_is_within_its_bounds(lmax, activation, size):
    net = network(lmax=lmax, activation=activation, start_from_data=False)
    tissue = net(size * torch.randn(200, 32))
    for column, key in enumerate(KERNEL_PARAMETERS):
        low, high = PARAMETERS[key].bounds
        values = tissue.kernel[:, column]
        assert (values >= low).all()
        assert (values <= high).all()
        assert values.std() > 0
    assert (tissue.S0 >= 0).all()
    assert tissue.fod.shape == (200, n_coefficients(lmax)) == (200, net.n_fod)
    assert all(torch.isfinite(part).all() for part in tissue)


def test_the_fod_always_integrates_to_one():
    fod = network(lmax=4)(torch.randn(50, 32)).fod
    np.testing.assert_array_equal(fod[:, 0].detach().numpy(), np.float32(P00))


def test_a_start_from_data_is_ordinary_white_matter():
    tissue = network(width=64)(torch.randn(500, 32))
    mean = dict(zip(KERNEL_PARAMETERS, tissue.kernel.mean(0).tolist(), strict=True))
    for key, value in mean.items():
        low, high = PARAMETERS[key].display
        assert low < value < high
    assert mean["De"] > mean["Dp"]
    assert 0.7 < tissue.S0.mean() < 1.1
    assert Nonnegativity(4)(tissue.fod).item() == 0.0


def test_equal_seeds_give_equal_networks():
    features = torch.randn(5, 32)
    assert torch.equal(network(seed=1)(features).kernel, network(seed=1)(features).kernel)
    assert not torch.equal(network(seed=1)(features).kernel, network(seed=2)(features).kernel)


def test_the_published_architecture_has_the_published_size():
    assert n_trainable(published()) == 28_895_242
    assert n_trainable(published(share_hidden=False)) == 28_895_242 + 4_196_352


def test_shared_layers_are_one_matrix():
    shared, own = (network(layers=5, share_hidden=share) for share in (True, False))
    assert n_trainable(own) - n_trainable(shared) == 2 * (16 * 16 + 16)  # three middle layers become one
    with torch.no_grad():
        list(shared.body)[2].bias.add_(1.0)
    assert list(shared.body)[4].bias is list(shared.body)[2].bias


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_with_fewer_than_two_middle_layers_there_is_nothing_to_share(layers):
    assert n_trainable(network(layers=layers, share_hidden=True)) == n_trainable(network(layers=layers))


def test_a_field_model_reads_millimetres():
    torch.manual_seed(0)
    model = FieldModel(FitConfig(), 3.0, torch.tensor([10.0, 20.0, 30.0]))
    points = torch.tensor([[10.0, 20.0, 30.0], [10.0, 20.0, 30.01], [10.0, 20.0, 45.0]])
    first, near, far = model(points).kernel.detach()
    assert (near - first).abs().max() < 0.1 * (far - first).abs().max()
