"""Learning: early stopping, the best network, seeds."""

import math

import numpy as np
import pytest
import torch

from napari_smi_inr.baselines.network.config import NetworkConfig
from napari_smi_inr.baselines.network.model import build, weight_shapes
from napari_smi_inr.baselines.network.scaling import Range
from napari_smi_inr.baselines.network.training import Training
from napari_smi_inr.baselines.network.training_set import TrainingSet

CPU = torch.device("cpu")
SMALL = {"vectors": 800, "batch_size": 50, "epochs": 20, "cache": "off", "device": "cpu"}


def toy_set(n=800, noise=0.0, seed=0):
    """Nine targets that are smooth functions of twelve inputs, all in [-1, 1]."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-1, 1, (n, 12)).astype(np.float32)
    targets = np.tanh(inputs @ rng.normal(size=(12, 9)).astype(np.float32) / 2)
    targets += noise * rng.standard_normal(targets.shape).astype(np.float32)
    ends = Range(-np.ones(12, np.float32), np.ones(12, np.float32))
    return TrainingSet(inputs, targets, ends, Range(ends.low[:9], ends.high[:9]), n - n // 4)


def after_each_epoch(training):
    """The losses at the end of each epoch."""
    while not training.finished:
        training.advance(0.0)
        if training.epoch == int(training.epoch):
            yield training.losses


def weights(training):
    return torch.cat([weight.flatten() for weight in training.best().weights.values()])


def rms_of(network, toy):
    model = build(12)
    model.load_state_dict(dict(network.weights))
    with torch.no_grad():
        out = model(torch.from_numpy(toy.inputs[toy.n_train :])).numpy()
    return math.sqrt(np.mean((out - toy.targets[toy.n_train :]) ** 2))


def test_learning_lowers_both_errors():
    readings = list(after_each_epoch(Training(toy_set(), NetworkConfig(**SMALL), CPU)))
    assert readings[-1].data < 0.3 * readings[0].data
    assert readings[-1].held_out < 0.5 * readings[0].held_out


def test_the_best_network_on_the_validation_vectors_is_kept():
    toy = toy_set(300, noise=0.5)  # little data and much noise: it learns by heart, and validation gets worse
    training = Training(toy, NetworkConfig(**{**SMALL, "learning_rate": 0.02, "epochs": 200}), CPU)
    errors = [losses.held_out for losses in after_each_epoch(training)]
    assert min(errors) < errors[-1]
    assert training.best_error == min(errors)
    assert training.best_epoch == 1 + int(np.argmin(errors))
    assert rms_of(training.best(), toy) == pytest.approx(min(errors), rel=1e-4)


@pytest.mark.parametrize("patience", [2, 5])
def test_training_ends_after_so_many_failures(patience):
    toy = toy_set(300, noise=0.5)
    settings = {**SMALL, "learning_rate": 0.02, "epochs": 200, "patience": patience}
    errors = [losses.held_out for losses in after_each_epoch(Training(toy, NetworkConfig(**settings), CPU))]
    assert len(errors) < 200
    assert len(errors) - 1 - int(np.argmin(errors)) == patience


def test_without_failures_training_ends_with_its_epochs():
    training = Training(toy_set(), NetworkConfig(**{**SMALL, "epochs": 3}), CPU)
    assert len(list(after_each_epoch(training))) == 3
    before = weights(training)
    training.advance(1.0)
    assert torch.equal(weights(training), before)


def test_seeds_decide_everything_and_disturb_nothing():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one, same, other = (Training(toy_set(), NetworkConfig(**SMALL, seed=seed), CPU) for seed in (3, 3, 4))
    for training in (one, same, other):
        training.advance(60.0)
    assert torch.equal(weights(one), weights(same))
    assert not torch.equal(weights(one), weights(other))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_network_has_the_published_layers():
    layers = [layer for layer in build(154) if isinstance(layer, torch.nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(154, 150), (150, 80), (80, 55), (55, 9)]
    assert [type(layer) for layer in build(154)[1::2]] == [torch.nn.Tanh] * 3
    assert weight_shapes(154) == {name: tuple(w.shape) for name, w in build(154).state_dict().items()}
