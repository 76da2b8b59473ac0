"""Each voxel's own signal with the slopes of the common protocol: the value of one, the gradient of the other."""

import numpy as np
import pytest
import torch

import napari_smi_inr as smi
from napari_smi_inr.inr.common_slopes import CommonSlopes
from napari_smi_inr.inr.loss import SignalModel
from napari_smi_inr.inr.network import Tissue
from napari_smi_inr.inr.voxel_signal import VoxelSignalModel
from napari_smi_inr.metrics import rmse
from napari_smi_inr.simulation.protocol import paper_protocol

N = 8


def models(size, exact=False):
    protocol = paper_protocol()
    deviation = np.eye(3) + np.random.default_rng(0).uniform(-size, size, (N, 3, 3))
    own = VoxelSignalModel(protocol, deviation, 4, exact=exact)
    return own, CommonSlopes(own, SignalModel(protocol, 4, reduced=True))


def tissue():
    rng = torch.Generator().manual_seed(0)
    kernel = torch.tensor([2.2, 1.9, 0.6, 0.5]) * (0.8 + 0.4 * torch.rand(N, 4, generator=rng))
    fod = torch.cat([torch.full((N, 1), 0.2821), 0.1 * torch.randn(N, 14, generator=rng)], dim=1)
    return [kernel, torch.ones(N), fod]


def slopes(model, parts, target):
    given = [part.clone().requires_grad_() for part in parts]
    (model(Tissue(*given), torch.arange(N)) - target).square().sum().backward()
    return torch.cat([part.grad.flatten() for part in given])


@pytest.mark.parametrize("exact", [False, True])
def test_predictions_and_measurements_are_each_voxels_own(exact):
    own, model = models(0.1, exact)
    expected = own(Tissue(*tissue()), torch.arange(N))
    assert torch.equal(model(Tissue(*tissue()), torch.arange(N)), expected)
    with torch.no_grad():
        assert torch.equal(model(Tissue(*tissue()), torch.arange(N)), expected)
    signal = torch.randn(N, 154)
    assert torch.equal(model.measure(signal), own.measure(signal))


def test_slopes_approach_the_true_ones_as_the_deviation_falls():
    off = []
    for size in (0.1, 0.05, 0.0):
        own, model = models(size)
        target = own(Tissue(*tissue()), torch.arange(N)) + 0.1 * torch.randn(
            154, generator=torch.Generator().manual_seed(1)
        )
        true, common = (slopes(it, tissue(), target) for it in (own, model))
        off.append(float((common - true).norm() / true.norm()))
    assert off[0] < 0.3
    assert off[1] < 0.7 * off[0]
    assert off[2] < 1e-4


def test_where_the_predictions_fit_there_is_nothing_to_descend():
    own, model = models(0.1)
    target = own(Tissue(*tissue()), torch.arange(N))
    assert slopes(model, tissue(), target).abs().max() == 0
    other = SignalModel(paper_protocol(), 4, reduced=False)  # the protocol asked for would be led astray there
    parts = [part.requires_grad_() for part in tissue()]
    predicted = other(Tissue(*parts)) @ other.project
    (own.measure(predicted) - target).square().sum().backward()
    assert parts[0].grad.abs().max() > 0.01


def test_a_fit_ends_as_near_the_truth_as_one_with_uniform_gradients():
    settings = {"lmax": 2, "epochs": 60, "batch_size": 64, "detail": 8.0, "device": "cpu"}
    errors = []
    for deviation in (0.1, 0.0):
        scan = smi.simulate(shape=(8, 8, 3), voxel_size=3.0, snr=50, lmax=2, deviation=deviation)
        maps, truth = smi.fit(scan, **settings).maps(), scan.truth_maps()
        errors.append([rmse(maps[s][scan.mask], truth[s][scan.mask]) for s in maps])
    ratios = np.array(errors[0]) / errors[1]
    assert np.exp(np.log(ratios).mean()) < 1.1
