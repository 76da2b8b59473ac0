"""Each voxel's own signal, told as the common protocol's and a correction."""

import numpy as np
import pytest
import torch

import napari_smi_inr as smi
from napari_smi_inr.inr.common_signal import SignalModel
from napari_smi_inr.inr.corrected_signal import CorrectedSignal
from napari_smi_inr.inr.network import Tissue
from napari_smi_inr.inr.voxel_signal import VoxelSignalModel
from napari_smi_inr.metrics import rmse
from napari_smi_inr.simulation.protocol import paper_protocol

N = 8
ALL = torch.arange(N)


def models(size, exact=False, reduced=True):
    protocol = paper_protocol()
    deviation = np.eye(3) + np.random.default_rng(0).uniform(-size, size, (N, 3, 3))
    own = VoxelSignalModel(protocol, deviation, 4, exact=exact)
    return own, CorrectedSignal(own, SignalModel(protocol, 4, reduced=reduced), N)


def tissue():
    rng = torch.Generator().manual_seed(0)
    kernel = torch.tensor([2.2, 1.9, 0.6, 0.5]) * (0.8 + 0.4 * torch.rand(N, 4, generator=rng))
    fod = torch.cat([torch.full((N, 1), 0.2821), 0.1 * torch.randn(N, 14, generator=rng)], dim=1)
    return [kernel, torch.ones(N), fod]


def slopes(model, parts, target):
    given = [part.clone().requires_grad_() for part in parts]
    (model(Tissue(*given), ALL) - target).square().sum().backward()
    return torch.cat([part.grad.flatten() for part in given])


def seen(own, model, parts):
    """(N, R) what the voxels' own protocols give, as the common one's rows see it."""
    predicted = own(Tissue(*parts), ALL)
    volumes = torch.empty_like(predicted)
    volumes[:, own.volumes] = predicted
    return model.measure(volumes)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("reduced", [False, True])
def test_once_corrected_it_predicts_each_voxels_own_signal(exact, reduced):
    own, model = models(0.1, exact, reduced)
    expected = seen(own, model, tissue())
    assert (model(Tissue(*tissue()), ALL) - expected).abs().max() > 0.01
    model.correct(Tissue(*tissue()), ALL)
    torch.testing.assert_close(model(Tissue(*tissue()), ALL), expected, rtol=0, atol=1e-6)


def test_only_the_voxels_looked_at_are_corrected():
    _, model = models(0.1)
    some = torch.tensor([5, 2])
    model.correct(Tissue(*(part[some] for part in tissue())), some)
    assert set(model.correction.any(1).nonzero().flatten().tolist()) == {2, 5}
    all_at_once = models(0.1)[1]
    all_at_once.correct(Tissue(*tissue()), ALL)
    torch.testing.assert_close(model.correction[some], all_at_once.correction[some])


def test_a_voxel_of_several_points_is_corrected_as_a_whole():
    own, model = models(0.1)
    several = Tissue(*(part.repeat_interleave(3, 0) for part in tissue()))
    model.correct(several, ALL)
    torch.testing.assert_close(
        model(several, ALL).view(N, 3, -1).mean(1), seen(own, model, tissue()), rtol=0, atol=1e-6
    )


def test_a_correction_holds_while_the_tissue_changes():
    # Its own error is the deviation's times the tissue's change; without it, it is all that the deviation does.
    own, model = models(0.05)
    before = tissue()
    model.correct(Tissue(*before), ALL)
    after = [1.02 * before[0], before[1], before[2]]
    expected = seen(own, model, after)
    corrected = (model(Tissue(*after), ALL) - expected).square().mean().sqrt()
    plain = (model.common(Tissue(*after)) - expected).square().mean().sqrt()
    assert corrected < 0.1 * plain


def test_where_the_predictions_fit_there_is_nothing_to_descend():
    own, model = models(0.1)
    model.correct(Tissue(*tissue()), ALL)
    assert slopes(model, tissue(), seen(own, model, tissue())).abs().max() < 1e-4
    uncorrected = models(0.1)[1]  # the protocol asked for would be led astray there
    assert slopes(uncorrected, tissue(), seen(own, model, tissue())).abs().max() > 0.01


@pytest.mark.parametrize("wrong", [torch.zeros(N + 1, 3), torch.full((N, 3), torch.nan)])
def test_corrections_of_another_scan_are_refused(wrong):
    _, model = models(0.1)
    with pytest.raises(ValueError, match="correction"):
        model.restore(model.state()._replace(tensors={"correction": wrong}))


def test_a_fit_ends_as_near_the_truth_as_one_with_uniform_gradients():
    settings = {"lmax": 2, "epochs": 60, "batch_size": 64, "detail": 8.0, "device": "cpu"}
    errors = []
    for deviation in (0.1, 0.0):
        scan = smi.simulate(shape=(8, 8, 3), voxel_size=3.0, snr=50, lmax=2, deviation=deviation)
        maps, truth = smi.fit(scan, **settings).maps(), scan.truth_maps()
        errors.append([rmse(maps[s][scan.mask], truth[s][scan.mask]) for s in maps])
    ratios = np.array(errors[0]) / errors[1]
    assert np.exp(np.log(ratios).mean()) < 1.1
